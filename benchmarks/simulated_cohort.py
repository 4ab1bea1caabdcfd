"""Cohorts with real anatomy and simulated survival, whose true hazard and number of events are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from survembed import registry
from survembed.cohort.cohort import Cohort
from survembed.cohort.prepare import prepare
from survembed.cohort.subjects import Subjects
from survembed.training.images import Images

Float = NDArray[np.float64]

STRENGTH = 0.8
"""Standard deviation of the true log-hazard."""

TEST = 0.2
"""Share of the test part."""

HAZARDS = ("volume", "shape", "both", "phantom")
"""`phantom` is the synthetic liver with its own log-hazard; the others have the anatomy of KiTS23."""


@contextmanager
def anatomy(hazard: str, kits23: Path, size: int) -> Iterator[Cohort]:
    """The prepared cohort whose subjects have the anatomy for this hazard."""
    options = {"n_subjects": 300} if hazard == "phantom" else {"root": kits23}
    with prepare(registry.load("datasets", "liver")(size=size, **options), "liver") as cohort:
        yield cohort


def true_log_hazard(cohort: Cohort, hazard: str) -> Float:
    """True log-hazard (n,) of the subjects, higher dies sooner.

    `volume` is the log of the tumour's volume, `shape` the asymmetry of the organ, uncorrelated with `volume`, and
    `both` their sum; each with a standard deviation of `STRENGTH`.
    """
    if hazard == "phantom":
        assert cohort.subjects.truth is not None
        return cohort.subjects.truth
    volume = standardised(log_volume(cohort.subjects))
    if hazard == "volume":
        return STRENGTH * volume
    shape = asymmetry(cohort)
    shape = standardised(shape - np.polyval(np.polyfit(volume, shape, 1), volume))
    return STRENGTH * (shape if hazard == "shape" else standardised(volume + shape))


def log_volume(subjects: Subjects) -> Float:
    """log(1 + tumour volume in ml), (n,)."""
    return np.log1p(np.asarray(subjects.measures["tumour_ml"], dtype=np.float64))


def asymmetry(cohort: Cohort) -> Float:
    """(right − left) / (right + left) of the organ in the halves of the cube along its first axis, (n,)."""
    organ = Images(cohort, torch.device("cpu"))[torch.arange(len(cohort.subjects))][:, 0].double().numpy()
    halves = organ.sum(axis=(2, 3)).reshape(len(organ), 2, -1).sum(axis=2)
    return (halves[:, 0] - halves[:, 1]) / np.maximum(halves.sum(axis=1), 1e-9)


def standardised(values: Float) -> Float:
    """The values (n,) with mean 0 and standard deviation 1."""
    return (values - values.mean()) / values.std()


def simulated(subjects: Subjects, truth: Float, n_events: int, draw: int) -> Subjects:
    """The same subjects with simulated outcomes and a split; the training part has exactly `n_events` events.

    Survival times are exponential, and so are times of censoring. The number of events comes from the length of the
    follow-up alone: for one draw, the parts and the survival times do not depend on it, and a longer follow-up adds
    events. The validation part, if a recipe wants one, is taken from the training part.

    Parameters
    ----------
    truth
        (n,) true log-hazards.
    draw
        Number of the draw; all chance follows from it.
    """
    rng = np.random.default_rng([23, draw])
    is_test = rng.permutation(len(subjects)) < round(TEST * len(subjects))
    time = rng.exponential(np.exp(-truth))
    censoring = rng.exponential(1.0, len(truth))
    needed = np.sort((time / censoring)[~is_test])  # follow-up from which on a subject's event is seen
    follow_up = needed[n_events - 1] * (1 + 1e-9)
    return replace(
        subjects,
        duration=1000 * np.minimum(time, follow_up * censoring),
        event=time <= follow_up * censoring,
        truth=truth,
        split=np.where(is_test, "test", "train"),
    )


def expected_c(truth: Float, risk: Float) -> float:
    """The C-index of `risk` (n,) expected over uncensored survival times with the true log-hazards `truth` (n,).

    Of two subjects, i dies first with probability 1 / (1 + exp(truth_j − truth_i)). Equal risks count half. No noise of
    outcomes remains: the C-index of the truth is the highest.
    """
    one, other = np.triu_indices(len(truth), 1)
    first = 1 / (1 + np.exp(truth[other] - truth[one]))
    sign = np.sign(risk[one] - risk[other])
    return float(np.where(sign == 0, 0.5, np.where(sign > 0, first, 1 - first)).mean())
