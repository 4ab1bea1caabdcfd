"""surv-digits: needs nothing, and has the ceiling of the simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.datasets import load_digits

from survembed.datasets import SurvDigits
from survembed.datasets.digits.surv_digits import stratified_split
from survembed.progress import QUIET
from tests.datasets.preparing import prepared


def test_cohort(tmp_path: Path) -> None:
    cohort = prepared(SurvDigits().build(), tmp_path)
    images, labels = load_digits(return_X_y=True)
    assert len(cohort) == 1797
    assert cohort.shape == (8, 8)
    np.testing.assert_allclose(cohort.images(range(1797)).reshape(-1, 64), images / 16, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(cohort.subjects.covariates["digit"], labels)
    assert cohort.header.synthetic
    assert "simulated" in cohort.header.title
    truth = cohort.subjects.truth
    assert truth is not None
    ceiling = concordance_index(cohort.subjects.duration, -truth, cohort.subjects.event)
    assert ceiling == pytest.approx(0.818, abs=0.015)


def test_split_is_stratified_and_fixed() -> None:
    labels = load_digits(return_X_y=True)[1]
    split = stratified_split(labels)
    np.testing.assert_array_equal(split, stratified_split(labels))
    shares = [(split[labels == digit] == "test").mean() for digit in range(10)]
    assert shares == pytest.approx([0.3] * 10, abs=0.004)
    assert (split == "test").sum() == 539


@pytest.mark.parametrize("scheme", ["gensheimer", "xcal", "poelsterl"])
def test_other_schemes(tmp_path: Path, scheme: str) -> None:
    options = SurvDigits(scheme=scheme)
    cohort = prepared(options.build(), tmp_path)
    assert scheme in cohort.header.title
    assert options.build().fingerprint(QUIET) != SurvDigits().build().fingerprint(QUIET)
    whole = stratified_split(load_digits(return_X_y=True)[1])
    rows = [int(subject.removeprefix("digit-")) for subject in cohort.subjects.id]
    assert cohort.subjects.split is not None
    np.testing.assert_array_equal(cohort.subjects.split, whole[rows])


def test_seed_changes_times_only(tmp_path: Path) -> None:
    one, two = (prepared(SurvDigits(seed=seed).build(), tmp_path) for seed in (0, 1))
    assert (one.subjects.duration != two.subjects.duration).any()
    np.testing.assert_array_equal(one.subjects.split, two.subjects.split)
    np.testing.assert_array_equal(one.subjects.truth, two.subjects.truth)
