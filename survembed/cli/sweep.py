"""`survembed sweep`: train models over τ, seeds and folds."""

from __future__ import annotations

from typing import Annotated

import typer

from survembed.cli.sweep_options import (
    EXECUTION,
    SweepRequest,
    exit_if_failures,
    resolve_plan,
    run_plan,
    show_plan,
    where_of,
    with_sweep_options,
)
from survembed.cli.sweep_table import show_progress

Shard = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Train only part I of N of the runs (I from 0), for job arrays.",
        rich_help_panel=EXECUTION,
    ),
]


@with_sweep_options
def sweep(ctx: typer.Context, request: SweepRequest, shard: Shard = "0/1") -> None:
    """Train models over values of tau, seeds and folds; finished runs are not trained again."""
    from survembed.runs.jobs.options import SweepOptions

    command_line = str(ctx.obj)
    planned, where = resolve_plan(request, SweepOptions, command_line), where_of(request, shard)
    if request.dry_run:
        show_plan(planned, request.as_json)
        return
    done = run_plan(planned, request, where)
    show_progress(done, request.as_json)
    exit_if_failures(done)
