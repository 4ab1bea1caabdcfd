"""A sweep: its folder, its jobs and their runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from survembed.errors import DataError, RunError
from survembed.runs.jobs.job import Job, State, SweepFolder
from survembed.runs.run import Run
from survembed.storage.files import read_json


@dataclass(frozen=True)
class Sweep:
    """A sweep as it stands on disk.

    Attributes
    ----------
    folder
        Where it lives.
    title
        Of the cohort; says whether it is synthetic.
    cells
        Those that were asked for, in order.
    """

    folder: SweepFolder
    title: str
    cells: tuple[Job, ...]

    @classmethod
    def open(cls, path: Path) -> Sweep:
        """The sweep in a folder, with every cell that was ever asked for; nothing is trained.

        Raises
        ------
        RunError
            When the folder holds no sweep.
        """
        try:
            record = read_json(path / "sweep.json")
            folder = SweepFolder(path.absolute())
            cells = tuple(Job(str(key), folder.config(key)) for key in record["cells"])
            return cls(folder, str(record["title"]), cells)
        except (DataError, KeyError, TypeError) as error:
            raise RunError(
                f"no sweep in {path}",
                where=str(path),
                expected="a folder of 'survembed sweep'",
                try_="--sweep-dir FOLDER",
            ) from error

    def examples(self) -> dict[str, Run]:
        """One finished run of each model and value of τ, the first of its kind, by a name that tells them apart.

        Raises
        ------
        RunError
            When no run is finished.
        """
        several = len({cell.tau for cell in self.cells if cell.tau is not None}) > 1
        found: dict[str, Run] = {}
        for cell, run in self.runs().items():
            found.setdefault(row_name(cell.model, cell.tau if several else None), run)
        if not found:
            raise RunError(
                f"no run of {self.folder.path} is finished", where=str(self.folder.path), try_="survembed sweep"
            )
        return found

    def states(self) -> dict[str, State]:
        """What has become of each cell, by key."""
        return {cell.key: self.folder.state(cell.key) for cell in self.cells}

    def runs(self) -> dict[Job, Run]:
        """The finished runs, by cell."""
        states = self.states()
        return {cell: Run(self.folder.run(cell.key)) for cell in self.cells if states[cell.key] == "finished"}

    def failures(self) -> dict[str, str]:
        """Why cells failed, by key."""
        states = self.states()
        return {key: self.folder.reason(key) for key, state in states.items() if state == "failed"}


def row_name(model: str, tau: float | None) -> str:
    """Name of a model in tables and figures; with its τ where a sweep has several."""
    return model if tau is None else f"{model} τ={tau:g}"
