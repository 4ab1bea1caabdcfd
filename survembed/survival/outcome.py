"""Duration and event of a set of subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


class Outcome(NamedTuple):
    """Right-censored outcome of n subjects.

    Attributes
    ----------
    duration
        (n,) float64, time to event or censoring.
    event
        (n,) bool, False where the subject is censored.
    """

    duration: Float
    event: Bool


def to_structured(duration: ArrayLike, event: ArrayLike) -> NDArray[np.void]:
    """The (n,) structured array `(event, time)` that scikit-survival's estimators take as y."""
    time = np.asarray(duration, dtype=np.float64)
    y = np.empty(len(time), dtype=[("event", np.bool_), ("time", np.float64)])
    y["event"], y["time"] = event, time
    return y


def from_structured(y: NDArray[np.void]) -> Outcome:
    """The outcome of a scikit-survival y: a structured array of a bool and a float field, under any names."""
    event, time = y.dtype.names or ("event", "time")
    return Outcome(np.asarray(y[time], dtype=np.float64), np.asarray(y[event], dtype=np.bool_))
