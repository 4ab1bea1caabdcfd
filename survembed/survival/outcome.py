"""Duration and event of a set of subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """Right-censored outcome of n subjects; unpacks into `duration`, `event` and, where some enter late, `entry`.

    Attributes
    ----------
    duration
        (n,) float64, time to event or censoring.
    event
        (n,) bool, False where the subject is censored.
    entry
        (n,) float64, time from which the subject is under observation, less than `duration`; None where all are from
        the start. A subject is at risk at t if entry < t ≤ duration.
    """

    duration: Float
    event: Bool
    entry: Float | None = None

    def take(self, index: NDArray[np.integer[Any]] | NDArray[np.bool_] | slice) -> Outcome:
        """The outcome of the subjects at `index`: positions or a mask."""
        return Outcome(*(values[index] for values in self))

    def __getitem__(self, column: int) -> Any:
        return tuple(self)[column]

    def __iter__(self) -> Iterator[Any]:
        yield self.duration
        yield self.event
        if self.entry is not None:
            yield self.entry


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
