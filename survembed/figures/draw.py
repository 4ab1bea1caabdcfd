"""The figures of `survembed figure`: numbers of a run, of several, or of a sweep, drawn as PNG and PDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from survembed.cohort.captions import data_name
from survembed.cohort.subjects import CohortHeader
from survembed.errors import RunError, UsageError
from survembed.evaluation.projection import Colour, Method, Projection, plane
from survembed.evaluation.test_set import BASE, EvaluationSet, Prediction
from survembed.figures import require_figure
from survembed.figures.brier import BrierCurve, draw_brier
from survembed.figures.calibration import draw_calibration
from survembed.figures.history import draw_history
from survembed.figures.importance import draw_importance
from survembed.figures.latents import draw_latents
from survembed.figures.survival import draw_survival
from survembed.figures.tau import draw_tau
from survembed.figures.traversal import draw_traversal
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.runs.jobs.sweep import Sweep, row_name
from survembed.runs.run import Run
from survembed.survival.bootstrap import N_RESAMPLES
from survembed.survival.brier import brier_band, brier_curve, integrated_brier_score
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Float
from survembed.survival.risk_groups import equal_groups, group_curves, log_rank
from survembed.survival.time_grid import NO_GRID
from survembed.workflows.evaluate import calibrate
from survembed.workflows.history import history
from survembed.workflows.importance import importance
from survembed.workflows.tau import advise
from survembed.workflows.traverse import traverse

FEWEST_TAUS = 2


@dataclass(frozen=True)
class FigureRequest:
    """What to draw from, and how.

    Attributes
    ----------
    runs
        One or more finished runs; figures of one run draw the first.
    folder
        For the files.
    sweep
        From which figures that compare take their runs; None without one.
    method
        Of `latents` and `tau`.
    downstream
        Survival models, by name, to draw beside the run's own head in `survival`, `calibration` and `brier`.
    n_groups
        Groups of risk, one to four.
    n_resamples, seed
        Of the bootstrap over subjects, and of downstream models.
    device
        As for training.
    """

    runs: Sequence[Run]
    folder: Path
    sweep: Sweep | None = None
    method: Method = "pca"
    downstream: Sequence[tuple[str, Component]] = ()
    n_groups: int = 3
    n_resamples: int = N_RESAMPLES
    seed: int = 0
    device: str = "auto"

    @property
    def options(self) -> dict[str, int]:
        """Of every bootstrap."""
        return {"n_resamples": self.n_resamples, "seed": self.seed}


@dataclass(frozen=True)
class Drawn:
    """A figure that was drawn.

    Attributes
    ----------
    name
        As in `FIGURES`.
    caption
        What it shows, in a sentence or two, for who reads it elsewhere.
    files
        PNG and PDF.
    numbers
        What was drawn, as plain values.
    """

    name: str
    caption: str
    files: list[Path]
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"figure": self.name, "caption": self.caption, "files": self.files, "numbers": self.numbers}


def figure(name: str, asked: FigureRequest, reporter: Reporter = QUIET) -> Drawn:
    """Draw a figure by its name.

    Raises
    ------
    UsageError
        When there is no figure of that name.
    RunError
        When the run cannot give what the figure shows; says what it can.
    """
    require_figure(name, f"survembed figure {name}")
    return MAKERS[name](asked, reporter)


def header_of(run: Run) -> CohortHeader:
    """The header of a run's cohort."""
    return CohortHeader.from_dict(run.record["cohort"]["header"])


def _title(run: Run, what: str, *, one_run: bool = True) -> str:
    header = header_of(run)
    model = f"{run.model}, " if one_run else ""
    return f"{data_name(header.title, header.synthetic)}: {model}{what}"


def _latents(asked: FigureRequest, reporter: Reporter) -> Drawn:
    runs = asked.sweep.examples() if asked.sweep else _named(asked.runs)
    return _planes("latents", runs, "duration", asked, reporter)


def _tau(asked: FigureRequest, reporter: Reporter) -> Drawn:
    runs = list(asked.sweep.examples().values()) if asked.sweep else list(asked.runs)
    taus = {run.read("config.json")["model"].get("tau"): run for run in reversed(runs)}
    known = {f"τ = {tau:g}": taus[tau] for tau in sorted(tau for tau in taus if tau is not None)}
    if len(known) < FEWEST_TAUS:
        raise UsageError(
            f"{len(known)} value(s) of τ among the runs named",
            where="survembed figure tau",
            expected="a sweep over two values or more, or a run of each",
            try_="--sweep-dir SWEEP, or --run A --run B; survembed tau trains such a sweep",
        )
    drawn = _planes("tau", known, "truth", asked, reporter)
    if not asked.sweep:
        return drawn
    advice = advise(asked.sweep, n_resamples=asked.n_resamples, device=asked.device, reporter=reporter)
    files = draw_tau(advice, asked.folder / "tau-advice.png")
    return Drawn("tau", drawn.caption, [*drawn.files, *files], {**drawn.numbers, "advice": advice.to_dict()})


