"""`survembed runs delete`: remove the folders of runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from survembed.cli.console import say, show_json, show_lines
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, AsJson, RunsDir, ids_of_runs
from survembed.errors import UsageError

Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="KEY=VALUE",
        help="Only runs with this value of a column, or of an option such as train.updates. Can be repeated; all hold.",
    ),
]


def delete(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs: ids, unique prefixes or paths.", autocompletion=ids_of_runs),
    ] = None,
    where: Where = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Delete runs, with all their files.

    The command lists the runs and asks first. It never deletes a run that is being trained. It keeps the latest run,
    unless that run is named by its whole id.
    """
    from survembed.runs.removal import removable, remove
    from survembed.runs.run import Runs

    if not names and not where:
        raise UsageError("no run is named", where=str(ctx.obj), expected="runs, or --where KEY=VALUE")
    runs = Runs(runs_dir)
    chosen, kept = removable(runs, names or [], where or [], str(ctx.obj))
    for reason in kept:
        say(reason)
    if chosen and not yes:
        for run in chosen:
            say(f"{run.id}  {run.status}  {run.path}")
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here", where=str(ctx.obj), expected="--yes", try_=f"{ctx.obj} --yes")
        typer.confirm(f"Delete {len(chosen)} run(s) with all their files?", abort=True, err=True)
    removed = [run.id for run in chosen if remove(runs, run)]
    show_json(removed) if as_json else show_lines(f"deleted {run}" for run in removed)
    if not removed and not as_json:
        say("no run was deleted")
