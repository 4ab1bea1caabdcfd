"""Clinical covariates as the columns of a survival model: encoded and completed by the training part alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError, nearest
from survembed.survival.outcome import Float

MAX_LEVELS = 20
"""A column of words with more different ones is free text or an identifier, and no covariate."""


def usable(covariates: Mapping[str, NDArray[Any]], wanted: Sequence[str] | None = None) -> list[str]:
    """Names of the covariates that a model can use: numbers, or up to `MAX_LEVELS` words, that are not all the same.

    Parameters
    ----------
    covariates
        As in `Subjects`.
    wanted
        Only these; None for all.

    Raises
    ------
    UsageError
        When a wanted one is not there or of no use.
    """
    found = [name for name, values in covariates.items() if _variety(values) >= 2]
    for name in wanted or []:
        if name not in found:
            close = nearest(name, found)
            raise UsageError(
                f"no covariate '{name}' to fit on",
                where=f"--covariates {name}",
                expected=f"one of {', '.join(found)}" if found else "a cohort with covariates",
                try_=f"--covariates {close}" if close else None,
            )
    return found if wanted is None else list(wanted)


def _variety(values: NDArray[Any]) -> int:
    """Different values that are known; 0 for words with too many."""
    if values.dtype.kind in "OUS":
        levels = set(values.tolist()) - {""}
        return len(levels) if len(levels) <= MAX_LEVELS else 0
    return len(np.unique(values[np.isfinite(values)]))


@dataclass(frozen=True)
class CovariateEncoder:
    """Turns covariates into numbers, as the training part knows them.

    Attributes
    ----------
    medians
        Of numeric columns in the training part: what a missing number is taken for.
    levels
        Words of the other columns in the training part, the most frequent first: it is the reference against which the
        others are indicators, and what a missing or unheard-of word is taken for.
    """

    medians: dict[str, float]
    levels: dict[str, list[str]]

    @classmethod
    def fit(
        cls, covariates: Mapping[str, NDArray[Any]], names: Sequence[str], train: NDArray[np.int64]
    ) -> CovariateEncoder:
        """Learn medians and levels from the subjects at positions `train`."""
        medians, levels = {}, {}
        for name in names:
            values = covariates[name][train]
            if values.dtype.kind in "OUS":
                words, counts = np.unique(values[values != ""].astype(np.str_), return_counts=True)
                levels[name] = words[np.argsort(-counts, kind="stable")].tolist()
            else:
                known = values[np.isfinite(values)]
                medians[name] = float(np.median(known)) if len(known) else 0.0
        return cls(medians, levels)

    def encode(self, covariates: Mapping[str, NDArray[Any]]) -> Float:
        """(n, d) float64 of all subjects: numeric columns, then indicators."""
        columns = [
            np.where(np.isfinite(covariates[name]), covariates[name], median) for name, median in self.medians.items()
        ]
        columns += [covariates[name] == level for name, known in self.levels.items() for level in known[1:]]
        return np.stack(columns, axis=1).astype(np.float64)
