"""`Latents`: the embedding of a cohort by a run, in one HDF5 file with provenance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from survembed.cohort.subjects import position_of
from survembed.storage.files import digest
from survembed.storage.hdf5 import reading_hdf5, seal_hdf5, writing_hdf5
from survembed.survival.outcome import Outcome

FORMAT = "survembed-latents"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Latents:
    """The latents of all subjects of a cohort.

    Attributes
    ----------
    z
        (n, L) float32: μ of the posterior, or the hidden layer of DeepSurv.
    z_logvar
        (n, L) float32 log-variance of the posterior; None for a deterministic embedding.
    log_hazard
        (n,) float64 of the head of the run; None without one. Higher dies sooner.
    id, duration, event, split
        (n,) as in the cohort; `split` is the split of the run: `train`, `validation`, `test`.
    truth
        (n,) float64 true log-hazard where the data are simulated; else None.
    model, dataset, title, time_unit
        Names, and the unit of the durations. `title` marks synthetic data.
    provenance
        Inputs of the latents: hashes of weights and cohort, the model, the format.
    x, x_names
        (n, P) float64 encoded covariates of a model with covariates, and their names; None and () without.
    entry
        (n,) float64 times of late entry; None where there is none.
    cause
        (n,) number of the cause of each event, from 1, and 0 for a censored subject; None for one kind of event.
    """

    z: NDArray[np.float32]
    z_logvar: NDArray[np.float32] | None
    log_hazard: NDArray[np.float64] | None
    id: NDArray[np.str_]
    duration: NDArray[np.float64]
    event: NDArray[np.bool_]
    split: NDArray[np.str_]
    truth: NDArray[np.float64] | None
    model: str
    dataset: str
    title: str
    time_unit: str
    provenance: dict[str, Any]
    x: NDArray[np.float64] | None = None
    x_names: tuple[str, ...] = ()
    entry: NDArray[np.float64] | None = None
    cause: NDArray[np.int64] | None = None

    @property
    def inputs(self) -> NDArray[np.float64]:
        """Input of the head: [z, x] (n, L + P), or z (n, L) for a model without covariates."""
        z = self.z.astype(np.float64)
        return z if self.x is None else np.hstack([z, self.x])

    @property
    def outcome(self) -> Outcome:
        """Durations, events and late entries of all subjects."""
        return Outcome(self.duration, self.event, self.entry)

    @property
    def test(self) -> NDArray[np.bool_]:
        """(n,) True in the test part."""
        return np.asarray(self.split == "test")

    def position(self, subject: str) -> int:
        """Row of the subject with this id.

        Raises
        ------
        DataError
            When no subject has this id; the error proposes the nearest.
        """
        return position_of(subject, self.id)

    def save(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        text = h5py.string_dtype()
        with writing_hdf5(path) as (file, _):
            file.attrs["format"] = FORMAT
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["provenance"] = digest(self.provenance)
            file.attrs["provenance_fields"] = json.dumps(self.provenance, sort_keys=True)
            for name in ("model", "dataset", "title", "time_unit"):
                file.attrs[name] = getattr(self, name)
            file["z"] = self.z.astype(np.float32)
            if self.z_logvar is not None:
                file["z_logvar"] = self.z_logvar.astype(np.float32)
            if self.log_hazard is not None:
                file["log_hazard"] = self.log_hazard.astype(np.float64)
            obs = file.create_group("obs")
            obs["duration"] = self.duration
            obs["event"] = self.event
            for name in ("id", "split"):
                obs.create_dataset(name, data=getattr(self, name).astype(object), dtype=text)
            for name in ("truth", "entry", "cause"):
                if getattr(self, name) is not None:
                    obs[name] = getattr(self, name)
            if self.x is not None:
                file["x"] = self.x
                file.attrs["x_names"] = json.dumps(self.x_names)
            seal_hdf5(file)

    @classmethod
    def load(cls, path: Path) -> Latents:
        """Read latents.

        Raises
        ------
        RunError
            When the file is missing, damaged or of another format.
        """
        with reading_hdf5(
            path, (FORMAT, FORMAT_VERSION), "contains no latents of this version", "survembed embed"
        ) as file:
            obs = file["obs"]
            return cls(
                z=file["z"][:],
                z_logvar=file["z_logvar"][:] if "z_logvar" in file else None,
                log_hazard=file["log_hazard"][:] if "log_hazard" in file else None,
                id=obs["id"].asstr()[:].astype(np.str_),
                duration=obs["duration"][:],
                event=obs["event"][:].astype(np.bool_),
                split=obs["split"].asstr()[:].astype(np.str_),
                truth=obs["truth"][:] if "truth" in obs else None,
                model=str(file.attrs["model"]),
                dataset=str(file.attrs["dataset"]),
                title=str(file.attrs["title"]),
                time_unit=str(file.attrs["time_unit"]),
                provenance=json.loads(file.attrs["provenance_fields"]),
                x=file["x"][:] if "x" in file else None,
                x_names=tuple(json.loads(file.attrs["x_names"])) if "x" in file else (),
                entry=obs["entry"][:] if "entry" in obs else None,
                cause=obs["cause"][:] if "cause" in obs else None,
            )

    def differs_from(self, provenance: dict[str, Any]) -> list[str]:
        """Names of the fields in which the provenance of these latents differs from `provenance`."""
        names = sorted(set(self.provenance) | set(provenance))
        return [name for name in names if self.provenance.get(name) != provenance.get(name)]
