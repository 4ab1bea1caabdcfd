"""`survembed sweep`: train models over τ, seeds and folds."""

from __future__ import annotations

from typing import Annotated

import typer

from survembed.cli.console import say
from survembed.cli.sweep_table import show_progress
from survembed.cli.sweeping import PLACE, SweepRequest, resolve_plan, run_plan, show_plan, where_of, with_sweep_flags

Shard = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only every N-th run from the I-th on (I from 0), for job arrays.",
        rich_help_panel=PLACE,
    ),
]


@with_sweep_flags
def sweep(ctx: typer.Context, asked: SweepRequest, shard: Shard = "0/1") -> None:
    """Train models over tau, seeds and folds; what is done already stays done."""
    from survembed.runs.jobs.options import SweepOptions

    command_line = str(ctx.obj)
    planned = resolve_plan(asked, SweepOptions, command_line)
    if asked.dry_run:
        show_plan(planned, asked.as_json)
        return
    done = run_plan(planned, asked, where_of(asked, shard))
    show_progress(done, asked.as_json)
    if done.failures():
        say(f"{len(done.failures())} run(s) failed; --retry tries them again")
        raise typer.Exit(5)
