"""Groups of subjects by a covariate: sexes, centres, scanners, thirds of age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError, nearest

MAX_GROUPS = 20
N_QUANTILES = 3
FEW_VALUES = 6
"""A number with more distinct values is divided at its quantiles."""
MISSING = "missing"


def groups_of(name: str, values: NDArray[Any], where: str = "--by ") -> dict[str, NDArray[np.bool_]]:
    """Masks (n,) of the groups of a covariate, by value; numbers with many values in thirds; `missing` last.

    `where` is the option that names the covariate, for errors.

    Raises
    ------
    UsageError
        When it is text with too many values to be groups.
    """
    if values.dtype.kind in "OUS":
        levels = sorted(set(values.tolist()) - {""})
        if len(levels) > MAX_GROUPS:
            raise UsageError(
                f"'{name}' has {len(levels)} different values: too many for groups",
                where=f"{where}{name}",
                expected=f"a covariate with up to {MAX_GROUPS} values, or numbers",
            )
        groups = {str(level): np.asarray(values == level) for level in levels}
        missing = np.asarray(values == "")
    else:
        numbers = values.astype(np.float64)
        missing = ~np.isfinite(numbers)
        distinct = np.unique(numbers[~missing])
        if len(distinct) <= FEW_VALUES:
            groups = {f"{value:g}": numbers == value for value in distinct}
        else:
            edges = np.unique(np.quantile(numbers[~missing], np.linspace(0, 1, N_QUANTILES + 1)))
            number = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
            groups = {
                f"{low:.4g} to {high:.4g}": (number == place) & ~missing
                for place, (low, high) in enumerate(pairwise(edges))
            }
    return groups | ({MISSING: missing} if missing.any() else {})


def require_covariates(wanted: Sequence[str], covariates: Mapping[str, Any], where: str = "--by ") -> None:
    """Refuse names of covariates that a cohort does not have.

    Raises
    ------
    UsageError
        With the nearest name.
    """
    for name in wanted:
        if name not in covariates:
            close = nearest(name, list(covariates))
            raise UsageError(
                f"no covariate '{name}' in this cohort",
                where=f"{where}{name}",
                expected=f"one of {', '.join(covariates)}" if covariates else "a cohort with covariates",
                try_=f"{where}{close}" if close else None,
            )
