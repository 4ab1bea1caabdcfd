"""`survembed benchmark`: Table 1 of the paper, with intervals and baselines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import say, show_json, show_lines, show_table
from survembed.cli.shared_options import Bootstrap, Downstream
from survembed.cli.sweep_options import (
    PlannedSweep,
    SweepRequest,
    exit_if_failures,
    resolve_plan,
    run_plan,
    show_plan,
    where_of,
    with_sweep_options,
)
from survembed.cli.tau import advise_and_draw, show_advice
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.cohort.subjects import Subjects
    from survembed.evaluation.benchmark_result import Benchmark

COLUMNS = ["coxph", "rsf"]
TABLE = "Table"

Covariates = Annotated[
    str | None,
    typer.Option(
        "--covariates",
        help="Clinical covariates, such as age,sex; 'none' for none. Default: all usable columns.",
        rich_help_panel=TABLE,
    ),
]
Joint = Annotated[
    bool,
    typer.Option(
        "--joint",
        help="Also train each model that has a head with the --covariates in it, a clinical + image model.",
        rich_help_panel=TABLE,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference", help="Row of the table to compare with. Default: the first model.", rich_help_panel=TABLE
    ),
]


@with_sweep_options
def benchmark(
    ctx: typer.Context,
    request: SweepRequest,
    downstream: Downstream = None,
    covariates: Covariates = None,
    joint: Joint = False,
    reference: Reference = None,
    bootstrap: Bootstrap = 500,
) -> None:
    """Train models over folds and seeds and print Table 1 of the paper, with intervals and baselines.

    With several values of tau, the results of `survembed tau` are added.
    """
    from survembed.cli.evaluate import resolve
    from survembed.runs.jobs.options import BenchmarkOptions

    command_line = str(ctx.obj)
    planned = resolve_plan(request, BenchmarkOptions, command_line)
    names = [] if covariates == "none" else covariates.split(",") if covariates else None
    if joint:
        planned = _with_joint(planned, names, command_line)
    models = resolve(planned.settings, downstream or COLUMNS, command_line)
    if request.dry_run:
        show_plan(planned, request.as_json)
        return

    from survembed.cli.reporter import reporter
    from survembed.evaluation.table1 import save
    from survembed.workflows.benchmark import benchmark as work
    from survembed.workflows.benchmark import check_choices

    def check(subjects: Subjects) -> None:
        check_choices(planned.runs(), subjects, names, reference)

    sweep = run_plan(planned, request, where_of(request), check)
    table = work(sweep, models, covariates=names, reference=reference, n_resamples=bootstrap, reporter=reporter())
    files = save(table, sweep.folder.path / "benchmark", command_line)
    advice = None
    if len({job.tau for job in sweep.jobs if job.tau is not None}) > 1:
        images = tuple(job for job in sweep.jobs if not job.config["train"].get("covariates"))
        alone = replace(sweep, jobs=images) if joint else sweep
        advice, drawn = advise_and_draw(alone, command_line, n_resamples=bootstrap)
        files = [*files, *drawn]
    if request.as_json:
        show_json({**table.to_dict(), "tau": advice.to_dict() if advice else None, "files": files})
    else:
        show_benchmark(table)
        if advice:
            show_advice(advice)
        show_lines(files)
    exit_if_failures(sweep)


def _with_joint(planned: PlannedSweep, names: list[str] | None, command_line: str) -> PlannedSweep:
    """The plan, and each model that has a head once more with covariates."""
    if not names:
        raise UsageError(
            "--joint needs the names of covariates",
            where=command_line,
            expected="clinical columns that are trained with the image",
            try_=f"{command_line} --covariates age,sex",
        )
    with_head = [config for config in planned.configs if config.head]
    joint = [replace(each, train=each.train.model_copy(update={"covariates": tuple(names)})) for each in with_head]
    return replace(planned, configs=[*planned.configs, *joint])


def show_benchmark(table: Benchmark) -> None:
    """Print both halves of Table 1 with caption and notes on stdout; notes on single cells go to stderr."""
    from survembed.evaluation.latent_space_table import latent_space_table
    from survembed.evaluation.score_tables import with_reasons_below
    from survembed.evaluation.table1 import SHOWN, caption, grid

    show_lines(caption(table))
    for metric, title in SHOWN.items():
        columns, rows, reasons = with_reasons_below(*grid(table, metric))
        show_table(columns, rows, title=title)
        show_lines(f"none for {reason}" for reason in reasons)
    if table.latent_spaces:
        show_table(*latent_space_table(table.latent_spaces), title="Latent space (means over runs)")
    if table.added_value:
        show_table(*table.added_value.grid(), title=table.added_value.title(table.time_unit))
        show_lines(table.added_value.lines())
    show_lines(table.notes)
    for cell in table.cells:
        for note in cell.notes:
            say(f"{cell.row}, {cell.column}: {note}")
