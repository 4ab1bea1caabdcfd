"""Which clinical columns a survival model can use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError, nearest

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
