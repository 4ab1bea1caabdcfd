"""A sweep: its folder, its jobs and their runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from survembed.errors import RunError
from survembed.runs.jobs.job import RECORD, Job, State, SweepFolder
from survembed.runs.run import Run
from survembed.storage.files import is_file


@dataclass(frozen=True)
class Sweep:
    """A sweep on disk.

    Attributes
    ----------
    folder
        Its folder.
    title
        Of the cohort; says whether it is synthetic.
    jobs
        The requested ones, in order.
    """

    folder: SweepFolder
    title: str
    jobs: tuple[Job, ...]

    @classmethod
    def open(cls, path: Path) -> Sweep:
        """The sweep in a folder with all its jobs; nothing is trained.

        Raises
        ------
        RunError
            When the folder holds no sweep, or a damaged one.
        """
        if not is_file(path / RECORD):
            raise RunError(
                f"no sweep in {path}",
                where=str(path),
                expected="a folder of 'survembed sweep'",
                try_="--sweep-dir FOLDER",
            )
        folder = SweepFolder(path.absolute())
        record = folder.record()
        try:
            jobs = tuple(Job(str(key), folder.config(key)) for key in record["cells"])
            return cls(folder, str(record["title"]), jobs)
        except (KeyError, TypeError) as error:
            raise RunError(f"no sweep in {path}: {RECORD} is damaged", where=str(path / RECORD)) from error

    def examples(self) -> dict[str, Run]:
        """One finished run of each model and value of τ, the first of its kind, by a unique name.

        Raises
        ------
        RunError
            When no run is finished.
        """
        several = len({job.tau for job in self.jobs if job.tau is not None}) > 1
        examples: dict[str, Run] = {}
        for job, run in self.runs().items():
            examples.setdefault(row_name(job.model, job.tau if several else None), run)
        if not examples:
            raise RunError(
                f"no run of {self.folder.path} is finished", where=str(self.folder.path), try_="survembed sweep"
            )
        return examples

    def states(self) -> dict[str, State]:
        """State of each job, by key."""
        return {job.key: self.folder.state(job.key) for job in self.jobs}

    def runs(self) -> dict[Job, Run]:
        """The finished runs, by job."""
        states = self.states()
        return {job: Run(self.folder.run(job.key)) for job in self.jobs if states[job.key] == "finished"}

    def failures(self) -> dict[str, str]:
        """Reasons of the failed jobs, by key."""
        states = self.states()
        return {key: self.folder.reason(key) for key, state in states.items() if state == "failed"}


def row_name(model: str, tau: float | None) -> str:
    """Name of a model in tables and figures; with its τ where a sweep has several."""
    return model if tau is None else f"{model} τ={tau:g}"
