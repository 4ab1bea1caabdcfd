"""Features of the baselines in Table 1: tumour and organ volume, and clinical covariates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.errors import DataError
from survembed.evaluation.predictions import Division
from survembed.evaluation.predictor import FeatureMatrix

TUMOUR = "tumour volume"
VOLUMES = "organ + tumour volume"
COVARIATES = "covariates"


def volume_features(subjects: Subjects) -> dict[str, FeatureMatrix]:
    """Logarithms of the measured volumes, by row; only rows whose volumes are known of all subjects."""
    features = {}
    for row, names in ((TUMOUR, ("tumour_ml",)), (VOLUMES, ("organ_ml", "tumour_ml"))):
        columns = [subjects.measures[name] for name in names if name in subjects.measures]
        if len(columns) == len(names) and np.isfinite(columns).all():
            features[row] = FeatureMatrix(
                row, names, np.log1p(np.stack(columns, axis=1)), {}
            )  # they span orders of magnitude
    return features


def covariate_features(subjects: Subjects, names: Sequence[str], division: Division) -> FeatureMatrix:
    """Covariates, encoded and completed by the development set; those that do not vary there are left out with a note.

    Raises
    ------
    DataError
        When none of them varies in the development set.
    """
    columns = subjects.covariates
    varying = usable({name: columns[name][division.development] for name in names})
    notes = tuple(f"{name} left out: it does not vary in the training part" for name in names if name not in varying)
    if not varying:
        raise DataError(
            f"no covariate varies in the training part of repeat {division.repeat}, fold {division.fold}: "
            f"{', '.join(names)}"
        )
    encoder = CovariateEncoder.fit(columns, varying, division.development)
    return FeatureMatrix(COVARIATES, tuple(encoder.names), encoder.encode(columns), {}, notes)


def with_latents(
    name: str, covariates: Callable[[Division], FeatureMatrix], division: Division, latents: FeatureMatrix
) -> FeatureMatrix:
    """Covariates and latents of a model together, as features `name`; latents alone where no covariate varies."""
    try:
        first = covariates(division)
    except DataError as error:
        return replace(latents, name=name, notes=(error.message,))
    values = np.hstack([first.values, latents.values])
    return FeatureMatrix(name, (*first.columns, *latents.columns), values, latents.provenance, first.notes)
