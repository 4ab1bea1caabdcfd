"""Latents without the location and scale of each centre, by ComBat: a baseline for cohorts of several centres."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError, UsageError
from survembed.evaluation.predictor import FeatureMatrix
from survembed.storage.files import digest
from survembed.survival.outcome import Bool, Float

FEWEST = 3
"""Fewest development subjects of a centre: a mean and a variance are estimated from them."""


def combat_features(
    features: FeatureMatrix, n_dims: int, name: str, centre: NDArray[Any], development: Bool
) -> FeatureMatrix:
    """The same features, their first `n_dims` columns harmonised between centres.

    ComBat is fitted on the development set alone, without covariates and without outcomes. Columns that do not vary
    there stay as they are.

    Parameters
    ----------
    features
        Of all N subjects, latents first.
    name, centre
        Clinical column and its values (N,).
    development
        (N,) whether a subject is of the development set.

    Raises
    ------
    UsageError
        When neuroCombat is not installed.
    DataError
        When there is one centre only, a value is missing, or a centre has too few development subjects.

    References
    ----------
    Johnson, Li, Rabinovic, Biostatistics 8 (2007) 118; Fortin and others, NeuroImage 167 (2018) 104.
    """
    centres = centre.astype(np.str_)
    levels = np.unique(centres[development])
    _check(name, centres, levels, development)
    codes = np.searchsorted(levels, centres)
    z = features.values[:, :n_dims].copy()
    varies = z[development].std(axis=0) > 0
    z[:, varies] = _combat(z[:, varies], codes, development)
    provenance = {**features.provenance, "harmonised": digest([name, centres.tolist()])}
    return replace(features, values=np.hstack([z, features.values[:, n_dims:]]), provenance=provenance)


def _combat(z: Float, codes: NDArray[np.int64], development: Bool) -> Float:
    try:
        from neuroCombat import neuroCombat
    except ImportError:
        raise UsageError(
            "harmonisation needs the package neuroCombat",
            where="--harmonise",
            expected="an environment with the extra 'harmonise'",
            try_="pip install 'survembed[harmonise]'",
        ) from None
    import pandas as pd

    frame = pd.DataFrame({"centre": codes[development]})
    with contextlib.redirect_stdout(io.StringIO()):
        fitted = neuroCombat(dat=z[development].T, covars=frame, batch_col="centre")["estimates"]
    # neuroCombatFromTraining fails with NumPy 2.4; this is its formula.
    mean, sd = fitted["stand.mean"][:, 0] + fitted["mod.mean"].mean(axis=1), np.sqrt(fitted["var.pooled"][:, 0])
    shift, scale = fitted["gamma.star"][codes], np.sqrt(fitted["delta.star"][codes])
    adjusted: Float = ((z - mean) / sd - shift) / scale * sd + mean
    return adjusted


def _check(name: str, centres: NDArray[np.str_], levels: NDArray[np.str_], development: Bool) -> None:
    where = f"--harmonise {name}"
    if (np.isin(centres, ["", "nan"])).any():
        raise DataError(f"column '{name}' has missing values", where=where, expected="the centre of every subject")
    if len(levels) < 2:
        raise DataError(f"column '{name}' has one value only", where=where, expected="two centres or more")
    counts = {level: int((centres[development] == level).sum()) for level in np.unique(centres).tolist()}
    few = {level: n for level, n in counts.items() if n < FEWEST}
    if few:
        listed = ", ".join(f"'{level}' {n}" for level, n in list(few.items())[:5])
        raise DataError(
            f"too few development subjects of a centre to harmonise it: {listed}",
            where=where,
            expected=f"{FEWEST} or more of every centre outside the test set; a centre that was left out cannot be",
            try_="survembed evaluate without --harmonise",
        )
