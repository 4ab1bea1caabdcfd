"""The record of a run, `run.json`, and its JSON files, each with a hash in the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from survembed.errors import DataError, RunError
from survembed.storage.files import read_json, sha256, write_json
from survembed.storage.locks import HeldLock
from survembed.storage.sealed import read_sealed, require_format, write_sealed

FORMAT = "survembed-run"
FORMAT_VERSION = 1
FIELDS = ("status", "process", "created", "model", "dataset", "abilities", "cohort")
"""Fields of every `run.json`, beside its format."""

RESTORE = "restore the file from a copy, or train again"


class RunFiles:
    """Record and JSON files in the folder of a run.

    Attributes
    ----------
    record
        As in `run.json`.
    lock
        The lock of the run, if this process holds it: all methods that write check it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock: HeldLock | None = None
        self.reload()

    def reload(self) -> None:
        """Read the record again: another process may have written it."""
        path = self.path / "run.json"
        try:
            record = read_sealed(path)
        except DataError as error:
            raise RunError(
                f"{self.id} is not a run: {error.message}", where=str(path), try_=error.try_ or RESTORE
            ) from error
        require_format(record, FORMAT, FORMAT_VERSION, path, RunError)
        missing = [name for name in FIELDS if name not in record]
        if missing:
            raise RunError(
                f"the record of run {self.id} is damaged: it lacks {', '.join(missing)}", where=str(path), try_=RESTORE
            )
        self.record: dict[str, Any] = record

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.path.name

    def update(self, **fields: Any) -> None:
        """Update fields of `run.json` atomically."""
        self.check_lock()
        self.record |= fields
        write_sealed(self.path / "run.json", self.record)

    def check_lock(self) -> None:
        """Refuse to write after the lock has been lost; see `survembed.runs.sole_writer`."""
        if self.lock:
            self.lock.check()

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file of the run, and record its hash."""
        self.check_lock()
        write_json(self.path / name, value)
        self.record_hash(name)

    def record_hash(self, *names: str) -> None:
        """Record the hashes of complete files in `run.json`; `verify` compares them."""
        self.update(files={**self.record.get("files", {}), **{name: sha256(self.path / name) for name in names}})

    def verify(self, name: str) -> None:
        """Compare a file with its hash in `run.json`; a run of an earlier version has none.

        Raises
        ------
        RunError
            When it differs, or is missing.
        """
        expected, path = self.record.get("files", {}).get(name), self.path / name
        try:
            if expected is None or expected == sha256(path):
                return
        except OSError as error:
            raise RunError(f"run {self.id} is damaged: no file {name}", where=str(path), try_=RESTORE) from error
        raise RunError(
            f"{name} of run {self.id} is damaged or was edited: it differs from its hash in run.json",
            where=str(path),
            expected="the file as the training wrote it",
            try_=RESTORE,
        )

    def read(self, name: str) -> Any:
        """A JSON file of the run, such as `config.json`.

        Raises
        ------
        RunError
            When it is missing, damaged or edited.
        """
        try:
            value = read_json(self.path / name)
        except DataError as error:
            raise RunError(
                f"run {self.id} is damaged: {error.message}", where=str(self.path / name), try_=RESTORE
            ) from error
        self.verify(name)
        return value
