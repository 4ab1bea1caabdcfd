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
from survembed.storage.files import read_json, replacing, sha256, writable, write_json, write_text

if TYPE_CHECKING:
    from survembed.models.base import Model
    from survembed.training.checkpoint import Checkpoint

FORMAT = "survembed-run"
FORMAT_VERSION = 1
PARTS_OF_A_FINISHED_RUN = ("run.json", "config.json", "split.json", "model.safetensors")
STATE, STATE_FORMAT = "state.safetensors", "survembed-state 1"
FIELDS = ("status", "process", "created", "model", "dataset", "abilities", "cohort")
"""What every `run.json` holds beside its format."""


class Run:
    """One training, finished or not.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    RunError
        When the folder is no run, its record is damaged, or its format is from another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.record: dict[str, Any] = read_json(path / "run.json")
        except DataError as error:
            raise RunError(f"{path.name} is not a run: {error.message}", where=str(path)) from error
        if not isinstance(self.record, dict):
            raise RunError(f"{path.name} is not a run: run.json is damaged", where=str(path))
        if self.record.get("format") != FORMAT or self.record.get("format_version") != FORMAT_VERSION:
            raise RunError(
                f"{path.name} was written in another format",
                where=str(path / "run.json"),
                expected=f"{FORMAT} {FORMAT_VERSION}",
            )
        missing = [name for name in FIELDS if name not in self.record]
        if missing:
            raise RunError(
                f"the record of run {path.name} is damaged: it lacks {', '.join(missing)}", where=str(path / "run.json")
            )

    @classmethod
    def create(cls, folder: Path, name: str, record: dict[str, Any], config: dict[str, Any]) -> Run:
        """Begin a run in a new folder of `folder`, named by time, `name` and four random letters."""
        now = datetime.now(UTC)
        path = folder / f"{now:%Y%m%d-%H%M%S}-{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{secrets.token_hex(2)}"
        write_json(path / "config.json", config)
        write_json(
            path / "run.json",
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "status": "running",
                "process": os.getpid(),
                "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
                "versions": _versions(),
                **record,
            },
        )
        return cls(path)

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def status(self) -> str:
        """`finished`, `failed`, `stopped` (to be resumed), `running`, or `cut short`: its process or a part is gone."""
        status = str(self.record["status"])
        if status == "finished" and any(not (self.path / part).is_file() for part in PARTS_OF_A_FINISHED_RUN):
            return "cut short"
        if status == "running" and not _alive(int(self.record["process"])):
            return "cut short"
        return status

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.record["model"])

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.record["dataset"])

    def can(self, ability: str) -> bool:
        """Whether the model can `decode` or give a `hazard`."""
        return ability in self.record["abilities"]

    def update(self, **fields: Any) -> None:
        """Change fields of `run.json`, atomically."""
        self.record |= fields
        write_json(self.path / "run.json", self.record)

    def read(self, name: str) -> Any:
        """A JSON file of the run, such as `config.json`.

        Raises
        ------
        RunError
            When it is missing or damaged.
        """
        try:
            return read_json(self.path / name)
        except DataError as error:
            raise RunError(f"run {self.id} is damaged: {error.message}", where=str(self.path / name)) from error

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one line to `metrics.jsonl`.

        Raises
        ------
        DataError
            When the disk is full or the folder cannot be written.
        """
        path = self.path / "metrics.jsonl"
        with writable(path), open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, sort_keys=True, allow_nan=False) + "\n")

    def save_weights(self, model: Model) -> None:
        """Write `model.safetensors`, whole or not at all."""
        from safetensors.torch import save

        weights = save({name: value.contiguous() for name, value in model.state_dict().items()})
        with replacing(self.path / "model.safetensors") as temporary:
            temporary.write_bytes(weights)  # by Python, so that a full disk is an OSError

    def load_weights(self, model: Model) -> None:
        """Put the run's weights into `model`.

        Raises
        ------
        RunError
            When they are missing, damaged or of another shape.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.path / "model.safetensors"
        try:
            model.load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise RunError(
                f"the weights of run {self.id} cannot be read: {str(error).splitlines()[0]}",
                where=str(path),
                try_="train again",
            ) from error
        model.eval()

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write `state.safetensors`, tensors and numbers in one file, whole or not at all."""
        from safetensors.torch import save

        tensors = {name: value.detach().contiguous() for name, value in checkpoint.tensors.items()}
        content = save(tensors, {"format": STATE_FORMAT, "numbers": json.dumps(checkpoint.numbers())})
        with replacing(self.path / STATE) as temporary:
            temporary.write_bytes(content)

    def load_checkpoint(self) -> Checkpoint | None:
        """Where the training stood; None where it was ended before its first checkpoint.

        Raises
        ------
        RunError
            When `state.safetensors` is damaged.
        """
        from safetensors import SafetensorError, safe_open

        from survembed.training.checkpoint import Checkpoint

        path = self.path / STATE
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                numbers = json.loads(file.metadata()["numbers"])
                return Checkpoint.of({name: file.get_tensor(name) for name in file.keys()}, numbers)  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"the checkpoint of run {self.id} cannot be read: {str(error).splitlines()[0]}",
                where=str(path),
                try_="delete it, and --resume begins this run from its first update",
            ) from error

    def drop_checkpoint(self) -> None:
        """Remove `state.safetensors`: there is nothing left to resume."""
        (self.path / STATE).unlink(missing_ok=True)

    def cut_metrics(self, update: int) -> None:
        """Drop the rows of `metrics.jsonl` after an update: they will be written again."""
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError, TypeError):  # the last line may have been cut short
                if json.loads(line)["update"] <= update:
                    kept.append(line + "\n")
        write_text(path, "".join(kept))

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
        """Remove the folder: used when nothing was learnt before an error."""
        shutil.rmtree(self.path, ignore_errors=True)


class Runs:
    """All runs in a folder.

    Parameters
    ----------
    folder
        Usually `./runs`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self) -> list[Run]:
        """Every run that can be read, oldest first."""
        found = []
        for path in sorted(self.folder.glob("*/run.json")):
            try:
                found.append(Run(path.parent))
            except RunError:
                continue
        return sorted(found, key=lambda run: (run.record["created"], run.id))

    def set_latest(self, run: Run) -> None:
        """Make `run` the one that commands act on when no other is named."""
        write_json(self.folder / "latest.json", {"format": "survembed-latest", "format_version": 1, "run": run.id})

    def find(self, text: str | None = None, *, ability: str | None = None) -> Run:
        """The run a user means: by id, unique prefix or path; without `text` the latest finished one.

        Parameters
        ----------
        text
            What the user typed.
        ability
            `decode` or `hazard`: what the run's model must be able to do.

        Raises
        ------
        RunError
            When there is none, more than one, or it is unfinished or unable; an able one is named where there is one.
        """
        run = self.named(text) if text else self._latest()
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
        try:
            return Run(self.folder / str(read_json(self.folder / "latest.json")["run"]))
        except (DataError, RunError, KeyError, TypeError):
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
        """The run of this id, unique prefix or path, finished or not.

        Raises
        ------
        RunError
            When there is none, or more than one.
        """
        with suppress(OSError):  # a text too long for a path is no path
            if (Path(text) / "run.json").is_file():
                return Run(Path(text).resolve())
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


def _alive(process: int) -> bool:
    """Whether a process of this machine still runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return True


def _versions() -> dict[str, str]:
    from importlib_metadata import version

    packages = ("survembed", "torch", "numpy", "scikit-survival", "lifelines", "h5py", "nibabel")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
