"""`Reference`: the numbers of the development set from which an imported run predicts, without its subjects."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from survembed.storage.hdf5 import reading_hdf5, seal_hdf5, writing_hdf5
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.conformal import HeldOut
from survembed.survival.cox_band import CoxBand
from survembed.survival.cox_inference import HazardRatio
from survembed.survival.outcome import Float

FILE = "reference.h5"
FORMAT = "survembed-reference"
FORMAT_VERSION = 2
PARTS: dict[str, Any] = {"delta": CoxBand, "held_out": HeldOut, "baseline": dict}
"""Attributes that are several arrays."""


@dataclass(frozen=True)
class Reference:
    """Summary of the latents and outcomes of a run; no subject's latents, and no order that links two of the arrays.

    Attributes
    ----------
    n
        Subjects of the development set.
    centre, covariance
        (L,) and (L, L) of the development μ.
    components
        (2, L) first principal axes of the development μ.
    log_hazards
        (n,) increasing log-hazards of the development set; None without a head.
    cause_log_hazards
        (K, n) the same of each competing cause; None without causes.
    linear
        Whether the head is linear in the latents.
    km_times, km_survival
        (k,) steps of the Kaplan–Meier curve of the development set.
    times
        (T,) at which survival is shown; its last is the end of the follow-up.
    baseline
        Arrays of the head's `baseline_arrays`; None for a head without any.
    baseline_high, baseline_low
        (k,) limits of Breslow's log cumulative hazard; None where they are not known.
    delta
        Variance of the survival functions of a linear Cox head; None for another head.
    held_out
        Calibration of lower bounds of survival times; None without a head, or with late entry.
    part, n_compared, distances
        Reference subjects of `OutOfDistribution`, and their increasing Mahalanobis distances (m,).
    silent
        Dimensions whose μ hardly varies.
    ratios, risk_ratio
        Hazard ratios of a Cox model refitted on the test set, by dimension; and that of the log-hazard alone.
    """

    n: int
    centre: Float
    covariance: Float
    components: Float
    log_hazards: Float | None
    cause_log_hazards: Float | None
    linear: bool
    km_times: Float
    km_survival: Float
    times: Float
    baseline: dict[str, Float] | None
    baseline_high: Float | None
    baseline_low: Float | None
    delta: CoxBand | None
    held_out: HeldOut | None
    part: str
    n_compared: int
    distances: Float
    silent: tuple[int, ...]
    ratios: dict[int, HazardRatio]
    risk_ratio: HazardRatio | None

    @property
    def last_time(self) -> float:
        """End of the follow-up of the development set."""
        return float(self.times[-1])

    @property
    def band(self) -> tuple[BreslowBaseline, BreslowBaseline] | None:
        """The baseline at the upper and the lower end of its interval; None where they are not known."""
        if not self.baseline or self.baseline_high is None or self.baseline_low is None:
            return None
        high, low = (
            BreslowBaseline(self.baseline["times"], end, self.last_time)
            for end in (self.baseline_high, self.baseline_low)
        )
        return high, low

    def save(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        with writing_hdf5(path) as (file, _):
            file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
            plain: dict[str, Any] = {}
            for each in fields(self):
                value = getattr(self, each.name)
                if isinstance(value, np.ndarray):
                    file[each.name] = value
                elif each.name in PARTS:
                    arrays = value if isinstance(value, dict) else {} if value is None else vars(value)
                    for name, part in arrays.items():
                        file[f"{each.name}/{name}"] = part
                else:
                    plain[each.name] = value
            plain["ratios"] = {str(dimension): asdict(ratio) for dimension, ratio in self.ratios.items()}
            plain["risk_ratio"] = asdict(self.risk_ratio) if self.risk_ratio else None
            file.attrs["plain"] = json.dumps(plain)
            seal_hdf5(file)

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read a reference.

        Raises
        ------
        RunError
            When the file is missing, damaged or of another format.
        """
        with reading_hdf5(
            path, (FORMAT, FORMAT_VERSION), "cannot be read", "import the archive of the run again"
        ) as file:
            plain = json.loads(file.attrs["plain"])
            arrays = {name: file[name][()] for name in file if name not in PARTS}
            parts = {
                name: kind(**{each: file[name][each][()] for each in file[name]}) if name in file else None
                for name, kind in PARTS.items()
            }
        plain["ratios"] = {int(dimension): HazardRatio(**ratio) for dimension, ratio in plain["ratios"].items()}
        plain["risk_ratio"] = HazardRatio(**plain["risk_ratio"]) if plain["risk_ratio"] else None
        return cls(**{**plain, "silent": tuple(plain["silent"]), **arrays, **parts})
