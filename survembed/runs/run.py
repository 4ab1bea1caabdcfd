"""`Run`: the folder of one training, in plain data only: JSON, safetensors, HDF5, pictures."""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from survembed.errors import DataError, RunError, nearest
from survembed.runs.run_files import FORMAT, FORMAT_VERSION, RunFiles
from survembed.storage.files import digest, is_file, sha256, writable, write_json, write_text
from survembed.storage.locks import owner_is_alive
from survembed.storage.owner import process_exists
from survembed.storage.sealed import read_sealed, require_format, write_sealed

if TYPE_CHECKING:
    from survembed.models.base import Model
    from survembed.training.checkpoint import Checkpoint

SPLIT = "split.json"
FILES_OF_A_FINISHED_RUN = ("run.json", "config.json", SPLIT, "model.safetensors")
STATE, LOCK, METRICS = "state.safetensors", "lock", "metrics.jsonl"
SCORES, PREDICTIONS = "metrics.json", "predictions.h5"  # they hold for the weights that they were made with
LATEST_FORMAT = "survembed-latest"


class Run(RunFiles):
    """The folder of one training, finished or not.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    RunError
        When the folder is no run, its record is damaged, or it has another format version.
    """

    @classmethod
    def create(cls, folder: Path, name: str, record: dict[str, Any], config: dict[str, Any]) -> Run:
        """Create a run in a new folder inside `folder`, named by time, `name` and four random digits."""
        now = datetime.now(UTC)
        path = folder / f"{now:%Y%m%d-%H%M%S}-{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{secrets.token_hex(2)}"
        write_json(path / "config.json", config)
        write_sealed(
            path / "run.json",
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "status": "running",
                "process": os.getpid(),
                "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
                "versions": _versions(),
                "files": {"config.json": sha256(path / "config.json")},
                **record,
            },
        )
        return cls(path)

    @property
    def status(self) -> str:
        """`finished`, `failed`, `stopped` (by SIGTERM), `running`, or `cut short`.

        A run is `cut short` when its process or a file of a finished run is missing. The lock shows whether the process
        is alive: by its heartbeat where it runs on another host.
        """
        status = str(self.record["status"])
        parts = [part for part in FILES_OF_A_FINISHED_RUN if part != SPLIT or not self.record.get("without_subjects")]
        if status == "finished" and any(not (self.path / part).is_file() for part in parts):
            return "cut short"
        if status == "running" and not self._has_live_process():
            return "cut short"
        return status

    def _has_live_process(self) -> bool:
        lock = self.path / LOCK
        return owner_is_alive(lock) if lock.exists() else process_exists(self.record["process"])

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.record["model"])

    @property
    def model_title(self) -> str:
        """The model in results: `coxvae`, or `coxvae, clinical + image (age, stage)` for one with covariates."""
        covariates = self.record.get("covariates")
        if not covariates:
            return self.model
        return f"{self.model}, clinical + image ({', '.join(column['name'] for column in covariates['columns'])})"

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.record["dataset"])

    def can(self, ability: str) -> bool:
        """Whether the model has an ability, `decode` or `hazard`."""
        return ability in self.record["abilities"]

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one line to `metrics.jsonl`.

        Raises
        ------
        DataError
            When the disk is full or the folder cannot be written.
        """
        self.check_lock()
        path = self.path / METRICS
        with writable(path), open(path, "a", encoding="utf-8") as file:
            file.write(_line(row))

    def save_weights(self, model: Model) -> None:
        """Write `model.safetensors`, whole or not at all; scores and predictions of earlier weights are removed."""
        from survembed.training.weights import write_weights

        self.check_lock()
        write_weights(self.path / "model.safetensors", model)
        for name in (SCORES, PREDICTIONS):
            (self.path / name).unlink(missing_ok=True)

    def load_weights(self, model: Model) -> None:
        """Load the run's weights into `model`, and set it to evaluation mode.

        Raises
        ------
        RunError
            When they are missing, damaged or of another shape.
        """
        from survembed.training.weights import read_weights

        read_weights(self.path / "model.safetensors", model)

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write `state.safetensors`, whole or not at all."""
        self.check_lock()
        checkpoint.rows_hash = digest(self.metrics(checkpoint.progress.update))
        checkpoint.save(self.path / STATE)

    def load_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint, with the metrics recorded up to it; None where there is none.

        Raises
        ------
        RunError
            When `state.safetensors` or `metrics.jsonl` is damaged.
        """
        from survembed.training.checkpoint import Checkpoint

        if not (self.path / STATE).is_file():
            return None
        checkpoint = Checkpoint.load(self.path / STATE)
        checkpoint.rows = self.metrics(checkpoint.progress.update)
        if checkpoint.rows_hash not in ("", digest(checkpoint.rows)):
            raise RunError(
                f"{METRICS} of run {self.id} is damaged or was edited: it differs from its hash in {STATE}",
                where=str(self.path / METRICS),
                try_=f"restore it from a copy, or delete {STATE}, and --resume begins this run from its first update",
            )
        return checkpoint

    def drop_checkpoint(self) -> None:
        """Remove `state.safetensors`."""
        (self.path / STATE).unlink(missing_ok=True)

    def metrics(self, last_update: int) -> list[dict[str, Any]]:
        """Rows of `metrics.jsonl` up to `last_update`; a truncated line is left out."""
        path = self.path / METRICS
        rows = []
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ()
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                if row["update"] <= last_update:
                    rows.append(row)
        return rows

    def cut_metrics(self, last_update: int) -> None:
        """Remove the rows of `metrics.jsonl` after `last_update`; a resumed training writes them again."""
        self.check_lock()
        path = self.path / METRICS
        if path.is_file():
            write_text(path, "".join(map(_line, self.metrics(last_update))))

    def weights_hash(self) -> str:
        """SHA-256 of the weights.

        Raises
        ------
        RunError
            When they are missing.
        """
        path = self.path / "model.safetensors"
        try:
            return sha256(path)
        except OSError as error:
            raise RunError(
                f"run {self.id} has no weights: {error.strerror}", where=str(path), try_="train again"
            ) from error

    def discard(self) -> None:
        """Remove the folder, as far as its files can be removed."""
        self.check_lock()
        shutil.rmtree(self.path, ignore_errors=True)


class Runs:
    """All runs in a folder.

    Parameters
    ----------
    folder
        Usually `./runs`.

    Attributes
    ----------
    damaged
        Why the last `find` without a text returned the newest run instead of the latest; else empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged = ""

    def list(self) -> list[Run]:
        """Every run that can be read, oldest first."""
        runs = []
        with suppress(OSError):  # a folder without permission, or no folder
            for path in sorted(self.folder.glob("*/run.json")):
                with suppress(RunError):
                    runs.append(Run(path.parent))
        return sorted(runs, key=lambda run: (run.record["created"], run.id))

    def set_latest(self, run: Run) -> None:
        """Make `run` the default run of the commands."""
        latest = {"format": LATEST_FORMAT, "format_version": 1, "run": run.id}
        write_sealed(self.folder / "latest.json", latest)

    def latest_id(self) -> str | None:
        """Id of the latest finished run; None where there is none."""
        with suppress(RunError):
            return self._latest().id
        return None

    def find(self, text: str | None = None, *, ability: str | None = None) -> Run:
        """The finished run with this id, unique prefix or path; without `text` the latest.

        Parameters
        ----------
        text
            Id, prefix or path.
        ability
            `decode` or `hazard`, required of the run's model.

        Raises
        ------
        RunError
            When there is none or more than one, or it is unfinished or lacks the ability; the error then proposes a run
            that has it.
        """
        run = self._latest() if text is None else self.named(text)
        if run.status != "finished":
            raise RunError(
                f"run {run.id} is {run.status}",
                where=str(run.path),
                expected="a finished run",
                try_="survembed runs list",
            )
        if ability and not run.can(ability):
            able = self._newest(lambda other: other.can(ability))
            what = {"decode": "decode latents into images", "hazard": "predict hazards"}[ability]
            raise RunError(
                f"run {run.id} is a {run.model}, which cannot {what}",
                where=str(run.path),
                expected="a run whose model can",
                try_=f"--run {able.id}" if able else "survembed train coxvae",
            )
        return run

    def _newest(self, wanted: Callable[[Run], bool]) -> Run | None:
        return next((run for run in reversed(self.list()) if run.status == "finished" and wanted(run)), None)

    def _latest(self) -> Run:
        path, self.damaged = self.folder / "latest.json", ""
        try:
            latest = read_sealed(path)
            if "format" in latest:
                require_format(latest, LATEST_FORMAT, 1, path)
            return Run(self.folder / str(latest["run"]))
        except (DataError, RunError) as error:
            self.damaged = error.line if is_file(path) else ""
        except KeyError:
            self.damaged = f"{path} names no run"
        newest = self._newest(lambda _: True)
        if newest is None:
            raise RunError(
                f"no finished run in {self.folder}",
                where=str(self.folder),
                expected="a folder in which 'survembed train' has run",
                try_="survembed train coxvae --data liver, or --runs-dir FOLDER",
            )
        return newest

    def named(self, text: str) -> Run:
        """The run with this id, unique prefix or path, finished or not.

        Raises
        ------
        RunError
            When there is none, or more than one.
        """
        if not text:
            raise RunError("the name of the run is empty", where="--run", expected="an id, a unique prefix or a path")
        if is_file(Path(text) / "run.json"):
            return Run(Path(text).resolve())
        if is_file(self.folder / text / "run.json"):
            return Run(self.folder / text)
        ids = [run.id for run in self.list()]
        matches = [text] if text in ids else [id_ for id_ in ids if id_.startswith(text)]
        if len(matches) == 1:
            return Run(self.folder / matches[0])
        close = nearest(text, ids)
        raise RunError(
            f"{len(matches)} runs begin with '{text}'" if matches else f"no run '{text}' in {self.folder}",
            where=f"--run {text}",
            expected=f"one of {', '.join(matches[:5])}" if matches else "an id, a unique prefix or a path",
            try_=f"--run {close}" if close else "survembed runs list",
        )


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, allow_nan=False) + "\n"


def _versions() -> dict[str, str]:
    from importlib_metadata import version

    packages = ("survembed", "torch", "numpy", "scikit-survival", "lifelines", "h5py", "nibabel")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
