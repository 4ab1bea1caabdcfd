"""Reconstruction errors against planted decoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from survembed.cohort.prepare import prepare
from survembed.evaluation.reconstruction import dice_of, reconstruction
from survembed.models.base import Model
from tests.planted import Planted


class Known(Model):
    """Decodes a latent, which is the position of a subject, into what it is given."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__()
        self.images = nn.Parameter(torch.from_numpy(images))

    def decode(self, z: Tensor) -> Tensor:
        return self.images[z[:, 0].long()]


@pytest.mark.parametrize("kind", ["image", "volume", "table"])
def test_perfect_and_ignorant_decoders(kind: str, tmp_path: Path) -> None:
    with prepare(Planted(kind=kind, n=70), "planted") as cohort:
        images = cohort.images(np.arange(70))
        positions = np.arange(70, dtype=np.float32)[:, None]
        train, test = np.arange(50), np.arange(50, 70)
        perfect = reconstruction(Known(images), cohort, positions, train, test)
        mean = np.repeat(images[train].mean(axis=0, keepdims=True), 70, axis=0)
        ignorant = reconstruction(Known(mean), cohort, positions, train, test)
    assert (perfect.mse, perfect.explained) == (0, 1)
    assert perfect.dice == (1 if kind == "volume" else None)
    assert ignorant.explained == pytest.approx(0, abs=1e-5)
    unit = images[train].std(axis=0) if kind == "table" else 1.0
    assert ignorant.mse == pytest.approx(np.mean(((mean - images)[test] / unit) ** 2), rel=1e-4)


def test_dice_by_hand_and_of_an_empty_lesion() -> None:
    true = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    decoded = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
    np.testing.assert_array_equal(dice_of(decoded, true), [0.5, 0.0, np.nan])
