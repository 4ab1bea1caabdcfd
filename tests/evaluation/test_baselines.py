"""Features of the baselines: columns that do not vary in a development set are left out by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survembed.errors import DataError
from survembed.evaluation.baselines import covariate_features, volume_features, with_latents
from survembed.evaluation.predictions import Division
from survembed.evaluation.predictor import FeatureMatrix
from tests.measured import Measured, measured

DIVISION = Division(np.arange(0, 60), np.arange(60, 80))


def test_covariates_that_do_not_vary_in_the_development_set_are_left_out() -> None:
    _, subjects = measured(Measured(kind="volume"))
    late = np.arange(80) >= 60
    changed = {"sex": np.where(late, "male", "female"), "age": np.where(late, 50.0, np.nan)}
    with pytest.raises(DataError, match=r"no covariate varies in the training part of repeat 0, fold 0: sex, age"):
        covariate_features(replace(subjects, covariates=changed), ["sex", "age"], DIVISION)
    one = replace(subjects, covariates={**subjects.covariates, "sex": changed["sex"]})
    features = covariate_features(one, ["age", "sex"], DIVISION)
    assert features.columns == ("age", "age missing")
    assert features.values.shape == (80, 2)
    assert features.notes == ("sex left out: it does not vary in the training part",)

    latents = FeatureMatrix("coxvae", ("z0",), np.zeros((80, 1)), {"weights": "w"})

    def of(division: Division) -> FeatureMatrix:
        return covariate_features(replace(subjects, covariates=changed), ["sex"], division)

    alone = with_latents("both", of, DIVISION, latents)
    assert (alone.name, alone.columns) == ("both", ("z0",))
    assert "no covariate varies" in alone.notes[0]


def test_volumes_that_are_not_known_of_all_are_no_row() -> None:
    _, subjects = measured(Measured(kind="volume"))
    assert list(volume_features(subjects)) == ["tumour volume", "organ + tumour volume"]
    organ = np.where(np.arange(80) == 3, np.nan, subjects.measures["organ_ml"])
    assert list(volume_features(replace(subjects, measures={**subjects.measures, "organ_ml": organ}))) == [
        "tumour volume"
    ]
