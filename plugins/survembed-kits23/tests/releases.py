"""A tiny release on disk, in the layout and orientation of the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

SPACING = (8.0, 6.0, 6.0)
SHAPE = (16, 24, 32)
AFFINE = np.array([[0, 0, -6.0, 0], [0, -6.0, 0, 0], [-8.0, 0, 0, 0], [0, 0, 0, 1.0]])
"""Axes run down, to the back and to the right, as the release stores them."""


def labels(number: int) -> NDArray[np.uint8]:
    """Two kidneys, a tumour in one and a cyst in the other, in stored order."""
    found = np.zeros(SHAPE, np.uint8)
    found[4:12, 8:16, 4:10] = 1
    found[4:12, 8:16, 20:26] = 1
    found[5 : 8 + number % 3, 9:12, 5:8] = 2
    found[9:11, 13:15, 22:24] = 3
    return found


def entry(number: int, **values: Any) -> dict[str, Any]:
    """A patient as `kits23.json` has them; the odd ones have died."""
    return {
        "case_id": f"case_{number:05d}",
        "gender": "female",
        "vital_status": "dead" if number % 2 else "censored",
        "vital_days_after_surgery": 100 * number,
        "age_at_nephrectomy": 50 + number,
        "comorbidities": {"copd": bool(number % 2)},
        "last_postop_egfr": {"days_after_nephrectomy": 100 * number, "value": 70.0},
        **values,
    }


def write_release(root: Path, n: int = 4, imaging: bool = False, only_in_table: int = 2) -> Path:
    """A release of `n` cases, whose table has some more."""
    for number in range(n):
        folder = root / "dataset" / f"case_{number:05d}"
        (folder / "instances").mkdir(parents=True)  # as in the clone, and none of our business
        nib.save(nib.Nifti1Image(labels(number), AFFINE), folder / "segmentation.nii.gz")
        if imaging:
            hu = np.where(labels(number) > 0, 110, -900).astype(np.int16)
            nib.save(nib.Nifti1Image(hu, AFFINE), folder / "imaging.nii.gz")
    write_table(root, [entry(number) for number in range(n + only_in_table)])
    return root


def write_table(root: Path, entries: list[dict[str, Any]]) -> None:
    (root / "dataset" / "kits23.json").write_text(json.dumps(entries))
