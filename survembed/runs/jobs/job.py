"""Jobs of a sweep and its folder.

    SWEEP/sweep.json          the cohort, and the keys of all jobs
    SWEEP/runs/KEY/           a finished run like any other; `--runs-dir SWEEP/runs` reaches it with every command
    SWEEP/cells/KEY/          config.json and lock of a job, and its run during training
    SWEEP/cells/KEY/failed.json   reason of a failed job

A run is moved into `runs` in one step when its training has completed; the first to complete stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from survembed.errors import DataError, UsageError
from survembed.storage.files import digest, read_json, write_json
from survembed.storage.locks import is_held

FORMAT = "survembed-sweep"
FORMAT_VERSION = 1

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
        labels += [f"r{split['repeat']}f{split['fold']}"] if split["folds"] else [f"r{split['repeat']}"]
        label = "-".join([name, *labels, f"s{config['seed']}"])
        return cls(f"{label}-{digest({'cohort': cohort, **decisive})[:12]}", config)

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.config["model"]["name"])

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

    def add(self, jobs: Iterable[Job], cohort: str, title: str) -> None:
        """Record jobs; recorded ones stay as they are.

        Raises
        ------
        UsageError
            When the folder holds a sweep of another cohort.
        """
        record = self.path / "sweep.json"
        before = read_json(record) if record.is_file() else {"cohort": cohort, "cells": []}
        if before["cohort"] != cohort:
            raise UsageError(
                f"{self.path} holds a sweep of {before['title']}, of other subjects or with other preprocessing",
                where=str(record),
                expected="one cohort in one folder",
                try_="--sweep-dir with another folder",
            )
        keys = list(dict.fromkeys([*before["cells"], *(job.key for job in jobs)]))
        for job in jobs:
            config = self.job(job.key) / "config.json"
            if not config.is_file():
                write_json(config, job.config)
        write_json(
            record,
            {"format": FORMAT, "format_version": FORMAT_VERSION, "cohort": cohort, "title": title, "cells": keys},
        )

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
        config: dict[str, Any] = read_json(self.job(key) / "config.json")
        return config

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
        self.runs.mkdir(parents=True, exist_ok=True)
        try:
            run.rename(self.run(key))
        except OSError:
            if not self.run(key).is_dir():
                raise
            shutil.rmtree(run, ignore_errors=True)
        self.forget_failure(key)
