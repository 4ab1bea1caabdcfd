"""Outcomes to and from the structured arrays of scikit-survival."""

import numpy as np
import pytest
from sksurv.datasets import load_gbsg2, load_whas500

from survembed.survival.outcome import from_structured, to_structured


@pytest.mark.parametrize("load", [load_gbsg2, load_whas500])
def test_structured_round_trip(load):
    outcome = from_structured(load()[1])
    back = from_structured(to_structured(*outcome))
    assert np.array_equal(back.duration, outcome.duration)
    assert np.array_equal(back.event, outcome.event)
    assert back.duration.dtype == np.float64
