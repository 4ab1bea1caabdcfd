"""Reconstruction errors against planted decoders."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from survembed.cohort.prepare import prepare
from survembed.evaluation.reconstruction import dice_of, reconstruct
from tests.planted import Planted


def known(images: np.ndarray) -> Any:
    """A run that decodes a latent, the position of a subject, into the image given for it."""
    positions = np.arange(len(images), dtype=np.float32)[:, None]
    return SimpleNamespace(
        model=SimpleNamespace(head=None),
        latents=SimpleNamespace(z=positions),
        decode=lambda z: images[z[:, 0].astype(int)],
    )


@pytest.mark.parametrize("kind", ["image", "volume", "table"])
def test_perfect_and_ignorant_decoders(kind: str, tmp_path: Path) -> None:
    with prepare(Planted(kind=kind, n=70), "planted") as cohort:
        images = cohort.images(np.arange(70))
        train, test = np.arange(50), np.arange(50, 70)
        perfect = reconstruct(known(images), cohort, train, test)
        mean = np.repeat(images[train].mean(axis=0, keepdims=True), 70, axis=0)
        ignorant = reconstruct(known(mean), cohort, train, test)
        names = [channel.name for channel in cohort.channels]
    assert perfect.mean_explained == 1
    assert perfect.mean_dice == (1 if kind == "volume" else None)
    assert ignorant.mean_explained == pytest.approx(0, abs=1e-5)
    unit = images[train].std(axis=0) if kind == "table" else 1.0
    squares = ((mean - images)[test] / unit) ** 2
    for number, name in enumerate(names):
        expected = squares[:, number].reshape(len(test), -1).sum(axis=1)
        np.testing.assert_allclose(ignorant.error[name], expected, rtol=1e-4)
        if kind != "table":
            np.testing.assert_allclose(
                perfect.true_amount[name], images[test, number].reshape(len(test), -1).sum(axis=1), rtol=1e-4
            )


def test_dice_by_hand_and_of_an_empty_lesion() -> None:
    true = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    decoded = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
    np.testing.assert_array_equal(dice_of(decoded, true), [0.5, 0.0, np.nan])
