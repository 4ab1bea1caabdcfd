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
"""A text column with more distinct values is free text or an identifier, not a covariate."""


def usable(covariates: Mapping[str, NDArray[Any]], wanted: Sequence[str] | None = None) -> list[str]:
    """Names of covariates that a model can use: numbers, or up to `MAX_LEVELS` distinct strings, that are not constant.

    Parameters
    ----------
    covariates
        As in `Subjects`.
    wanted
        Only these; None for all.

    Raises
    ------
    UsageError
        If one of `wanted` does not exist or cannot be used.
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
    """Number of distinct values that are not missing; 0 for text with too many."""
    if values.dtype.kind in "OUS":
        levels = set(values.tolist()) - {""}
        return len(levels) if len(levels) <= MAX_LEVELS else 0
    return len(np.unique(values[np.isfinite(values)]))


@dataclass(frozen=True)
class CovariateEncoder:
    """Encodes covariates as numbers, with medians and categories of the training part.

    Attributes
    ----------
    medians
        Median of each numeric column in the training part; it replaces missing numbers.
    levels
        Categories of each text column in the training part, the most frequent first: it is the reference of the
        indicators, and replaces missing and unknown categories.
    """

    medians: dict[str, float]
    levels: dict[str, list[str]]

    @classmethod
    def fit(
        cls, covariates: Mapping[str, NDArray[Any]], names: Sequence[str], train: NDArray[np.int64]
    ) -> CovariateEncoder:
        """Compute medians and levels from the subjects at positions `train`."""
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
