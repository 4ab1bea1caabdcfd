"""Comparison of the hazard that a figure claims for a decoded image with the model's own hazard of that image."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from survembed.survival.outcome import Float

ABSOLUTE, RELATIVE = math.log(1.2), 0.2
"""Claimed and re-encoded log-hazards differ above the sum of these: a factor of 1.2, and a fifth of the claim."""


def differing(claimed: Float, reencoded: Float) -> list[int]:
    """Positions at which log-hazards (n,) differ so much that a figure needs a warning.

    Parameters
    ----------
    claimed
        Of the latents that are decoded, relative to a start.
    reencoded
        Of the decoded images, by the model's encoder and head, relative to the same start.
    """
    too_far = np.abs(reencoded - claimed) > ABSOLUTE + RELATIVE * np.abs(claimed)
    return np.flatnonzero(too_far).tolist()


def slope(claimed: Float, reencoded: Float) -> float:
    """Least-squares slope of re-encoded (n,) on claimed log-hazards (n,); NaN where the claims do not vary.

    1 means that a decoded image shows the hazard that is claimed for it, 0 that it shows none (settled point 17).
    """
    centred = claimed - claimed.mean()
    spread = float(centred @ centred)
    return float(centred @ reencoded) / spread if spread > 1e-18 * len(claimed) else math.nan


def warning(steps: Float, rows: Mapping[str, tuple[Float, Float]]) -> str | None:
    """Sentence on decoded images that do not show the hazard claimed for them; None if all do.

    Parameters
    ----------
    steps
        (n,) positions along each row of a figure.
    rows
        Claimed and re-encoded log-hazards, each (n,), by name of the row.
    """
    differ = [(name, index) for name, (claimed, again) in rows.items() for index in differing(claimed, again)]
    if not differ:
        return None
    name, index = max(differ, key=lambda place: abs(np.subtract(*rows[place[0]])[place[1]]))
    claimed, again = (np.exp(values[index]) for values in rows[name])
    return (
        f"{len(differ)} of {len(steps) * len(rows)} decoded images (rows {', '.join(dict(differ))}) do not show the "
        f"claimed hazard: {name} at {steps[index]:+g} claims × {claimed:.3g}, but the model rates that image "
        f"× {again:.3g}"
    )
