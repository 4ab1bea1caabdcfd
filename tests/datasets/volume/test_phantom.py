"""The phantom: files like those of scanners, known log-hazards, the requested effect."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from sksurv.metrics import concordance_index_censored

from survembed.datasets.volume.phantom import (
    TRUTH_COLUMN,
    cached_phantom,
    draw_outcomes,
    is_phantom,
    write_phantom,
)
from survembed.survival.kaplan_meier import kaplan_meier

N = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, N, seed=3, shape=(48, 48, 24))
    return folder


def test_table_says_what_the_files_hold(folder: Path) -> None:
    table = pd.read_csv(folder / "clinical.csv")
    assert len(table) == N
    for row in table.itertuples():
        image = nib.load(folder / "labelsTr" / f"{row.case_id}.nii.gz")
        labels = np.asarray(image.dataobj)
        voxel = float(np.prod(image.header.get_zooms())) / 1000
        assert row.tumour_ml == pytest.approx((labels == 2).sum() * voxel, rel=1e-4, abs=1e-3)
        assert row.organ_ml == pytest.approx((labels > 0).sum() * voxel, rel=1e-4)
        ct = nib.load(folder / "imagesTr" / f"{row.case_id}_0000.nii.gz")
        hu = ct.get_fdata()
        np.testing.assert_allclose(ct.affine, image.affine)
        assert 70 < hu[labels == 1].mean() < 150
        if (labels == 2).any():
            assert hu[labels == 2].mean() < hu[labels == 1].mean() - 5
    load = np.log1p(table.tumour_ml)
    np.testing.assert_allclose(table[TRUTH_COLUMN], (load - load.mean()) / load.std(ddof=0), atol=1e-4)


def test_files_vary_as_real_ones_do(folder: Path) -> None:
    images = [nib.load(path) for path in sorted((folder / "imagesTr").iterdir())]
    assert len({"".join(nib.aff2axcodes(image.affine)) for image in images}) > 10
    assert len({image.get_data_dtype() for image in images}) >= 3
    assert len({image.dataobj.slope for image in images}) >= 2
    assert len({tuple(np.round(sorted(image.header.get_zooms()), 2)) for image in images}) > 10
    assert any(image.get_fdata().min() < -2900 for image in images)


def test_drawing_is_reproducible_and_prefixes_agree(folder: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path, 3, seed=3, shape=(48, 48, 24))
    for path in sorted((tmp_path / "imagesTr").iterdir()):
        assert path.read_bytes() == (folder / "imagesTr" / path.name).read_bytes()
    write_phantom(tmp_path, 3, seed=4, shape=(48, 48, 24))
    for path in sorted((tmp_path / "imagesTr").iterdir()):
        assert path.read_bytes() != (folder / "imagesTr" / path.name).read_bytes()


def test_times_follow_the_planted_law() -> None:
    rng = np.random.default_rng(0)
    tumour_ml = np.expm1(rng.normal(3, 1, 4000).clip(0))
    duration, event, log_hazard = draw_outcomes(tumour_ml, 1.0, rng)
    assert event.mean() == pytest.approx(0.83, abs=0.001)
    assert log_hazard.std() == pytest.approx(1)
    assert concordance_index_censored(event, duration, log_hazard)[0] == pytest.approx(0.735, abs=0.015)
    neutral, seen, nothing = draw_outcomes(tumour_ml, 0.0, rng)
    assert np.all(nothing == 0)
    assert concordance_index_censored(seen, neutral, tumour_ml)[0] == pytest.approx(0.5, abs=0.02)
    assert duration.min() >= 1


@pytest.mark.parametrize(("effect", "expected"), [(0.25, 0.57), (0.5, 0.63), (1.5, 0.80)])
def test_effect_sets_the_ceiling(effect: float, expected: float) -> None:
    rng = np.random.default_rng(1)
    tumour_ml = np.expm1(rng.normal(3, 1, 4000).clip(0))
    duration, event, log_hazard = draw_outcomes(tumour_ml, effect, rng)
    assert concordance_index_censored(event, duration, log_hazard)[0] == pytest.approx(expected, abs=0.02)


def test_median_survival_at_zero_hazard() -> None:
    duration, event, log_hazard = draw_outcomes(np.full(20_000, 10.0), 1.0, np.random.default_rng(0))
    np.testing.assert_allclose(log_hazard, 0, atol=1e-5)
    assert kaplan_meier(duration.astype(float), event).median() == pytest.approx(450, rel=0.05)


def test_cache_is_reused_and_never_half_there(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cached_phantom(2, 11, 1.0)
    assert is_phantom(folder)
    stamp = (folder / "clinical.csv").stat().st_mtime_ns
    assert cached_phantom(2, 11, 1.0) == folder
    assert (folder / "clinical.csv").stat().st_mtime_ns == stamp

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("survembed.datasets.volume.phantom.write_subject", interrupted)
    before = sorted(folder.parent.iterdir())
    with pytest.raises(KeyboardInterrupt):
        cached_phantom(2, 12, 1.0)
    assert sorted(folder.parent.iterdir()) == before


def test_age_and_stage_change_the_hazard_only_where_they_have_an_effect(tmp_path: Path) -> None:
    for name, effects in (("plain", {}), ("clinical", {"age_effect": 0.7, "stage_effect": -0.5})):
        write_phantom(tmp_path / name, 4, seed=3, shape=(24, 24, 12), **effects)
    plain, clinical = (pd.read_csv(tmp_path / name / "clinical.csv") for name in ("plain", "clinical"))
    assert "age" not in plain
    added = 0.7 * (clinical["age"] - 60) / 10 - 0.5 * (clinical["stage"] == "III")
    np.testing.assert_allclose(clinical[TRUTH_COLUMN] - plain[TRUTH_COLUMN], added, atol=1e-8)
