"""Field of view: choice, and organs that exceed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.field_of_view import FIELDS_OF_VIEW, edge_for_extent, smallest_edge_mm
from survembed.datasets.volume.organ_mask import read_mask
from survembed.errors import DataError
from tests.datasets.cases import PREPROCESSING, anatomy, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_organ_outside_the_field_of_view_warns_then_refuses(case: Case) -> None:
    warned = make_cube(case, replace(PREPROCESSING, fov_mm=(60.0, 120.0, 120.0)))
    assert 0.01 < warned.outside < 0.05
    assert any("outside the cube" in warning for warning in warned.warnings)
    codes = read_mask(case, PREPROCESSING).codes
    kept = codes[(codes.shape[0] - 30) // 2 :][:30] if codes.shape[0] % 2 == 0 else None
    if kept is not None:
        assert warned.outside == pytest.approx(1 - (kept > 0).sum() / (codes > 0).sum(), abs=1e-5)
    with pytest.raises(DataError, match="lies outside a cube of 40 × 120 × 120 mm") as refused:
        make_cube(case, replace(PREPROCESSING, fov_mm=(40.0, 120.0, 120.0)))
    assert refused.value.try_ == "--set data.fov_mm=80"


def test_smallest_edge_contains_every_organ_but_outliers() -> None:
    fits_all = np.zeros(len(FIELDS_OF_VIEW))
    fits_from_280 = np.array([0.3, 0.1, *[0.0] * (len(FIELDS_OF_VIEW) - 2)])
    fits_none = np.full(len(FIELDS_OF_VIEW), 0.2)
    assert smallest_edge_mm(np.array([fits_all, fits_all])) == 240
    assert smallest_edge_mm(np.array([fits_all, fits_from_280])) == 280
    assert smallest_edge_mm(np.array([fits_all, fits_none])) == 240


def test_edge_for_extent_is_the_next_multiple_of_20() -> None:
    assert [edge_for_extent(np.array([100.0, extent, 90.0])) for extent in (200.0, 201.0)] == [200, 220]
