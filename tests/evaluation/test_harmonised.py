"""Harmonisation between centres: that of neuroCombat, learnt from the development set alone."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from survembed.errors import DataError, UsageError
from survembed.evaluation.harmonised import combat_features
from survembed.evaluation.predictor import FeatureMatrix

N = 240
CENTRE = np.array(["north", "south", "west"])[np.arange(N) % 3]
DEVELOPMENT = np.arange(N) % 4 != 0


def planted() -> FeatureMatrix:
    """Three latents, the last of which does not vary, with a shift and a scale in each centre; and a covariate."""
    rng, code = np.random.default_rng(0), np.arange(N) % 3
    z = rng.normal(size=(N, 4)) * (1 + 0.5 * code[:, None]) + 2.0 * code[:, None]
    z[:, 2] = 1.0
    return FeatureMatrix("coxvae", ("z0", "z1", "z2", "age"), z, {"weights": "w"})


def test_development_subjects_are_those_of_the_library_and_test_subjects_follow() -> None:
    library = pytest.importorskip("neuroCombat", reason="neuroCombat is not installed")
    before = planted()
    after = combat_features(before, 3, "centre", CENTRE, DEVELOPMENT)
    frame = pd.DataFrame({"centre": CENTRE[DEVELOPMENT]})
    theirs = library.neuroCombat(dat=before.values[DEVELOPMENT, :2].T, covars=frame, batch_col="centre")["data"].T
    np.testing.assert_allclose(after.values[DEVELOPMENT, :2], theirs, atol=1e-10)
    np.testing.assert_array_equal(after.values[:, 2:], before.values[:, 2:])
    assert after.provenance != before.provenance
    for name in ("south", "west"):
        ours, other = (after.values[(each == CENTRE) & ~DEVELOPMENT, :2] for each in ("north", name))
        assert np.abs(ours.mean(axis=0) - other.mean(axis=0)).max() < 1.2  # 2 and 4 before; 20 test subjects each
        assert np.abs(np.log(ours.std(axis=0) / other.std(axis=0))).max() < 0.5
    changed = planted()
    changed.values[~DEVELOPMENT] = 1e3
    again = combat_features(changed, 3, "centre", CENTRE, DEVELOPMENT)
    np.testing.assert_array_equal(again.values[DEVELOPMENT], after.values[DEVELOPMENT])


@pytest.mark.parametrize(
    ("centre", "message"),
    [
        (np.full(N, "north"), "one value only"),
        (np.where(np.arange(N) == 3, "", CENTRE), "missing values"),
        (np.where(~DEVELOPMENT, "east", CENTRE), "too few development subjects .*: 'east' 0"),
    ],
)
def test_what_cannot_be_harmonised_is_refused(centre: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        combat_features(planted(), 3, "centre", centre, DEVELOPMENT)


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neuroCombat", None)
    with pytest.raises(UsageError) as refused:
        combat_features(planted(), 3, "centre", CENTRE, DEVELOPMENT)
    assert "survembed[harmonise]" in str(refused.value.try_)
