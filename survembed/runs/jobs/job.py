"""Jobs of a sweep and its folder.

    SWEEP/sweep.json          the cohort, and the keys of all jobs
    SWEEP/runs/KEY/           a finished run like any other; `--runs-dir SWEEP/runs` reaches it with every command
    SWEEP/cells/KEY/          config.json and lock of a job, and its run during training
    SWEEP/cells/KEY/failed.json   reason of a failed job

A run is moved into `runs` in one step when its training has completed; the first to complete stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from survembed.errors import DataError, RunError, UsageError
from survembed.storage.files import digest, make_folder, read_json, write_json
from survembed.storage.locks import is_held
from survembed.storage.sealed import read_sealed, require_format, write_sealed

FORMAT = "survembed-sweep"
FORMAT_VERSION = 1
RECORD, LOCK = "sweep.json", "sweep.lock"

State = Literal["waiting", "running", "finished", "failed"]


@dataclass(frozen=True)
class Job:
    """One training of a sweep.

    Attributes
    ----------
    key
        Name of its folder: model, τ, division, fold, seed, and a digest of all that decides the training.
    config
        As in `config.json` of a run; jobs are equal where their keys are.
    """

    key: str
    config: dict[str, Any] = field(compare=False)

    @classmethod
    def of(cls, config: dict[str, Any], cohort: str) -> Job:
        """The job of a configuration on a cohort with that fingerprint.

        The digest covers the cohort's content, model, head, training, split and seed, but neither paths nor the device,
        so that a sweep can be moved and shared between machines.
        """
        decisive = {name: config[name] for name in ("model", "head", "train", "split", "seed")}
        name, tau = str(config["model"]["name"]).replace(":", "-"), config["model"].get("tau")
        split = config["split"]
        labels = [f"tau{tau:g}"] if tau is not None else []
        labels += ["covariates"] if config["train"].get("covariates") else []
        labels += [f"r{split['repeat']}f{split['fold']}"] if split["folds"] else [f"r{split['repeat']}"]
        label = "-".join([name, *labels, f"s{config['seed']}"])
        return cls(f"{label}-{digest({'cohort': cohort, **decisive})[:12]}", config)

    @property
    def model(self) -> str:
        """Name of the model, as a row of a table; one with covariates is a model of its own."""
        return model_name(str(self.config["model"]["name"]), self.config["train"].get("covariates", ()))

    @property
    def tau(self) -> float | None:
        """τ; None for a model without."""
        value = self.config["model"].get("tau")
        return None if value is None else float(value)

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return int(self.config["seed"])

    @property
    def repeat(self) -> int:
        """Which division of the subjects."""
        return int(self.config["split"]["repeat"])

    @property
    def fold(self) -> int:
        """Which fold of that division is the test part."""
        return int(self.config["split"]["fold"])


def model_name(model: str, covariates: Sequence[str]) -> str:
    """Name of a model in tables: `coxvae`, or `covariates + coxvae, joint` where it was trained with covariates."""
    return f"covariates + {model}, joint" if covariates else model


class SweepFolder:
    """The folder of a sweep.

    Parameters
    ----------
    path
        Created when jobs are added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs = path / "runs"

    def require_own(self) -> None:
        """Refuse a folder of something else: it is not empty, and holds no sweep.

        Raises
        ------
        UsageError
            When it does.
        """
        try:
            others = [each.name for each in self.path.iterdir()] if self.path.exists() else []
        except OSError as error:
            raise UsageError(f"{self.path} is no folder to write to: {error.strerror}", where=str(self.path)) from error
        foreign = [name for name in others if not name.startswith((LOCK, "."))]  # these a killed sweep leaves
        if foreign and not {RECORD, "cells"} & set(foreign):
            raise UsageError(
                f"{self.path} is not empty and holds no sweep",
                where=str(self.path),
                expected=f"a new or empty folder, or one with {RECORD}",
                try_="--sweep-dir with another folder",
            )

    def record(self) -> dict[str, Any]:
        """The content of `sweep.json`: cohort, title and the keys of all jobs.

        Raises
        ------
        RunError
            When it is missing, damaged, or of a later format.
        """
        record = _read(self.path / RECORD)
        require_format(record, FORMAT, FORMAT_VERSION, self.path / RECORD, RunError)
        return record

    def add(self, jobs: Iterable[Job], cohort: str, title: str) -> None:
        """Record jobs; recorded ones stay as they are.

        Raises
        ------
        UsageError
            When the folder holds a sweep of another cohort.
        """
        path = self.path / RECORD
        head = {"format": FORMAT, "format_version": FORMAT_VERSION, "cohort": cohort, "title": title}
        if not path.is_file():
            write_sealed(path, {**head, "cells": []})
        before = self.record()
        if before["cohort"] != cohort:
            raise UsageError(
                f"{self.path} holds a sweep of {before['title']}, of other subjects or with other preprocessing",
                where=str(path),
                expected="one cohort in one folder",
                try_="--sweep-dir with another folder",
            )
        keys = list(dict.fromkeys([*before["cells"], *(job.key for job in jobs)]))
        for job in jobs:
            config = self.job(job.key) / "config.json"
            if not config.is_file():
                write_sealed(config, job.config)
        write_sealed(path, {**head, "cells": keys})

    def job(self, key: str) -> Path:
        """Folder of a job."""
        return self.path / "cells" / key

    def lock(self, key: str) -> Path:
        """The lock of a job."""
        return self.job(key) / "lock"

    def run(self, key: str) -> Path:
        """Folder of the finished run of a job."""
        return self.runs / key

    def config(self, key: str) -> dict[str, Any]:
        """The configuration of a job."""
        return _read(self.job(key) / "config.json")

    def state(self, key: str) -> State:
        """State of a job."""
        if self.run(key).is_dir():
            return "finished"
        if is_held(self.lock(key)):
            return "running"
        return "failed" if (self.job(key) / "failed.json").is_file() else "waiting"

    def reason(self, key: str) -> str:
        """Reason why a job failed; empty where it did not."""
        try:
            return str(read_json(self.job(key) / "failed.json")["reason"])
        except (DataError, KeyError, TypeError):
            return ""

    def fail(self, key: str, reason: str, kind: str) -> None:
        """Record that a job failed; `kind` is the class of the error, or `killed`."""
        if not self.run(key).is_dir():
            write_json(self.job(key) / "failed.json", {"reason": reason, "kind": kind})

    def forget_failure(self, key: str) -> None:
        """Set a failed job back to waiting."""
        (self.job(key) / "failed.json").unlink(missing_ok=True)

    def publish(self, key: str, run: Path) -> None:
        """Move a completed run into `runs`; an earlier one stays."""
        make_folder(self.runs)
        try:
            run.rename(self.run(key))
        except OSError:
            if not self.run(key).is_dir():
                raise
            shutil.rmtree(run, ignore_errors=True)
        self.forget_failure(key)


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_sealed(path)
    except DataError as error:
        remedy = "delete this file, and the same 'survembed sweep' writes it again; finished runs stay"
        raise RunError(f"the sweep is damaged: {error.message}", where=str(path), try_=remedy) from error
