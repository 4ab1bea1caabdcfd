"""HECKTOR's layout from phantoms: PET and CT on grids of their own, primary tumour and nodes, and a table with blanks.

The uptake of the primary tumour in the PET drives the hazard. Its size, its density in the CT and the nodes do not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.storage.nifti import write_nifti
from tests.datasets.channels.studies import ball, grid

CT_SHAPE, CT_MM = (28, 28, 20), (3.0, 3.0, 4.0)
PET_SHAPE, PET_MM = (20, 20, 18), (5.0, 5.0, 5.0)
HEADER = (
    "PatientID,CenterID,Gender,Age,Weight,Tobacco,Alcohol,Performance status,HPV status (0=-; 1=+),"
    "Surgery,Chemotherapy,Relapse,RFS"
)


def write_hecktor_phantoms(root: Path, n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write n patients; return the uptake and the HU of each tumour (n, 2), and the ml (n, 2) of tumour and nodes."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    uptake, density = 8 * np.exp(0.35 * hidden), rng.normal(70, 30, n)
    ct_grid, pet_grid = grid(CT_SHAPE, CT_MM), grid(PET_SHAPE, PET_MM, 0.9)
    volumes, rows = np.zeros((n, 2)), [HEADER]
    for number in range(n):
        name = f"CHUM-{number:03d}"
        radius = 14 + rng.uniform(-1, 1)
        primary = ball(CT_SHAPE, ct_grid, radius)
        labels = primary.astype(np.uint8)
        edge = int(rng.integers(2, 5))
        labels[2 : 2 + edge, 3:6, 3:6] = 2
        volumes[number] = [primary.sum() * 0.036, (labels == 2).sum() * 0.036]
        ct = np.where(primary, density[number], 0) + rng.normal(0, 8, CT_SHAPE)
        pet = np.where(ball(PET_SHAPE, pet_grid, radius), uptake[number], 1.5) + rng.uniform(0, 0.3, PET_SHAPE)
        write_nifti(root / "imagesTr" / f"{name}__CT.nii.gz", ct.astype(np.int16), ct_grid)
        write_nifti(root / "imagesTr" / f"{name}__PT.nii.gz", pet.astype(np.float32), pet_grid)
        write_nifti(root / "labelsTr" / f"{name}.nii.gz", labels, ct_grid)
        life, limit = rng.exponential(600 * np.exp(-2 * hidden[number])), rng.exponential(3000)
        blank = number % 3 == 0
        rows.append(
            f"{name},{1 + number % 3},{'MF'[number % 2]},{50 + int(rng.integers(0, 30))},"
            f"{'' if blank else 60 + int(rng.integers(0, 40))},{'' if number % 4 else 1},{'' if number % 4 else 0},,"
            f"{'' if blank else number % 2},0,1,{int(life <= limit)},{max(1, round(min(life, limit)))}"
        )
    (root / "hecktor_ehr.csv").write_text("\n".join(rows) + "\n")
    return np.stack([uptake, density], axis=1), volumes
