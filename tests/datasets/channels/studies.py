"""A study of PET, CT and two labels in the layout of HECKTOR, each on a grid of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.datasets import Volumes
from survembed.storage.nifti import write_nifti

CENTRE = np.array([12.0, -30.0, 55.0])
"""Of the lesion, in RAS mm."""


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float], shift: float = 0.0) -> NDArray[np.float64]:
    """Affine of a grid centred near the lesion, its first two axes to left and posterior."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = CENTRE + shift - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def ball(shape: tuple[int, int, int], affine: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    return np.asarray(np.linalg.norm(points - CENTRE, axis=-1) <= radius)


def write_subject(images: Path, labels: Path, name: str, uptake: float, seed: int = 0) -> None:
    """CT of 2 × 2 × 3 mm with a lesion of 60 HU in 0 HU, PET of 4 mm with `uptake` in it; labels 1 and 2 on the CT."""
    random = np.random.default_rng(seed)
    shape, affine = (50, 50, 30), grid((50, 50, 30), (2, 2, 3))
    inside = ball(shape, affine, 12)
    ct = np.where(inside, 60, 0) + random.normal(0, 5, shape)
    write_nifti(images / f"{name}__CT.nii.gz", ct.astype(np.int16), affine)
    pet_shape, pet_affine = (30, 30, 28), grid((30, 30, 28), (4, 4, 4), 0.7)
    pet = np.where(ball(pet_shape, pet_affine, 12), uptake, 1.0) + random.uniform(0, 0.1, pet_shape)
    write_nifti(images / f"{name}__PT.nii.gz", pet.astype(np.float32), pet_affine)
    both = inside.astype(np.uint8)
    both[2:5, 2:5, 2:5] = 2
    write_nifti(labels / f"{name}.nii.gz", both, affine)


def write_hecktor(root: Path, n: int = 4) -> Path:
    for number in range(n):
        write_subject(root / "imagesTr", root / "labelsTr", f"CHUM-{number:03d}", 5.0 + number, number)
    rows = [f"CHUM-{number:03d},{100 + 10 * number},{int(number != 1)},{50 + number}" for number in range(n)]
    (root / "ehr.csv").write_text("\n".join(["PatientID,time_days,event,age", *rows]) + "\n")
    return root


def volumes(root: Path, **options: object) -> Volumes:
    values = {"root": root, "labels": "tumour=1,nodes=2", "size": 24, "fov_mm": 96, **options}
    return Volumes.model_validate(values)
