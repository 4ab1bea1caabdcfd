"""Prepared cubes, one file per subject, so that an interrupted preparation can continue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from survembed.datasets.volume.cube import Cube
from survembed.storage.files import replacing


def save_cube(path: Path, cube: Cube) -> None:
    """Write a cube atomically as plain arrays, without pickle."""
    density = np.nan if cube.organ_hu is None else cube.organ_hu
    numbers = np.array([cube.organ_ml, cube.tumour_ml, cube.outside, density, *cube.further_ml])
    with replacing(path) as temporary:
        np.savez(temporary, image=cube.image, affine=cube.affine, numbers=numbers, warnings=json.dumps(cube.warnings))


def load_cube(path: Path) -> Cube | None:
    """Read a cube; None if the file is missing or damaged."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            organ_ml, tumour_ml, outside, density, *further_ml = saved["numbers"].tolist()
            warnings = tuple(json.loads(str(saved["warnings"])))
            organ_hu = None if np.isnan(density) else density
            measured = (organ_ml, tumour_ml, outside, warnings, tuple(further_ml), organ_hu)
            return Cube(saved["image"], saved["affine"], *measured)
    except Exception:  # a damaged archive raises errors of many kinds, and the cube can be made again
        return None