def _planes(name: str, runs: dict[str, Run], colour: Colour, asked: FigureRequest, reporter: Reporter) -> Drawn:
    first = next(iter(runs.values()))
    _same_cohort(list(runs.values()))
    made: dict[str, Projection] = {}
    with reporter.task("projecting", len(runs), "runs") as task:
        for label, run in runs.items():
            made[label] = plane(embed(run, device=asked.device), method=asked.method, colour=colour)
            task.advance()
    shown = next(iter(made.values()))
    unit = "true log-hazard" if shown.by == "truth" else f"duration ({header_of(first).time_unit})"
    who = f"{len(shown.points)} held-out subjects" if shown.held_out else f"{len(shown.points)} subjects, none held out"
    method = {"pca": "principal components", "umap": "UMAP"}[asked.method]
    title = _title(first, f"latent space, {who}", one_run=False)
    files = draw_latents(made, unit, title, asked.folder / f"{name}.png")
    caption = (
        f"Latent means μ of {who} on {method} of the training part. Colour: {unit}; crosses are censored subjects."
    )
    return Drawn(name, caption, files, {label: each.to_dict() for label, each in made.items()})


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the shortest name that tells them apart: model, model and τ, or id."""
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
                expected="runs of the same subjects, prepared alike",
            )


def _traversal(asked: FigureRequest, reporter: Reporter) -> Drawn:
    run = asked.runs[0]
    if not run.can("decode"):
        raise _cannot(run, "decode latents into images", "latents, survival, calibration, brier, importance, history")
    made = traverse(run, risk=run.can("hazard"), reporter=reporter)
    caption = (
        "Decoded images along each latent dimension, from the mean of the training part in steps of its standard "
        "deviation" + ("; the row 'hazard' follows the average subject of each risk." if run.can("hazard") else ".")
    )
    return Drawn("traversal", caption, draw_traversal(made, asked.folder / "traversal.png"), made.to_dict())


def _survival(asked: FigureRequest, reporter: Reporter) -> Drawn:
    held_out, predictions = _predictions(asked, reporter)
    groups = {}
    for made in predictions:
        group = equal_groups(made.risk, asked.n_groups)
        groups[made.name] = (group_curves(held_out.outcome, group), log_rank(held_out.outcome, group))
    title = _title(asked.runs[0], f"{len(held_out.outcome.duration)} held-out subjects by predicted risk")
    files = draw_survival(groups, held_out.latents.time_unit, title, asked.folder / "survival.png")
    numbers = {
        name: {"groups": [curve.to_dict() for curve in curves], "log_rank": test and test._asdict()}
        for name, (curves, test) in groups.items()
    }
    caption = (
        "Kaplan–Meier curves of held-out subjects in equal groups of predicted risk, with 95 % log-log intervals; "
        f"ticks are censored subjects. The log-rank test is of all groups together.{_who(predictions)}"
    )
    return Drawn("survival", caption, files, numbers)


def _calibration(asked: FigureRequest, reporter: Reporter) -> Drawn:
    held_out, predictions = _on_grid(asked, reporter)
    found = {}
    with reporter.task("calibrating", len(predictions), "models") as task:
        for made in predictions:
            found[made.name] = calibrate(held_out.outcome, made.survival, held_out.times, **asked.options)
            task.advance()
    title = _title(asked.runs[0], "calibration on held-out subjects")
    files = draw_calibration(found, held_out.latents.time_unit, title, asked.folder / "calibration.png")
    caption = (
        "Observed against predicted risk in equal groups of held-out subjects, with 95 % intervals. A slope of 1 "
        f"is right, below 1 overfitted; a small p of D-calibration says not calibrated.{_who(predictions)}"
    )
    return Drawn("calibration", caption, files, {name: each.to_dict() for name, each in found.items()})


def _brier(asked: FigureRequest, reporter: Reporter) -> Drawn:
    held_out, predictions = _on_grid(asked, reporter)

    def curve(survival: Float) -> BrierCurve:
        known, outcome, times = held_out.known, held_out.outcome, held_out.times
        low, high = brier_band(known, outcome, survival, times, **asked.options)
        integrated = integrated_brier_score(known, outcome, survival, times, **asked.options)
        return BrierCurve(brier_curve(known, outcome, survival, times), low, high, integrated)

    with reporter.task("scoring", len(predictions) + 1, "models") as task:
        null = curve(kaplan_meier_survival(held_out.known, len(held_out.outcome.duration), held_out.times))
        task.advance()
        curves = {}
        for made in predictions:
            curves[made.name] = curve(made.survival)
            task.advance()
    title = _title(asked.runs[0], "Brier score on held-out subjects")
    unit = held_out.latents.time_unit
    files = draw_brier(curves, null, held_out.times, unit, title, asked.folder / "brier.png")
    numbers = {
        "times": held_out.times.tolist(),
        **{
            name: {
                "score": np.asarray(each.score).tolist(),
                "low": np.asarray(each.low).tolist(),
                "high": np.asarray(each.high).tolist(),
                "ibs": each.integrated.to_dict(),
            }
            for name, each in {"Kaplan-Meier": null, **curves}.items()
        },
    }
    caption = (
        "Brier score over time with pointwise 95 % intervals (lower is better) beside the Kaplan–Meier null model, "
        f"which knows nothing of a subject. IBS is the mean over the times shown.{_who(predictions)}"
    )
    return Drawn("brier", caption, files, numbers)


def _on_grid(asked: FigureRequest, reporter: Reporter) -> tuple[EvaluationSet, list[Prediction]]:
    held_out, predictions = _predictions(asked, reporter)
    if not len(held_out.times):
        raise RunError(f"there is no time at which to score: {NO_GRID}", where=str(asked.runs[0].path))
    return held_out, predictions


def _predictions(asked: FigureRequest, reporter: Reporter) -> tuple[EvaluationSet, list[Prediction]]:
    """By the run's own head, where it has one, and by each downstream model."""
    run = asked.runs[0]
    held_out = EvaluationSet.of(run, embed(run, device=asked.device, reporter=reporter))
    base = held_out.base()
    if base is None and not asked.downstream:
        raise _cannot(
            run,
            "predict hazards",
            "latents, traversal, importance, history, and this of a downstream model",
            "coxph",
        )
    fitted = []
    with reporter.task("fitting", len(asked.downstream), "models") as task:
        for name, component in asked.downstream:
            fitted.append(held_out.downstream(name, component, asked.seed))
            task.advance()
    return held_out, [*([base] if base else []), *fitted]


