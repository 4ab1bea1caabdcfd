"""Thumbnails in radiological orientation."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.datasets.cases import affine_of, write_case, write_cohort
from tests.datasets.checking import SPACING, case_of, checked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def test_picture_shows_the_right_side_at_the_left_and_the_front_and_the_head_above(root: Path) -> None:
    labels = np.zeros((30, 28, 24), np.uint8)
    labels[2:28, 2:26, 2:22] = 1
    labels[20:26, 18:24, 15:20] = 2  # right, anterior, superior
    hu = np.full(labels.shape, 100, np.int16)
    write_case(root, hu, labels, affine_of(SPACING), name="s0")
    picture = imread(BytesIO(case_of(checked(root), "s0").thumbnail or b""))[..., :3]
    red = picture[..., 0] - picture[..., 1] > 0.2
    axial, coronal = red[:, : red.shape[1] // 2], red[:, red.shape[1] // 2 :]
    for panel in (axial, coronal):
        rows, columns = np.nonzero(panel)
        assert rows.mean() < panel.shape[0] / 3
        assert columns.mean() < panel.shape[1] / 3
