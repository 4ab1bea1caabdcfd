"""Small NIfTI cases and cohorts on disk, for the tests of the imaging path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti

LIMIT = 10**7
PREPROCESSING = Preprocessing(
    size=(24, 24, 24),
    fov_mm=(120.0, 120.0, 120.0),
    window=(-150.0, 250.0),
    organ_labels=(),
    tumour_labels=(2,),
    voxel_limit=LIMIT,
)
SPACING = (2.0, 2.5, 3.0)


def affine_of(spacing: tuple[float, ...] = SPACING, origin: tuple[float, ...] = (-40.0, 20.0, 11.0)) -> NDArray[Any]:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return affine


def anatomy(shape: tuple[int, int, int] = (50, 44, 34), seed: int = 0) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """A CT in HU and its label map: a lopsided organ, one tumour near its edge, noise everywhere."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, count) for count in shape], indexing="ij")
    organ = (x / 0.7) ** 2 + (y / 0.6) ** 2 + (z / 0.75) ** 2 + 0.3 * x * y < 1
    tumour = (x - 0.3) ** 2 + (y - 0.1) ** 2 + (z + 0.2) ** 2 < 0.06
    labels = organ.astype(np.uint8)
    labels[tumour & organ] = 2
    hu = np.array([-1000.0, 108.0, 60.0])[labels] + rng.normal(0, 15, shape)
    return hu.astype(np.int16), labels


def write_case(
    folder: Path,
    hu: NDArray[Any],
    labels: NDArray[Any],
    affine: NDArray[Any] | None = None,
    name: str = "a",
    **scale: float,
) -> Case:
    """A CT and a label map in nnU-Net names."""
    affine = affine_of() if affine is None else affine
    for room in ("imagesTr", "labelsTr"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    case = Case(name, folder / "imagesTr" / f"{name}_0000.nii.gz", folder / "labelsTr" / f"{name}.nii.gz")
    assert case.ct is not None
    write_nifti(case.ct, hu, affine, **scale)
    write_nifti(case.mask, labels, affine)
    return case


def is_made_or_refused(case: Case, preprocessing: Preprocessing) -> bool:
    """Whether nothing but a `DataError` comes of a case, and that one with file and remedy."""
    try:
        make_cube(case, preprocessing)
    except DataError as error:
        return bool(error.where and error.remedy)
    return True


def write_cohort(folder: Path, n: int = 6, ct: bool = True) -> Path:
    """A cohort of `n` small cases with a clinical table."""
    for number in range(n):
        hu, labels = anatomy((30, 28, 24), seed=number)
        case = write_case(folder, hu, labels, affine_of((4.0, 4.0, 5.0)), name=f"s{number}")
        if not ct:
            assert case.ct is not None
            case.ct.unlink()
    rows = [f"s{number},{100 + 10 * number},{number % 2},{50 + number}" for number in range(n)]
    (folder / "clinical.csv").write_text("\n".join(["case_id,time_days,event,age", *rows]) + "\n")
    return folder
