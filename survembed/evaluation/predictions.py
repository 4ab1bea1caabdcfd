"""Out-of-sample predictions of survival models, and the HDF5 file that stores them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from survembed.storage.hdf5 import reading_hdf5, seal_hdf5, writing_hdf5
from survembed.survival.outcome import Float, Outcome

FORMAT = "survembed-predictions"
FORMAT_VERSION = 1

OUTCOME = ("obs/duration", "obs/event", "obs/entry")
"""Datasets of the outcome; the last only where subjects enter late."""

BASE = "base"
"""Model name of a run's own head."""
KAPLAN_MEIER = "Kaplan-Meier"
"""Model name of the null model, which uses no features."""

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Division:
    """Development set and test set of one fold; a single run is a division with one fold.

    Attributes
    ----------
    development, test
        (k,) and (m,) positions in the cohort. The development set is all subjects outside the test set.
    repeat, fold
        Numbers of the division and of the fold in it, from 0.
    """

    development: Positions
    test: Positions
    repeat: int = 0
    fold: int = 0


class CausePrediction(NamedTuple):
    """Predictions for one competing cause: its name, risk (m,) higher = worse, and incidence (m, T)."""

    cause: str
    risk: Float
    incidence: Float


@dataclass(frozen=True)
class Predictions:
    """Predictions of one survival model for the m test subjects of one fold.

    Attributes
    ----------
    features
        Input of the model: the name of the network whose latents it uses, `tumour volume`, `covariates`, …
    model
        `base` for a run's own head, `Kaplan-Meier`, or the name of a downstream model.
    division
        Development set, on which the model was fitted, and test set.
    seed
        Seed of the training and of the fit.
    risk
        (m,) float64, higher = worse, on a scale of this model alone.
    survival
        (m, T) predicted S(t) on the common times.
    notes
        Features left out, and warnings of the fit.
    provenance
        Hash of everything that the predictions depend on.
    causes
        Of each competing cause, for a model that tells them apart; `risk` and `survival` are those of any event.
    """

    features: str
    model: str
    division: Division
    seed: int
    risk: Float
    survival: Float
    notes: tuple[str, ...] = ()
    provenance: str = ""
    causes: tuple[CausePrediction, ...] = ()

    @property
    def storage_key(self) -> tuple[str, str, int, int, int]:
        """Key in a file, which contains one set of predictions for each key."""
        return self.features, self.model, self.division.repeat, self.division.fold, self.seed

    def on(self, grid: Float, times: Float) -> Predictions:
        """The same with its curves on `grid`, a part of its `times` (T,)."""
        if len(grid) == len(times):
            return self
        kept = np.isin(times, grid)
        causes = tuple(each._replace(incidence=each.incidence[:, kept]) for each in self.causes)
        return replace(self, survival=self.survival[:, kept], causes=causes)


@dataclass(frozen=True)
class PredictedCohort:
    """The cohort to which predictions refer.

    Attributes
    ----------
    fingerprint
        Of the cohort.
    id, outcome
        (N,) of all subjects.
    times
        (T,) grid of the survival functions.
    """

    fingerprint: str
    id: NDArray[np.str_]
    outcome: Outcome
    times: Float

    def part(self, positions: Positions) -> Outcome:
        """Outcome of the subjects at these positions."""
        return self.outcome.take(positions)


def save_predictions(path: Path, cohort: PredictedCohort, predictions: Iterable[Predictions]) -> None:
    """Write predictions to an HDF5 file, whole or not at all.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    with writing_hdf5(path) as (file, _):
        file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, cohort=cohort.fingerprint)
        file["times"] = cohort.times
        file.create_dataset("obs/id", data=cohort.id.astype(object), dtype=h5py.string_dtype())
        for name, values in zip(OUTCOME, cohort.outcome, strict=False):
            file[name] = values
        for number, each in enumerate(predictions):
            group = file.create_group(f"predictions/{number}")
            names = ("features", "model", "repeat", "fold", "seed")
            group.attrs.update(dict(zip(names, each.storage_key, strict=True)))
            group.attrs.update(notes=json.dumps(each.notes), provenance=each.provenance)
            group["development"], group["test"] = each.division.development, each.division.test
            group["risk"], group["survival"] = each.risk, each.survival
            for place, (cause, risk, incidence) in enumerate(each.causes, start=1):
                part = group.create_group(f"causes/{place}")
                part.attrs["cause"], part["risk"], part["incidence"] = cause, risk, incidence
        seal_hdf5(file)


def load_predictions(path: Path, cohort: PredictedCohort) -> list[Predictions]:
    """Read stored predictions; none where they refer to another cohort, other outcomes or another time grid.

    Raises
    ------
    RunError
        When the file is missing, damaged or of another format.
    """
    stored, predictions = read_predictions(path)
    own, asked = (stored.times, *stored.outcome), (cohort.times, *cohort.outcome)
    same = len(own) == len(asked) and all(map(np.array_equal, own, asked))
    return predictions if same and stored.fingerprint == cohort.fingerprint else []


def read_predictions(path: Path) -> tuple[PredictedCohort, list[Predictions]]:
    """The cohort of a file of predictions, and all that it contains.

    Raises
    ------
    RunError
        When the file is missing, damaged or of another format.
    """
    with reading_hdf5(path, (FORMAT, FORMAT_VERSION), "cannot be read", "survembed evaluate") as file:
        outcome = Outcome(*(file[name][:] for name in OUTCOME if name in file))
        ids = np.array(file["obs/id"].asstr()[:], dtype=np.str_)
        cohort = PredictedCohort(str(file.attrs["cohort"]), ids, outcome, file["times"][:])
        return cohort, [_read(group) for group in file.get("predictions", {}).values()]


def _read(group: h5py.Group) -> Predictions:
    attributes, parts = group.attrs, group.get("causes", {})
    causes = [parts[str(place)] for place in range(1, len(parts) + 1)]
    return Predictions(
        str(attributes["features"]),
        str(attributes["model"]),
        Division(group["development"][:], group["test"][:], int(attributes["repeat"]), int(attributes["fold"])),
        int(attributes["seed"]),
        group["risk"][:],
        group["survival"][:],
        tuple(json.loads(attributes["notes"])),
        str(attributes["provenance"]),
        tuple(CausePrediction(str(each.attrs["cause"]), each["risk"][:], each["incidence"][:]) for each in causes),
    )
