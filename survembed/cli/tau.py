"""`survembed tau`: choice of τ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.evaluate import Bootstrap
from survembed.cli.sweeping import SweepRequest, resolve_plan, run_plan, show_plan, where_of, with_sweep_flags

if TYPE_CHECKING:
    from survembed.runs.jobs.sweep import Sweep
    from survembed.workflows.tau import TauAdvice

Share = Annotated[
    float,
    typer.Option(
        "--share",
        min=0,
        max=1,
        help="A reconstruction is meaningful if it reaches this share of the best one.",
        rich_help_panel="Advice",
    ),
]


@with_sweep_flags
def tau(ctx: typer.Context, request: SweepRequest, share: Share = 0.8, bootstrap: Bootstrap = 500) -> None:
    """Train over values of tau and recommend one, from C, IBS, reconstruction and order of the latent space."""
    from survembed.runs.jobs.options import TauOptions

    command_line = str(ctx.obj)
    planned = resolve_plan(request, TauOptions, command_line)
    if request.dry_run:
        show_plan(planned, request.as_json)
        return
    from survembed.workflows.tau import varied

    planned_taus = [(config.model, getattr(config.network, "tau", None)) for config in planned.runs()]
    varied(planned_taus)  # before hours of training
    sweep = run_plan(planned, request, where_of(request))

    advice, files = advise_and_draw(sweep, command_line, share=share, n_resamples=bootstrap)
    if request.as_json:
        show_json({**advice.to_dict(), "files": files})
    else:
        show_advice(advice)
        show_lines(files)
    if sweep.failures():
        say(f"{len(sweep.failures())} run(s) failed; --retry tries them again")
        raise typer.Exit(5)


def advise_and_draw(
    sweep: Sweep, command_line: str, *, share: float = 0.8, n_resamples: int = 500
) -> tuple[TauAdvice, list[Path]]:
    """The advice on a sweep over tau, and the files with its figure and its numbers."""
    from survembed.cli.reporter import reporter
    from survembed.figures.tau import draw_tau
    from survembed.storage.files import write_json
    from survembed.workflows.tau import advise

    advice = advise(sweep, share=share, n_resamples=n_resamples, reporter=reporter())
    folder = sweep.folder.path / "tau"
    numbers = folder / "tau.json"
    write_json(numbers, {**advice.to_dict(), "command": command_line})
    return advice, [*draw_tau(advice, folder / "tau.png"), numbers]


def show_advice(advice: TauAdvice) -> None:
    """A row for each τ, and the recommendation, on stdout."""
    from survembed.cohort.captions import data_name
    from survembed.survival.bootstrap import with_interval

    show_facts({"data": data_name(advice.title, advice.synthetic), "model": advice.model, "ordered by": advice.colour})
    columns = ["tau", "C-index", "IBS", "MSE", "explained", "Dice", "order on PC 1", "runs"]
    rows = [
        [
            *(row.tau, with_interval(row.harrell_c), with_interval(row.ibs), row.mse, row.explained, row.dice),
            *(row.order, row.n_runs),
        ]
        for row in advice.rows
    ]
    show_table(columns, rows)
    recommended = "none" if advice.recommended is None else f"tau {advice.recommended:g}"
    show_facts({"recommended": f"{recommended}: {advice.reason}"})
