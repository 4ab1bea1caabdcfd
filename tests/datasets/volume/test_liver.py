"""The dataset `liver`: options, cohorts of CTs or masks, the phantom and a public cohort."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets import Liver
from survembed.datasets.volume.phantom import write_phantom
from survembed.errors import UsageError
from survembed.storage.files import digest
from tests.datasets.cases import write_cohort
from tests.datasets.preparing import RecordingReporter, key, liver, prepared


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def test_cohort_holds_images_table_and_measures(root: Path, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    with prepared(liver(root).build(), tmp_path, reporter) as cohort:
        header, subjects = cohort.header, cohort.subjects
        assert header.title == "study"
        assert not header.synthetic
        assert [channel.name for channel in cohort.channels] == ["ct", "tumour"]
        assert cohort.channels[0].window == (-150, 250)
        assert cohort.channels[1].overlay
        assert header.spacing_mm == (150 / 16,) * 3
        assert subjects.id.tolist() == [f"s{i}" for i in range(6)]
        assert subjects.duration.tolist() == [100, 110, 120, 130, 140, 150]
        assert subjects.event.tolist() == [False, True] * 3
        assert subjects.truth is None
        assert subjects.covariates["age"].tolist() == [50, 51, 52, 53, 54, 55]
        images = cohort.images(range(6))
        volumes = images[:, 1].sum(axis=(1, 2, 3)) * cohort.voxel_ml
        np.testing.assert_allclose(volumes, subjects.measures["tumour_ml"], rtol=1e-3)
        assert subjects.affine is not None
        assert subjects.affine.shape == (6, 4, 4)
        assert subjects.source is not None
        assert all(len(source.split()) == 2 for source in subjects.source)
    assert "6 images, 6 rows in clinical.csv, 6 subjects in both" in reporter.said[0]
    assert "3 events (50%, column 'event')" in reporter.said[1]
    assert "median follow-up" in reporter.said[1]


def test_masks_only(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "masks", ct=False)
    with prepared(liver(root).build(), tmp_path) as cohort:
        assert [channel.name for channel in cohort.channels] == ["organ", "tumour"]
        organ = cohort.images(range(6))[:, 0].sum(axis=(1, 2, 3)) * cohort.voxel_ml
        np.testing.assert_allclose(organ, cohort.subjects.measures["organ_ml"], rtol=1e-4)


def test_options_are_read_from_strings_and_refused_out_of_range() -> None:
    options = Liver.configure(
        "data", {"size": "64,48,32", "fov_mm": "260", "tumour_labels": "2,3", "window": "-100,200"}
    )
    assert isinstance(options, Liver)
    assert options.size == (64, 48, 32)
    assert options.fov_mm == (260, 260, 260)
    assert options.tumour_labels == (2, 3)
    for wrong in ({"size": "64,48"}, {"window": "5,1"}, {"fov_mm": "-1"}, {"preset": "x"}, {"tumour_labels": "liver"}):
        with pytest.raises(UsageError):
            Liver.configure("data", dict(wrong))
    with pytest.raises(UsageError, match=r"size = .* is not valid") as refused:  # it is there, a part of it is not
        Liver.configure("data", {"size": "64,48"})
    assert "one number, or three" in str(refused.value.expected)


def test_stretch_has_no_scale(root: Path, tmp_path: Path) -> None:
    with prepared(liver(root, stretch=True).build(), tmp_path) as cohort:
        assert cohort.header.spacing_mm is None
        assert cohort.images([0])[0, 0].any(axis=(1, 2)).all()


def test_phantom_is_a_cohort_like_any_other_with_known_truth(tmp_path: Path) -> None:
    options = Liver(n_subjects=12, size=(16, 16, 16))
    with prepared(options.build(), tmp_path) as cohort:
        assert cohort.header.title == "synthetic liver phantom"
        assert cohort.header.synthetic
        truth = cohort.subjects.truth
        assert truth is not None
        load = np.log1p(cohort.subjects.measures["tumour_ml"])
        np.testing.assert_allclose(truth, (load - load.mean()) / load.std(), atol=1e-4)
        assert "true_log_hazard" not in cohort.subjects.covariates
        assert cohort.header.spacing_mm == (15, 15, 15)
    assert key(options) != key(Liver(n_subjects=12, size=(16, 16, 16), phantom_seed=1))
    assert key(options) != key(Liver(n_subjects=12, size=(16, 16, 16), effect=0.5))


def test_phantom_written_by_hand_is_named_synthetic_too(tmp_path: Path) -> None:
    write_phantom(tmp_path / "mine", 5, shape=(40, 40, 24))
    with prepared(liver(tmp_path / "mine", fov_mm=None).build(), tmp_path) as cohort:
        assert cohort.header.title == "synthetic liver phantom"
        assert cohort.header.synthetic
        assert cohort.subjects.truth is not None


def test_declared_truth_makes_a_cohort_synthetic(root: Path, tmp_path: Path) -> None:
    with prepared(liver(root, truth_column="age").build(), tmp_path) as cohort:
        assert cohort.header.synthetic
        assert cohort.header.title == "synthetic study"
        assert cohort.subjects.truth is not None
        assert cohort.subjects.covariates == {}


def test_kits23_goes_through_without_any_option(test_data: Path, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    with prepared(Liver(root=test_data / "kits23", size=(32, 32, 32)).build(), tmp_path, reporter) as cohort:
        assert len(cohort) == 302
        assert cohort.header.title == "kits23"
        assert cohort.subjects.event.sum() == 47
        assert cohort.header.spacing_mm == (300 / 32,) * 3
        assert (cohort.subjects.measures["organ_outside"] <= 0.01).all()
        published = cohort.subjects.covariates["tumor_ml"]
        measured = cohort.subjects.measures["tumour_ml"]
        assert np.corrcoef(published, measured)[0, 1] > 0.999
        decoded = cohort.images(range(302))[:, 1].sum(axis=(1, 2, 3)) * cohort.voxel_ml
        np.testing.assert_allclose(decoded, measured, rtol=1e-3, atol=0.002)
    assert any("3 duration(s) of 0 days, kept" in warned for warned in reporter.warned)


def test_further_channels_are_not_ignored_without_a_word(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study")
    before = key(liver(root))
    shutil.copy(root / "imagesTr" / "s1_0000.nii.gz", root / "imagesTr" / "s1_0001.nii.gz")
    reporter = RecordingReporter()
    assert digest(liver(root).build().fingerprint(reporter)) == before
    assert any("1 file(s) of further channels" in warned and "volumes" in warned for warned in reporter.warned)
