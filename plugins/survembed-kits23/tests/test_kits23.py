"""A release as it is downloaded: what is read, what is left out, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from releases import AFFINE, SPACING, entry, labels, write_release, write_table
from survembed_kits23 import KiTS23

from survembed.cohort.cohort import Cohort
from survembed.errors import DataError
from survembed.progress import QUIET
from survembed.testing import conformance

SMALL = {"size": (16, 16, 16), "fov_mm": (192.0, 192.0, 192.0)}


def prepared(root: Path, **options: Any) -> Cohort:
    path = root.parent / f"{root.name}.h5"
    KiTS23(root=root, **{**SMALL, **options}).build().prepare(path, "key", QUIET)
    return Cohort(path)


def release(folder: Path) -> dict[str, Any]:
    return {"root": write_release(folder), **SMALL}


def with_another_death(folder: Path) -> dict[str, Any]:
    write_table(write_release(folder), [entry(number, vital_status="dead") for number in range(6)])
    return {"root": folder, **SMALL}


test_contract = conformance("datasets", KiTS23, options=release, changed=with_another_death)


@pytest.mark.parametrize("imaging", [False, True])
def test_masks_and_their_volumes(tmp_path: Path, imaging: bool) -> None:
    with prepared(write_release(tmp_path / "kits", imaging=imaging)) as cohort:
        assert cohort.subjects.id.tolist() == [f"case_{number:05d}" for number in range(4)]
        names = [channel.name for channel in cohort.channels]
        assert names == ["ct"] * imaging + ["kidney", "tumour", "cyst"]
        assert [channel.name for channel in cohort.channels if channel.overlay] == ["tumour"]
        voxel_ml = float(np.prod(SPACING)) / 1000
        counts = np.array([[(labels(number) >= low).sum() for low in (1, 2, 3)] for number in range(4)])
        counts[:, 1] -= counts[:, 2]  # the tumour is label 2 alone
        masks = cohort.images(range(4))[:, imaging:]
        np.testing.assert_allclose(masks.sum(axis=(2, 3, 4)) * cohort.voxel_ml, counts * voxel_ml, rtol=2e-3)
        for name, column in zip(("organ_ml", "tumour_ml", "cyst_ml"), counts.T, strict=True):
            np.testing.assert_allclose(cohort.subjects.measures[name], column * voxel_ml)


def test_axes_are_right_anterior_superior(tmp_path: Path) -> None:
    """Stored order runs down, back and right; so does the tumour, and on the patient it stays where it was."""
    with prepared(write_release(tmp_path / "kits")) as cohort:
        tumour, affine = cohort.images([0])[0, 1], cohort.subjects.affine
        assert affine is not None
        seen = affine[0][:3, :3] @ np.array(np.nonzero(tumour)) + affine[0][:3, 3:]
        centre = np.average(seen, axis=1, weights=tumour[np.nonzero(tumour)])
        expected = AFFINE[:3, :3] @ np.argwhere(labels(0) == 2).mean(axis=0)
        np.testing.assert_allclose(centre, expected, atol=3)  # of cells of 12 mm; a mirrored axis would be 30 off


def test_survival_and_covariates(tmp_path: Path) -> None:
    with prepared(write_release(tmp_path / "kits")) as cohort:
        assert cohort.subjects.duration.tolist() == [0, 100, 200, 300]
        assert cohort.subjects.event.tolist() == [False, True, False, True]
        assert cohort.subjects.covariates["age_at_nephrectomy"].tolist() == [50, 51, 52, 53]
        assert set(cohort.subjects.covariates) == {"gender", "age_at_nephrectomy", "comorbidities.copd"}
        assert any("last_postop_egfr" in note for note in cohort.header.notes)


def test_bad_files_are_named_together(tmp_path: Path) -> None:
    root = write_release(tmp_path / "kits", n=6)
    broken = root / "dataset" / "case_00001" / "segmentation.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-20])
    nib.save(nib.Nifti1Image(np.zeros_like(labels(4)), AFFINE), root / "dataset" / "case_00004" / "segmentation.nii.gz")
    with pytest.raises(DataError) as refused:
        prepared(root)
    assert refused.value.message.startswith("2 problem(s) in 6 cases:")
    assert "case_00001: segmentation.nii.gz is truncated" in refused.value.message
    assert "case_00004: segmentation.nii.gz contains no organ" in refused.value.message
    with prepared(root, skip_bad=True) as cohort:
        assert cohort.subjects.id.tolist() == ["case_00000", "case_00002", "case_00003", "case_00005"]


def test_half_downloaded_imaging_and_a_case_without_a_row(tmp_path: Path) -> None:
    root = write_release(tmp_path / "kits", imaging=True)
    (root / "dataset" / "case_00002" / "imaging.nii.gz").unlink()
    write_table(root, [entry(number) for number in (1, 2, 3)])
    with pytest.raises(DataError) as refused:
        prepared(root)
    assert "case_00002: a mask without its CT" in refused.value.message
    assert "case_00000: not in kits23.json" in refused.value.message
    with prepared(root, skip_bad=True) as cohort:
        assert cohort.subjects.id.tolist() == ["case_00001", "case_00003"]


def test_no_release_and_nothing_in_common(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no KiTS23 release in 'elsewhere'"):
        prepared(tmp_path / "elsewhere")
    root = write_release(tmp_path / "kits")
    write_table(root, [entry(number) for number in (7, 9)])
    with pytest.raises(DataError, match="no case of kits23"):
        prepared(root, skip_bad=True)
