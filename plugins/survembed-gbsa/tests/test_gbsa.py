"""The plugin on planted data: it finds the hazard, and its options are checked."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.util import Surv
from survembed_gbsa import GBSA

from survembed.errors import UsageError
from survembed.testing import conformance

test_contract = conformance("downstream", GBSA, options={"n_estimators": 30})


def test_it_ranks_planted_hazards() -> None:
    random = np.random.default_rng(0)
    z = random.normal(size=(300, 3)).astype(np.float32)
    duration = random.exponential(np.exp(-2 * z[:, 0]))
    y = Surv.from_arrays(duration < 5, np.minimum(duration, 5))
    estimator = GBSA(n_estimators=30).build(seed=0).fit(z[:200], y[:200])
    assert np.corrcoef(estimator.predict(z[200:]), z[200:, 0])[0, 1] > 0.8  # higher dies sooner
    survival = estimator.predict_survival_function(z[200:], return_array=True)
    assert (np.diff(survival, axis=1) <= 0).all()
    again = GBSA(n_estimators=30).build(seed=0).fit(z[:200], y[:200])
    assert np.array_equal(estimator.predict(z), again.predict(z))


def test_options_are_checked() -> None:
    with pytest.raises(UsageError, match="learning_rate = 0 is not valid"):
        GBSA.configure("gbsa", {"learning_rate": 0})
