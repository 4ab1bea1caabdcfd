"""A simulated cohort of latents with known hazards, and one real cohort."""

from dataclasses import dataclass

import numpy as np
import pytest
from sksurv.datasets import load_whas500

from survembed.survival.outcome import Float, Outcome, from_structured


@dataclass
class Latents:
    z: Float
    outcome: Outcome
    log_hazard: Float


@pytest.fixture
def latents():
    """300 subjects, four latents of which two matter; log-hazard z0 - z2, exponential lives, a third censored."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 4)) * [1, 1, 2, 0.5] + [0, 3, 0, 0]
    log_hazard = z[:, 0] - z[:, 2] / 2
    life, censored = rng.exponential(np.exp(-log_hazard)), rng.exponential(2, size=300)
    outcome = Outcome(np.minimum(life, censored) * 100, life < censored)
    return Latents(z.astype(np.float32), outcome, log_hazard)


@pytest.fixture
def whas500():
    x, y = load_whas500()
    return x.to_numpy(np.float32), y, from_structured(y)
