"""Cells of a sweep and the folder they live in.

    SWEEP/sweep.json          the cohort, and every cell ever asked for
    SWEEP/runs/KEY/           a finished run like any other; `--runs-dir SWEEP/runs` reaches it with every command
    SWEEP/cells/KEY/          config.json, lock, what a worker said, and while it trains its run
    SWEEP/cells/KEY/failed.json   why a cell has no run

A run is moved into `runs` in one step when it is done, so what is there is finished, and the first to finish wins.
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
    """One run of a sweep, done or to be done.

    Attributes
    ----------
    key
        Names its folder: model, place in the sweep, and a digest of all that decides the training.
    config
        As `config.json` of a run holds it; cells are equal where their keys are.
    """

    key: str
    config: dict[str, Any] = field(compare=False)

    @classmethod
    def of(cls, config: dict[str, Any], cohort: str) -> Job:
        """The cell of a configuration on a cohort with that fingerprint.

        The digest is of the cohort's content, model, head, training, split and seed; neither of the place of the files
        nor of the device, so that a sweep can be moved and shared between machines.
        """
        decisive = {name: config[name] for name in ("model", "head", "train", "split", "seed")}
        name, tau = str(config["model"]["name"]).replace(":", "-"), config["model"].get("tau")
        split = config["split"]
        place = [f"tau{tau:g}"] if tau is not None else []
        place += [f"r{split['repeat']}f{split['fold']}"] if split["folds"] else [f"r{split['repeat']}"]
        label = "-".join([name, *place, f"s{config['seed']}"])
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
        Made when cells are added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs = path / "runs"

    def add(self, cells: Iterable[Job], cohort: str, title: str) -> None:
        """Write the cells down; those that are there already stay as they are.

        Raises
        ------
        UsageError
            When the folder holds a sweep of another cohort.
        """
        record = self.path / "sweep.json"
        known = read_json(record) if record.is_file() else {"cohort": cohort, "cells": []}
        if known["cohort"] != cohort:
            raise UsageError(
                f"{self.path} holds a sweep of {known['title']}, of other subjects or prepared otherwise",
                where=str(record),
                expected="one cohort in one folder",
                try_="--sweep-dir with another folder",
            )
        keys = list(dict.fromkeys([*known["cells"], *(cell.key for cell in cells)]))
        for cell in cells:
            config = self.cell(cell.key) / "config.json"
            if not config.is_file():
                write_json(config, cell.config)
        write_json(
            record,
            {"format": FORMAT, "format_version": FORMAT_VERSION, "cohort": cohort, "title": title, "cells": keys},
        )

    def cell(self, key: str) -> Path:
        """Folder of a cell's work."""
        return self.path / "cells" / key

    def lock(self, key: str) -> Path:
        """The lock of a cell."""
        return self.cell(key) / "lock"

    def run(self, key: str) -> Path:
        """Where the finished run of a cell is, or will be."""
        return self.runs / key

    def config(self, key: str) -> dict[str, Any]:
        """The configuration of a cell."""
        config: dict[str, Any] = read_json(self.cell(key) / "config.json")
        return config

    def state(self, key: str) -> State:
        """What has become of a cell so far."""
        if self.run(key).is_dir():
            return "finished"
        if is_held(self.lock(key)):
            return "running"
        return "failed" if (self.cell(key) / "failed.json").is_file() else "waiting"

    def reason(self, key: str) -> str:
        """Why a cell failed; empty where it did not."""
        try:
            return str(read_json(self.cell(key) / "failed.json")["reason"])
        except (DataError, KeyError, TypeError):
            return ""

    def fail(self, key: str, reason: str, kind: str) -> None:
        """Record why a cell has no run; `kind` is the error's class, or `killed`."""
        if not self.run(key).is_dir():
            write_json(self.cell(key) / "failed.json", {"reason": reason, "kind": kind})

    def forget_failure(self, key: str) -> None:
        """Let a failed cell be tried again."""
        (self.cell(key) / "failed.json").unlink(missing_ok=True)

    def publish(self, key: str, run: Path) -> None:
        """Move a finished run to its place; where one is there already, that one stays."""
        self.runs.mkdir(parents=True, exist_ok=True)
        try:
            run.rename(self.run(key))
        except OSError:
            if not self.run(key).is_dir():
                raise
            shutil.rmtree(run, ignore_errors=True)
        self.forget_failure(key)
