"""From a folder to a cohort: joined, exact, continued where it stopped, and honest about what is wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from survembed.cohort.cohort import Cohort
from survembed.datasets import Liver
from survembed.datasets.scan.case import Case
from survembed.datasets.volume import cubes as module
from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.phantom import write_phantom
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError, UsageError
from survembed.progress import QUIET, Reporter
from survembed.storage.files import digest
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import affine_of, anatomy, write_case, write_cohort
from tests.datasets.preparing import prepared

SMALL = {"size": 16, "fov_mm": 150}


class Words(Reporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


def liver(root: Path, **options: object) -> Liver:
    return Liver.model_validate({"root": root, **SMALL, **options})


def key(options: Liver) -> str:
    return digest(options.build().fingerprint(QUIET))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def test_cohort_holds_images_table_and_measures(root: Path, tmp_path: Path) -> None:
    words = Words()
    with prepared(liver(root).build(), tmp_path, words) as cohort:
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
    assert "6 images, 6 rows in clinical.csv, 6 subjects in both" in words.said[0]
    assert "3 events (50%, column 'event')" in words.said[1]
    assert "median follow-up" in words.said[1]


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


def test_fingerprint_follows_images_table_and_options(root: Path) -> None:
    first = key(liver(root))
    assert key(liver(root)) == first
    assert key(liver(root, size=24)) != first
    assert key(liver(root, tumour_labels=(3,))) != first
    assert key(liver(root, skip_bad=True)) != first
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("100,0", "101,0"))
    second = key(liver(root))
    assert second != first
    write_case(root, *anatomy((30, 28, 24), seed=99), affine_of((4.0, 4.0, 5.0)), name="s0")
    assert key(liver(root)) != second


def test_field_of_view_is_the_smallest_that_holds_every_organ(root: Path, tmp_path: Path) -> None:
    words = Words()
    _, labels = anatomy((60, 28, 24))
    hu, _ = anatomy((60, 28, 24))
    write_case(root, hu, labels, affine_of((6.5, 4.0, 5.0)), name="s0")  # 290 mm wide
    with prepared(Liver(root=root, size=(16, 16, 16)).build(), tmp_path, words) as cohort:
        spans = np.flatnonzero((labels > 0).any(axis=(1, 2)))
        assert (spans[-1] - spans[0] + 1) * 6.5 > 260
        chosen = cohort.header.spacing_mm[0] * 16
        assert chosen in (260, 280, 300)
        assert (cohort.subjects.measures["organ_outside"] <= 0.01).all()
        assert any(f"field of view {chosen:.0f} mm" in said for said in words.said)
    with pytest.raises(DataError, match=r"s0: .* of the organ lies outside"):
        prepared(liver(root).build(), tmp_path)


def test_stretch_has_no_scale(root: Path, tmp_path: Path) -> None:
    with prepared(liver(root, stretch=True).build(), tmp_path) as cohort:
        assert cohort.header.spacing_mm is None
        assert cohort.images([0])[0, 0].any(axis=(1, 2)).all()


# Bad cases


def break_two(root: Path) -> None:
    mask = root / "labelsTr" / "s1.nii.gz"
    mask.write_bytes(mask.read_bytes()[:200])
    write_nifti(root / "labelsTr" / "s4.nii.gz", np.zeros((30, 28, 24), np.uint8), affine_of((4.0, 4.0, 5.0)))


@pytest.mark.parametrize("fov", [None, 150])
def test_bad_cases_are_all_listed_and_nothing_is_written(root: Path, tmp_path: Path, fov: int | None) -> None:
    break_two(root)
    with pytest.raises(DataError) as refused:
        prepared(liver(root, fov_mm=fov).build(), tmp_path / "out")
    assert refused.value.message.startswith("2 problem(s) in 6 cases:")
    assert "s1: s1.nii.gz is truncated" in refused.value.message
    assert "s4: s4.nii.gz contains no organ" in refused.value.message
    assert "labelsTr" in refused.value.message
    assert "skip_bad" in str(refused.value.try_)
    assert list((tmp_path / "out").glob("*.h5")) == []


def test_skip_bad_leaves_them_out_and_says_so(root: Path, tmp_path: Path) -> None:
    break_two(root)
    words = Words()
    with prepared(liver(root, skip_bad=True).build(), tmp_path, words) as cohort:
        assert cohort.subjects.id.tolist() == ["s0", "s2", "s3", "s5"]
        assert cohort.subjects.covariates["age"].tolist() == [50, 52, 53, 55]
        assert sum(note.startswith("left out: s") for note in cohort.header.notes) == 2
    assert sum("left out: s" in warned for warned in words.warned) == 2


def test_good_cases_of_a_refused_preparation_are_not_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_two(root)
    with pytest.raises(DataError):
        prepared(liver(root).build(), tmp_path)
    made = []
    monkeypatch.setattr(module, "make_cube", lambda case, preprocessing: made.append(case.id) or _refuse(case))
    prepared(liver(root, skip_bad=True).build(), tmp_path).close()
    assert sorted(made) == ["s1", "s4"]


def test_files_that_make_no_case_stand_in_one_list_with_bad_cases_and_the_rest_is_made(
    root: Path, tmp_path: Path
) -> None:
    prepared(liver(root).build(), tmp_path / "before").close()
    break_two(root)
    (root / "imagesTr" / "s2_0000.nii.gz").unlink()
    with pytest.raises(DataError) as refused:
        prepared(liver(root).build(), tmp_path / "out")
    for problem in ("s1: s1.nii.gz is truncated", "s4: s4.nii.gz contains no organ", "s2: a mask without its CT"):
        assert problem in refused.value.message
    assert len(list((tmp_path / "out").glob("*.parts/*.npz"))) == 3


def test_a_file_that_makes_no_case_is_seen_though_the_others_are_prepared(root: Path) -> None:
    before = key(liver(root))
    (root / "imagesTr" / "s9_0000.nii.gz").write_bytes(b"a CT whose mask is not drawn yet")
    assert key(liver(root)) != before


def test_cts_without_any_mask_are_named(root: Path) -> None:
    shutil.rmtree(root / "labelsTr")
    with pytest.raises(DataError, match=r"(?s)6 problem\(s\) in 'study':.*s0: a CT without its mask") as refused:
        key(liver(root))
    assert "survembed data segment" in refused.value.message


def test_what_is_left_out_of_the_table_is_said(root: Path) -> None:
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("time_days,event,age", "time_days,event,MRN").replace("s3,130", "s3,"))
    words = Words()
    liver(root, skip_bad=True).build().fingerprint(words)
    assert any("1 row(s) of the clinical table" in warned and "s3" in warned for warned in words.warned)
    assert any("could name a patient were left out: MRN" in warned for warned in words.warned)


def _refuse(case: Case) -> Cube:
    raise DataError(f"{case.mask.name} is bad", where=str(case.mask))


def test_rows_without_image_and_images_without_row(root: Path, tmp_path: Path) -> None:
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("s1,", "x1,").replace("s2,", "x2,"))
    with pytest.raises(DataError) as refused:
        prepared(liver(root).build(), tmp_path)
    assert "2 row(s) without an image: x1, x2" in refused.value.message
    assert "2 image(s) without a row: s1, s2" in refused.value.message
    table.write_text(table.read_text() + "".join(f"z{number},1,1,50\n" for number in range(8)))
    with pytest.raises(DataError, match=r"10 row\(s\) without an image: x1, x2, z0, .*, z7 \("):  # all of them
        prepared(liver(root).build(), tmp_path)
    with prepared(liver(root, skip_bad=True).build(), tmp_path) as cohort:
        assert cohort.subjects.id.tolist() == ["s0", "s3", "s4", "s5"]
    table.write_text(table.read_text().replace("s", "y").replace("time_dayy", "time_days").replace("caye", "case"))
    with pytest.raises(DataError, match=r"no id in .* is the name of an image") as refused:
        key(liver(root))
    assert "s0" in str(refused.value.expected)


def test_no_event_and_too_few_are_refused(root: Path, tmp_path: Path) -> None:
    table = root / "clinical.csv"
    text = table.read_text()
    table.write_text(text.replace(",1,", ",0,"))
    with pytest.raises(DataError, match="no event at all"):
        prepared(liver(root).build(), tmp_path / "a")
    table.write_text("\n".join(text.splitlines()[:2]) + "\n")
    with pytest.raises(DataError, match="too few"):
        prepared(liver(root, skip_bad=True).build(), tmp_path / "b")
    assert list(tmp_path.glob("*/*.h5")) == []


# Interruption


def test_interrupted_preparation_goes_on_where_it_stopped(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, path = liver(root), tmp_path / "c.h5"
    real, made = module.make_cube, []

    def counted(case: Case, preprocessing: Preprocessing) -> Cube:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(case.id)
        return real(case, preprocessing)

    with monkeypatch.context() as patch:
        patch.setattr(module, "make_cube", counted)
        patch.setattr("survembed.storage.cores.available_cores", lambda: 1)
        with pytest.raises(KeyboardInterrupt):
            options.build().prepare(path, key(options), QUIET)
        assert not path.exists()
        first, made[:] = list(made), []
        options.build().prepare(path, key(options), QUIET)
    assert set(first).isdisjoint(made)
    assert {*first, *made} == {f"s{i}" for i in range(6)}
    expected = prepared(options.build(), tmp_path / "afresh")
    with Cohort(path) as cohort:
        np.testing.assert_array_equal(cohort.stored(range(6)), expected.stored(range(6)))
    expected.close()


def test_damaged_part_is_made_again(root: Path, tmp_path: Path) -> None:
    options, path = liver(root), tmp_path / "c.h5"
    options.build().prepare(path, key(options), QUIET)
    with Cohort(path) as cohort:
        before = cohort.stored(range(6))
    for part in path.with_suffix(".parts").iterdir():
        part.write_bytes(part.read_bytes()[:-100])
    options.build().prepare(path, key(options), QUIET)
    with Cohort(path) as cohort:
        np.testing.assert_array_equal(cohort.stored(range(6)), before)


KILLED = """
import sys, time
from pathlib import Path
from survembed.datasets import Liver
from survembed.datasets.volume import cubes
from survembed.progress import QUIET
real = cubes.make_cube
def slow(case, preprocessing):
    print("made", flush=True)
    time.sleep(0.2)
    return real(case, preprocessing)
cubes.make_cube = slow
source = Liver(root=Path(sys.argv[1]), size=(16, 16, 16), fov_mm=(150, 150, 150)).build()
source.prepare(Path(sys.argv[2]), "f", QUIET)
"""


def test_killed_preparation_leaves_no_cohort(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "c.h5"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(root), str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not path.exists()
    assert not path.with_suffix(".json").exists()
    liver(root).build().prepare(path, "f", QUIET)
    with Cohort(path) as cohort:
        assert len(cohort) == 6


# Phantom and real cohorts


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
    words = Words()
    with prepared(Liver(root=test_data / "kits23", size=(32, 32, 32)).build(), tmp_path, words) as cohort:
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
    assert any("3 duration(s) of 0 days, kept" in warned for warned in words.warned)


def test_prepared_file_is_plain_hdf5_with_a_scale(root: Path, tmp_path: Path) -> None:
    with prepared(liver(root).build(), tmp_path) as cohort, h5py.File(cohort.path) as file:
        assert file["image"].dtype == np.uint8
        assert file["image"].attrs["scale"] == pytest.approx(1 / 255)
        assert file["measures/tumour_ml"].shape == (6,)
