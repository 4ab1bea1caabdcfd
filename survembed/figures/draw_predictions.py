"""The figures of predictions for the test set: survival of risk groups, calibration, Brier score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from survembed.errors import RunError
from survembed.evaluation.cause_scores import calibrate_incidence, predicted_causes
from survembed.evaluation.predictions import BASE, Predictions
from survembed.evaluation.scores import calibrate, net_benefit
from survembed.evaluation.test_set import EvaluationSet
from survembed.figures.brier import BrierCurve, draw_brier
from survembed.figures.calibration import draw_calibration
from survembed.figures.decision import draw_decision
from survembed.figures.incidence import draw_incidence, draw_incidence_calibration
from survembed.figures.request import DrawnFigure, FigureRequest, title_of, unable
from survembed.figures.survival import draw_survival
from survembed.progress import Reporter
from survembed.runs.embedding import embed
from survembed.storage.result import plain
from survembed.survival.brier import brier_band, brier_curve, integrated_brier_score
from survembed.survival.horizons import horizon_text, horizons, middle
from survembed.survival.incidence_groups import incidence_groups
from survembed.survival.outcome import Float
from survembed.survival.risk_groups import equal_groups, group_curves, log_rank
from survembed.survival.time_grid import NO_GRID


def survival_figure(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    """Kaplan–Meier curves of groups of predicted risk."""
    subjects, predictions = _predictions(request, reporter)
    groups = {}
    for each in predictions:
        group = equal_groups(each.risk, request.n_groups)
        groups[each.model] = (group_curves(subjects.test, group), log_rank(subjects.test, group))
    title = title_of(request.runs[0], f"{len(subjects.test.duration)} held-out subjects by predicted risk")
    files = draw_survival(groups, subjects.latents.time_unit, title, request.folder / "survival.png")
    numbers = {
        model: {"groups": [curve.to_dict() for curve in curves], "log_rank": test}
        for model, (curves, test) in groups.items()
    }
    by_cause = {
        f"{model}, {each.cause}": incidence_groups(
            subjects.caused(subjects.division.test), number, each.risk, each.incidence, request.n_groups
        )
        for model, number, each in predicted_causes(predictions)
    }
    if by_cause:
        title = title_of(
            request.runs[0], f"{len(subjects.test.duration)} held-out subjects by predicted risk of a cause"
        )
        where = request.folder / "incidence.png"
        files = files + draw_incidence(by_cause, subjects.times, subjects.latents.time_unit, title, where)
    caption = (
        "Kaplan–Meier curves of held-out subjects in equal groups of predicted risk, with 95 % log-log intervals; "
        f"ticks are censored subjects. The log-rank test compares all groups.{_meaning_of_base(predictions)}"
    )
    if by_cause:
        caption += (
            " An event of any cause counts. Incidence of each competing cause is in groups of its own predicted risk: "
            "lines are Aalen and Johansen's estimates, dashes the mean predictions."
        )
        numbers = {**numbers, "causes": {name: [each._asdict() for each in of] for name, of in by_cause.items()}}
    return DrawnFigure("survival", caption, files, plain(numbers))


def calibration_figure(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    """Observed against predicted risk."""
    subjects, predictions = _predictions_on_grid(request, reporter)
    calibrations = {}
    with reporter.task("calibrating", len(predictions), "models") as task:
        for each in predictions:
            calibrations[each.model] = calibrate(
                subjects.test, each.survival, subjects.times, at=request.horizons, **request.bootstrap
            )
            task.advance()
    title = title_of(request.runs[0], "calibration on held-out subjects")
    files = draw_calibration(calibrations, subjects.latents.time_unit, title, request.folder / "calibration.png")
    caption = (
        "Observed against predicted risk in equal groups of held-out subjects, with 95 % intervals. A slope of 1 is "
        "right, below 1 overfitted; a small p of D-calibration means that the model is not calibrated."
        f"{_meaning_of_base(predictions)}"
    )
    by_cause = {
        f"{model}, {each.cause}": calibrate_incidence(subjects, number, each.incidence)
        for model, number, each in predicted_causes(predictions)
    }
    known = {name: each for name, each in by_cause.items() if each is not None}
    numbers: dict[str, Any] = dict(calibrations)
    if known:
        horizon = middle(horizons(subjects.times, request.horizons))
        title = title_of(request.runs[0], "calibration of incidence on held-out subjects")
        where = request.folder / "incidence-calibration.png"
        files = files + draw_incidence_calibration(known, horizon, subjects.latents.time_unit, title, where)
        caption += " An event of any cause counts. Incidence of each competing cause is drawn in groups of its own."
        numbers["causes"] = {name: each._asdict() for name, each in known.items()}
    return DrawnFigure("calibration", caption, files, plain(numbers))


def brier_figure(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    """Brier score over time."""
    subjects, predictions = _predictions_on_grid(request, reporter)
    development, test, times = subjects.development, subjects.test, subjects.grid

    def curve(survival: Float) -> BrierCurve:
        low, high = brier_band(development, test, survival, times, **request.bootstrap)
        integrated = integrated_brier_score(development, test, survival, times, **request.bootstrap)
        return BrierCurve(brier_curve(development, test, survival, times), low, high, integrated)

    null = subjects.kaplan_meier()
    curves = {}
    with reporter.task("scoring", len(predictions) + 1, "models") as task:
        for each in (null, *predictions):
            curves[each.model] = curve(each.on(times, subjects.times).survival)
            task.advance()
    numbers = {
        "times": times,
        **{
            model: {"score": each.score, "low": each.low, "high": each.high, "ibs": each.integrated}
            for model, each in curves.items()
        },
    }
    of_null = curves.pop(null.model)
    title = title_of(request.runs[0], "Brier score on held-out subjects")
    unit = subjects.latents.time_unit
    files = draw_brier(curves, of_null, times, unit, title, request.folder / "brier.png")
    caption = (
        "Brier score over time with pointwise 95 % intervals (lower is better), and that of the Kaplan–Meier null "
        f"model, which uses no features. IBS is the mean over the times shown.{_meaning_of_base(predictions)}"
    )
    return DrawnFigure("brier", caption, files, plain(numbers))


def decision_figure(request: FigureRequest, reporter: Reporter) -> DrawnFigure:
    """Net benefit over the threshold."""
    subjects, predictions = _predictions_on_grid(request, reporter)
    at, times = request.horizons, subjects.times
    curves = {each.model: net_benefit(subjects.test, each.survival, times, at) for each in predictions}
    horizon = next(iter(curves.values())).horizon
    unit, title = subjects.latents.time_unit, title_of(request.runs[0], "decision curve on held-out subjects")
    files = draw_decision(curves, unit, title, request.folder / "decision.png")
    caption = (
        f"Net benefit of treating the held-out subjects whose predicted risk of an event by "
        f"{horizon_text(horizon, unit)} reaches the threshold, with censoring by Kaplan–Meier; treating all, and "
        f"nobody.{_meaning_of_base(predictions)}"
    )
    return DrawnFigure("decision", caption, files, plain(curves))


def _predictions_on_grid(request: FigureRequest, reporter: Reporter) -> tuple[EvaluationSet, list[Predictions]]:
    subjects, predictions = _predictions(request, reporter)
    if not len(subjects.times):
        raise RunError(f"there is no time at which to score: {NO_GRID}", where=str(request.runs[0].path))
    return subjects, predictions


def _predictions(request: FigureRequest, reporter: Reporter) -> tuple[EvaluationSet, list[Predictions]]:
    """Of the run's own head, where it has one, and of each downstream model."""
    run = request.runs[0]
    latents = embed(run, device=request.device, reporter=reporter)
    subjects = EvaluationSet.of(run, latents, reporter, request.horizons)
    base = subjects.base()
    if base is None and not request.downstream:
        raise unable(
            run,
            "predict hazards",
            "latents, traversal, importance, history, and this of a downstream model",
            "coxph",
        )
    predictions = [] if base is None else [base]
    with reporter.task("fitting", len(request.downstream), "models") as task:
        for name, component in request.downstream:
            predictions.append(subjects.downstream(name, component, request.seed))
            task.advance()
    subjects.predictor.save()
    return subjects, predictions


def _meaning_of_base(predictions: Sequence[Predictions]) -> str:
    return f" '{BASE}' is the run's own head." if any(each.model == BASE for each in predictions) else ""