def _who(predictions: Sequence[Prediction]) -> str:
    """For a caption: whose predictions bear no model's name."""
    return f" '{BASE}' is the run's own head." if any(made.name == BASE for made in predictions) else ""


def _cannot(run: Run, what: str, possible: str, downstream: str | None = None) -> RunError:
    return RunError(
        f"run {run.id} is a {run.model}, which cannot {what}",
        where=str(run.path),
        expected=f"of this run: {possible}",
        try_=f"--downstream {downstream}" if downstream else "--run with a coxvae or a vae",
    )


def _importance(asked: FigureRequest, reporter: Reporter) -> Drawn:
    found = importance(asked.runs[0], device=asked.device, reporter=reporter)
    caption = (
        "Hazard ratio for one standard deviation of each latent dimension with 95 % intervals, from Cox models "
        "refitted on the latents of the training part and, as an honest test, on the held-out ones."
    )
    for part, fit in (("Training part", found.train), ("Held out", found.test)):
        caption += f" {part}: not drawn, {fit.reason}." if fit.reason else ""
    return Drawn("importance", caption, draw_importance(found, asked.folder / "importance.png"), found.to_dict())


def _history(asked: FigureRequest, reporter: Reporter) -> Drawn:
    found = history(asked.runs[0])
    files = draw_history(found, _title(asked.runs[0], "learning curves"), asked.folder / "history.png")
    caption = (
        "Loss and its unweighted terms over the updates, and the share of each weighted term in the loss; the dotted "
        "line marks the weights that were kept. The validation part is judged at μ, a training batch at samples of z."
    )
    return Drawn("history", caption, files, found.to_dict())


MAKERS: dict[str, Callable[[FigureRequest, Reporter], Drawn]] = {
    "latents": _latents,
    "traversal": _traversal,
    "tau": _tau,
    "survival": _survival,
    "calibration": _calibration,
    "brier": _brier,
    "importance": _importance,
    "history": _history,
}
