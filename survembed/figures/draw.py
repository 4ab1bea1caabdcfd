"""The figures of `survembed figure`: of a run, of several, or of a sweep, drawn as PNG and PDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from survembed.errors import UsageError
from survembed.evaluation.projection import Colour, Projection, project
from survembed.figures import require_figure
from survembed.figures.draw_predictions import brier_figure, calibration_figure, decision_figure, survival_figure
from survembed.figures.history import draw_history
from survembed.figures.importance import draw_importance
from survembed.figures.latents import draw_latents
from survembed.figures.request import DrawnFigure, FigureRequest, header_of, title_of, unable
from survembed.figures.tau import draw_tau
from survembed.figures.traversal import draw_traversal
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import embed
from survembed.runs.jobs.sweep import row_name
from survembed.runs.run import Run
from survembed.workflows.history import history
from survembed.workflows.importance import importance
from survembed.workflows.tau import advise
from survembed.workflows.traverse import traverse

FEWEST_TAUS = 2


def figure(name: str, request: FigureRequest, reporter: Reporter = QUIET) -> DrawnFigure:
    """Draw a figure by its name.

    Raises
    ------
    UsageError
        When there is no figure of that name.
    RunError
        When the run cannot give this figure; the message names those that it can.
    """
    require_figure(name, f"survembed figure {name}")
    return MAKERS[name](request, reporter)


def _latents(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    runs = request.sweep.examples() if request.sweep else _named(request.runs)
    return _projections("latents", runs, "duration", request, reporter)


def _tau(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    runs = list(request.sweep.examples().values()) if request.sweep else list(request.runs)
    taus = {run.read("config.json")["model"].get("tau"): run for run in reversed(runs)}
    of_taus = {f"τ = {tau:g}": taus[tau] for tau in sorted(tau for tau in taus if tau is not None)}
    if len(of_taus) < FEWEST_TAUS:
        raise UsageError(
            f"{len(of_taus)} value(s) of τ among the runs named",
            where="survembed figure tau",
            expected="a sweep over two values or more, or a run of each",
            try_="--sweep-dir SWEEP, or --run A --run B; survembed tau trains such a sweep",
        )
    drawn = _projections("tau", of_taus, "truth", request, reporter)
    if not request.sweep:
        return drawn
    advice = advise(request.sweep, n_resamples=request.n_resamples, device=request.device, reporter=reporter)
    files = draw_tau(advice, request.folder / "tau-advice.png")
    return DrawnFigure("tau", drawn.caption, [*drawn.files, *files], {**drawn.numbers, "advice": advice.to_dict()})


def _projections(
    name: str, runs: dict[str, Run], colour: Colour, request: FigureRequest, reporter: Reporter
) -> DrawnFigure:
    first = next(iter(runs.values()))
    _same_cohort(list(runs.values()))
    projections: dict[str, Projection] = {}
    with reporter.task("projecting", len(runs), "runs") as task:
        for label, run in runs.items():
            projections[label] = project(embed(run, device=request.device), method=request.method, colour=colour)
            task.advance()
    shown = next(iter(projections.values()))
    unit = "true log-hazard" if shown.by == "truth" else f"duration ({header_of(first).time_unit})"
    who = (
        f"{len(shown.points)} held-out subjects"
        if shown.of_test_set
        else f"{len(shown.points)} subjects, none held out"
    )
    method = {"pca": "principal components", "umap": "UMAP"}[request.method]
    title = title_of(first, f"latent space, {who}", with_model=False)
    files = draw_latents(projections, unit, title, request.folder / f"{name}.png")
    caption = (
        f"Latent means μ of {who} on {method} of the training part. Colour: {unit}; crosses are censored subjects."
    )
    return DrawnFigure(name, caption, files, {label: each.to_dict() for label, each in projections.items()})


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the shortest unique name: model, model and τ, or id."""
    labels = [run.model for run in runs]
    if len(set(labels)) < len(labels):
        labels = [row_name(run.model, run.read("config.json")["model"].get("tau")) for run in runs]
    if len(set(labels)) < len(labels):
        labels = [run.id for run in runs]
    return dict(zip(labels, runs, strict=True))


def _same_cohort(runs: Sequence[Run]) -> None:
    first = runs[0]
    for other in runs[1:]:
        if other.record["cohort"]["fingerprint"] != first.record["cohort"]["fingerprint"]:
            raise UsageError(
                f"runs {first.id} and {other.id} have different cohorts: {header_of(first).title} and "
                f"{header_of(other).title}",
                where=f"--run {other.id}",
                expected="runs of the same subjects with the same preprocessing",
            )


def _traversal(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    run = request.runs[0]
    if not run.can("decode"):
        raise unable(run, "decode latents into images", "latents, survival, calibration, brier, importance, history")
    traversal = traverse(run, risk=run.can("hazard"), channel=request.channel, reporter=reporter)
    caption = (
        "Decoded images along each latent dimension, from the mean of the training part in steps of its standard "
        "deviation" + ("; the row 'hazard' follows the average subject of each risk." if run.can("hazard") else ".")
    )
    return DrawnFigure(
        "traversal", caption, draw_traversal(traversal, request.folder / "traversal.png"), traversal.to_dict()
    )


def _importance(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    result = importance(request.runs[0], device=request.device, reporter=reporter)
    caption = (
        "Hazard ratio for one standard deviation of each latent dimension with 95 % intervals, from Cox models "
        "refitted on the latents of the training part and, as a fair test, of the held-out part."
    )
    for part, fit in (("Training part", result.train), ("Held out", result.test)):
        caption += f" {part}: not drawn, {fit.reason}." if fit.reason else ""
    return DrawnFigure(
        "importance", caption, draw_importance(result, request.folder / "importance.png"), result.to_dict()
    )


def _history(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    curves = history(request.runs[0])
    files = draw_history(curves, title_of(request.runs[0], "learning curves"), request.folder / "history.png")
    caption = (
        "Loss and its unweighted terms over the updates, and the share of each weighted term in the loss; the dotted "
        "line marks the update whose weights were kept. Explained variance and correlation of "
        "latent dimensions are of validation subjects. Validation uses μ, training batches use samples of z."
    )
    return DrawnFigure("history", caption, files, curves.to_dict())


MAKERS: dict[str, Callable[[FigureRequest, Reporter], DrawnFigure]] = {
    "latents": _latents,
    "traversal": _traversal,
    "tau": _tau,
    "survival": survival_figure,
    "calibration": calibration_figure,
    "brier": brier_figure,
    "decision": decision_figure,
    "importance": _importance,
    "history": _history,
}
