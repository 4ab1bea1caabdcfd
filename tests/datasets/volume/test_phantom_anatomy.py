"""Anatomy of the phantom."""

from __future__ import annotations

import numpy as np

from survembed.datasets.volume.phantom_anatomy import draw_phantom


def test_organ_stays_inside_the_scan() -> None:
    touching = 0
    for number in range(40):
        labels = draw_phantom(np.random.default_rng([0, number]), (48, 48, 24)).labels > 0
        touching += any(labels.take(edge, axis).any() for axis in range(3) for edge in (0, -1))
    assert touching <= 1
