"""`survembed tau`: recommendation of a value of τ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import Bootstrap
from survembed.cli.sweep_options import (
    SweepRequest,
    exit_if_failures,
    resolve_plan,
    run_plan,
    show_plan,
    where_of,
    with_sweep_options,
)

if TYPE_CHECKING:
    from survembed.runs.jobs.sweep import Sweep
    from survembed.workflows.tau import TauAdvice

Share = Annotated[
    float,
    typer.Option(
        "--share",
        min=0,
        max=1,
        help="Smallest acceptable reconstruction, as a share of the best one.",
        rich_help_panel="Advice",
    ),
]


@with_sweep_options
def tau(ctx: typer.Context, request: SweepRequest, share: Share = 0.8, bootstrap: Bootstrap = 500) -> None:
    """Train with several values of tau and recommend one, by discrimination, error and reconstruction."""
    from survembed.runs.jobs.options import TauOptions

    command_line = str(ctx.obj)
    planned = resolve_plan(request, TauOptions, command_line)
    if request.dry_run:
        show_plan(planned, request.as_json)
        return
    from survembed.workflows.tau import varied

    planned_taus = [(config.model.name, getattr(config.model.component, "tau", None)) for config in planned.runs()]
    varied(planned_taus)  # before hours of training
    sweep = run_plan(planned, request, where_of(request))

    advice, files = advise_and_draw(sweep, command_line, share=share, n_resamples=bootstrap)
    if request.as_json:
        show_json({**advice.to_dict(), "files": files})
    else:
        show_advice(advice)
        show_lines(files)
    exit_if_failures(sweep)


def advise_and_draw(
    sweep: Sweep, command_line: str, *, share: float = 0.8, n_resamples: int = 500
) -> tuple[TauAdvice, list[Path]]:
    """The recommendation from a sweep over tau, and the files with its figure and numbers."""
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
    """Print one row per τ and the recommendation on stdout."""
    from survembed.cohort.captions import data_name
    from survembed.evaluation.score_tables import with_reasons_below
    from survembed.survival.bootstrap import with_interval

    facts = {"data": data_name(advice.title, advice.synthetic), "model": advice.model, "ordered by": advice.colour}
    show_facts({**facts, "counted": advice.counted or None})
    columns = [
        "tau",
        "C-index",
        "IBS",
        "explained",
        "Dice",
        "effective dimensions",
        "re-encoding",
        "order on PC 1",
        "runs",
    ]
    rows = [
        [
            *(row.tau, with_interval(row.harrell_c), with_interval(row.ibs), row.explained, row.dice),
            *(row.effective_dimensions, row.reencoding_slope, row.order, row.n_runs),
        ]
        for row in advice.rows
    ]
    columns, rows, reasons = with_reasons_below(columns, rows)
    show_table(columns, rows)
    show_lines(f"none for tau {reason}" for reason in reasons)
    recommended = "none" if advice.recommended is None else f"tau {advice.recommended:g}"
    nested = {"nested": str(advice.nested)} if advice.nested else {}
    show_facts({"recommended": f"{recommended}: {advice.reason}", **nested, "chosen on": advice.chosen_on})
