"""Prepared cubes, one file per subject, so that an interrupted preparation can continue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.hounsfield_cohort import Density
from survembed.storage.files import replacing


def save_cube(path: Path, cube: Cube) -> None:
    """Write a cube atomically as plain arrays, without pickle."""
    numbers = np.array([cube.organ_ml, cube.tumour_ml, cube.outside, *cube.further_ml])
    density, warnings = np.array(cube.density or ()), json.dumps(cube.warnings)
    with replacing(path) as temporary:
        np.savez(temporary, image=cube.image, affine=cube.affine, numbers=numbers, density=density, warnings=warnings)


def load_cube(path: Path) -> Cube | None:
    """Read a cube; None if the file is missing or damaged."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            organ_ml, tumour_ml, outside, *further_ml = saved["numbers"].tolist()
            warnings = tuple(json.loads(str(saved["warnings"])))
            density = Density(*saved["density"].tolist()) if len(saved["density"]) else None
            measured = (organ_ml, tumour_ml, outside, warnings, tuple(further_ml), density)
            return Cube(saved["image"], saved["affine"], *measured)
    except Exception:  # a damaged archive raises errors of many kinds, and the cube can be made again
        return None
