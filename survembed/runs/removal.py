"""Removal of runs: which of them may go, and how they go."""

from __future__ import annotations

from collections.abc import Sequence

from survembed.errors import DataError, RunError
from survembed.runs.listing import select
from survembed.runs.run import Run, Runs
from survembed.runs.sole_writer import sole_writer


def removable(runs: Runs, names: Sequence[str], conditions: Sequence[str], where: str) -> tuple[list[Run], list[str]]:
    """The runs to remove, and a line for each that is kept.

    Parameters
    ----------
    names
        Ids, unique prefixes or paths. None for all runs in the folder, if there are conditions.
    conditions
        As for `select`; all must hold.
    where
        The command line, for errors.

    Raises
    ------
    RunError
        When a name fits no run or several, or is a prefix of the latest run, or a named run is being trained.
    UsageError
        When a condition is not one.
    """
    latest = runs.latest_id()
    named = {run.path.resolve(): (run, name) for name in names if (run := runs.named(name))}
    found = select([run for run, _ in named.values()] if names else runs.list(), conditions, where)
    chosen, kept = [], []
    for run in found:
        name = named.get(run.path.resolve(), (run, ""))[1]
        if run.status == "running":
            if name:
                raise RunError(
                    f"run {run.id} is being trained", where=str(run.path), expected="a run that no process trains"
                )
            kept.append(f"kept {run.id}: it is being trained")
        elif _is_latest(run, runs, latest) and name not in (run.id, str(run.path)):
            if name:
                raise RunError(
                    f"run {run.id} is the latest one, which is only deleted by its whole id",
                    where=str(run.path),
                    try_=f"survembed runs delete {run.id}",
                )
            kept.append(f"kept {run.id}: it is the latest run")
        else:
            chosen.append(run)
    return chosen, kept


def remove(runs: Runs, run: Run) -> bool:
    """Remove a run that no process trains; the newest other run becomes the latest one.

    Raises
    ------
    RunError
        When another process trains it.
    DataError
        When files of it cannot be removed.
    """
    was_latest = _is_latest(run, runs, runs.latest_id())
    with sole_writer(run):
        run.discard()
    if run.path.exists():
        raise DataError(
            f"run {run.id} could not be removed whole", where=str(run.path), expected="a folder to write in"
        )
    if was_latest:
        (runs.folder / "latest.json").unlink(missing_ok=True)
        newest = runs.latest_id()
        if newest:
            runs.set_latest(Run(runs.folder / newest))
    return True


def _is_latest(run: Run, runs: Runs, latest: str | None) -> bool:
    return run.id == latest and run.path.parent.resolve() == runs.folder.resolve()
