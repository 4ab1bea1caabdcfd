"""The cache of cubes: round trip, and damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.cube_cache import load_cube, save_cube
from tests.datasets.cases import PREPROCESSING, anatomy, write_case


def test_round_trip_and_damaged_files(tmp_path: Path) -> None:
    cube, path = make_cube(write_case(tmp_path, *anatomy()), PREPROCESSING), tmp_path / "cube.npz"
    assert load_cube(path) is None
    save_cube(path, cube)
    loaded = load_cube(path)
    assert loaded is not None
    np.testing.assert_array_equal(loaded.image, cube.image)
    np.testing.assert_array_equal(loaded.affine, cube.affine)
    assert (loaded.organ_ml, loaded.outside, loaded.warnings) == (cube.organ_ml, cube.outside, cube.warnings)
    path.write_bytes(path.read_bytes()[:-100])
    assert load_cube(path) is None
