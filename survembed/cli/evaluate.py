"""`survembed evaluate`: performance of survival models on the latents of a run."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed import registry
from survembed.cli.console import say, show_facts, show_json, show_lines, show_settings, show_table
from survembed.cli.other_cohort import AllowOverlap, By, OtherData, OtherRequest, OtherRoot, names_in, show_groups
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    LARGEST_SEED,
    AsJson,
    Assignments,
    Bootstrap,
    Clinical,
    Config,
    Device,
    Downstream,
    DryRun,
    Horizons,
    RunName,
    RunsDir,
    SkipBad,
    chosen_run,
    parse_horizons,
)

if TYPE_CHECKING:
    from survembed.registry.component import Component
    from survembed.runs.settings import Settings
    from survembed.survival.kaplan_meier import FollowUp
    from survembed.workflows.evaluate import Evaluation

Harmonise = Annotated[
    str | None,
    typer.Option(
        "--harmonise",
        metavar="COLUMN",
        help="Clinical column that names the centre: also score downstream models on latents harmonised between "
        "centres by ComBat, fitted on the training part. Needs the extra 'harmonise'.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed of downstream models and bootstrap.")
]
PredictionsFile = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        metavar="FILE",
        help="Write the predictions of each model for each test subject to FILE.csv or FILE.parquet.",
    ),
]


def evaluate(
    ctx: typer.Context,
    downstream: Downstream = None,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bootstrap: Bootstrap = 500,
    seed: Seed = 0,
    predictions: PredictionsFile = None,
    horizons: Horizons = None,
    by: By = None,
    harmonise: Harmonise = None,
    data: OtherData = None,
    root: OtherRoot = None,
    clinical: Clinical = None,
    skip_bad: SkipBad = False,
    allow_overlap: AllowOverlap = False,
    config: Config = None,
    assignments: Assignments = None,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Fit survival models on the latents of the training part and evaluate them on the test part.

    With --root, evaluate the run on another cohort instead: nothing is fitted on it.
    """
    from survembed.runs.settings import Settings

    settings = Settings.gather(config=config, assignments=assignments or (), command=str(ctx.obj))
    request = OtherRequest(data, root, clinical, skip_bad, config, tuple(assignments or ()), str(ctx.obj))
    models = resolve(settings, downstream or [], str(ctx.obj)) if request.is_empty or downstream else []
    at, groups = parse_horizons(horizons), names_in(by)
    if dry_run:
        show_settings(settings, as_json)
        return
    chosen = chosen_run(run, runs_dir)

    from survembed.cli.reporter import reporter

    if not request.is_empty:
        if harmonise:
            from survembed.errors import UsageError

            raise UsageError(
                "another cohort is not harmonised: ComBat would be fitted on its subjects",
                where=f"--harmonise {harmonise}",
                expected="the run's own cohort",
                try_="survembed evaluate --harmonise without --root",
            )
        from survembed.cli.external import show_external
        from survembed.workflows.evaluate_other import evaluate_other

        external = evaluate_other(
            chosen,
            request.component(chosen),
            models,
            by=groups,
            horizons=at,
            predictions=predictions,
            allow_overlap=allow_overlap,
            n_resamples=bootstrap,
            seed=seed,
            device=device,
            reporter=reporter(),
        )
        show_json(external.to_dict()) if as_json else show_external(external)
        return

    from survembed.workflows.evaluate import evaluate as work

    evaluation = work(
        chosen,
        models,
        by=groups,
        harmonise=harmonise,
        predictions=predictions,
        horizons=at,
        n_resamples=bootstrap,
        seed=seed,
        device=device,
        reporter=reporter(),
    )
    show_json(evaluation.to_dict()) if as_json else show_evaluation(evaluation)


def show_evaluation(evaluation: Evaluation) -> None:
    """Print facts about the data and the scores to stdout, and notes on its rows to stderr."""
    from survembed.evaluation.cause_scores import calibration_table, calibration_title, cause_table
    from survembed.evaluation.score_tables import decision_table, horizon_table, score_table, with_reasons_below
    from survembed.survival.bootstrap import with_interval

    times, unit = evaluation.times, evaluation.time_unit
    show_facts(
        {
            "run": f"{evaluation.run} ({evaluation.model})",
            "data": evaluation.title,
            "fitted on": _part(evaluation.train, unit),
            "scored on": _part(evaluation.test, unit),
            "counted": evaluation.counted or None,
            "times": f"{len(times)} from {times[0]:.4g} to {times[-1]:.4g} {unit}" if len(times) else "none",
            "Kaplan-Meier IBS": with_interval(evaluation.ibs_km),
            **{f"truth: {name.replace('_', ' ')}": value for name, value in evaluation.truth.items()},
        }
    )
    if evaluation.latent_space:
        show_facts(evaluation.latent_space.texts(), "latent space")
    horizons = horizon_table(evaluation.rows, unit)
    shown: list[str] = []
    curves = [(row.column, row.decision) for row in evaluation.rows if row.decision]
    benefit = [decision_table(curves, unit)] if curves else []
    for each in [score_table(evaluation.rows), *([horizons] if horizons else []), *benefit]:
        columns, rows, reasons = with_reasons_below(*each)
        show_table(columns, rows)
        show_lines(f"none for {reason}" for reason in reasons if reason not in shown)
        shown += reasons
    show_groups(evaluation.groups)
    if evaluation.causes:
        columns, rows, reasons = with_reasons_below(*cause_table(evaluation.causes, unit))
        show_table(columns, rows, title="Competing causes, each on its own")
        show_lines(f"none for {reason}" for reason in reasons)
        by_group = calibration_table(evaluation.causes)
        if by_group:
            show_table(*by_group, title=calibration_title(evaluation.causes[0].horizon, unit))
    for row in evaluation.rows:
        for note in (f"{row.column}: {note}" for note in row.notes):
            if note not in shown:
                say(note)


def _part(part: FollowUp, unit: str) -> str:
    median = f", median follow-up {part.median:.4g} {unit}" if isfinite(part.median) else ""
    return f"{part.n} subjects, {part.n_events} events{median}"


def resolve(settings: Settings, wanted: list[str], command_line: str) -> list[tuple[str, Component]]:
    """The configured downstream models: those in `wanted`, or all that load; the others are skipped with a warning.

    Raises
    ------
    PluginError
        When a model in `wanted` or in the configuration file does not exist, or one in `wanted` is broken.
    """
    for name, where in settings.names_within("downstream").items():
        registry.find("downstream", name, where=where)
    models = {name: registry.load("downstream", name, where=command_line) for name in wanted}
    if not wanted:
        for name in registry.names("downstream"):
            examined = registry.examine(registry.find("downstream", name))
            if examined.component:
                models[name] = examined.component
            else:
                say(f"warning: downstream model {name} is skipped: it is {examined.state}: {examined.reason}")
    return [
        (name, settings.component(f"downstream.{name}", f"downstream model {name}", component))
        for name, component in models.items()
    ]
