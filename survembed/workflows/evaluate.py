"""Score survival models on the latents of a run: fitted on its training part, judged on its test part."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from survembed.errors import DataError
from survembed.evaluation.scores import evaluate_predictions
from survembed.evaluation.test_set import EvaluationSet, Prediction
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.runs.run import Run
from survembed.storage.files import write_json
from survembed.survival.bootstrap import Metric
from survembed.survival.brier import integrated_brier_score
from survembed.survival.calibration import (
    CalibrationCurve,
    DCalibration,
    calibration_curve,
    calibration_slope,
    d_calibration,
)
from survembed.survival.kaplan_meier import FollowUp, follow_up, kaplan_meier_survival
from survembed.survival.outcome import Float, Outcome

N_RESAMPLES = 500


@dataclass(frozen=True)
class Calibration:
    """Whether predicted survival comes true.

    Attributes
    ----------
    horizon
        Time of slope and curve.
    slope
        1 is right, below 1 is overfitted.
    curve
        Predicted and observed risk in groups of rising risk.
    d_calibration
        Test over all times; a small p says *not* calibrated.
    """

    horizon: float
    slope: Metric
    curve: CalibrationCurve
    d_calibration: DCalibration

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what is unknown is null."""

        def plain(values: Float) -> list[float | None]:
            return [None if np.isnan(value) else float(value) for value in values]

        return {
            "horizon": self.horizon,
            "slope": self.slope.to_dict(),
            "curve": {name: plain(values) for name, values in self.curve._asdict().items()},
            "d_calibration": {
                "statistic": self.d_calibration.statistic,
                "p_value": self.d_calibration.p_value,
                "share": self.d_calibration.share.tolist(),
            },
        }


@dataclass(frozen=True)
class ScoredModel:
    """One survival model on the latents.

    Attributes
    ----------
    name
        `base` for the run's own head with a Breslow baseline, else the downstream model's name.
    scores
        `harrell_c`, `uno_c`, `ibs`, `ibs_scaled` and `auc_<horizon>`, each with its interval.
    notes
        Latent dimensions left out, warnings of the fit, or why the model could not be fitted.
    calibration
        Slope and curve at the middle horizon, and D-calibration; None for a model without survival functions.
    """

    name: str
    scores: dict[str, Metric]
    notes: tuple[str, ...] = ()
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    run, model, title
        Of the run; `title` says whether the data are synthetic.
    train, test
        Subjects, events and median follow-up of the two parts.
    times
        (T,) grid of the integrated Brier score, in `time_unit`.
    ibs_km
        Integrated Brier score of the Kaplan–Meier null model.
    truth
        Harrell's C of the true log-hazard, where it is known: what no model can be expected to exceed; and the rank
        correlation of the run's log-hazard with it.
    rows
        One for each survival model.
    """

    run: str
    model: str
    title: str
    time_unit: str
    train: FollowUp
    test: FollowUp
    times: Float
    ibs_km: Metric
    rows: list[ScoredModel]
    truth: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""

        def part(follow: FollowUp) -> dict[str, Any]:
            median = None if np.isnan(follow.median) else follow.median
            return {"n": follow.n, "events": follow.n_events, "median_follow_up": median}

        return {
            "run": self.run,
            "model": self.model,
            "title": self.title,
            "time_unit": self.time_unit,
            "train": part(self.train),
            "test": part(self.test),
            "times": self.times.tolist(),
            "ibs_km": self.ibs_km.to_dict(),
            "truth": self.truth,
            "rows": [
                {
                    "name": row.name,
                    "notes": list(row.notes),
                    "calibration": row.calibration.to_dict() if row.calibration else None,
                    **{name: metric.to_dict() for name, metric in row.scores.items()},
                }
                for row in self.rows
            ],
        }


def evaluate(
    run: Run,
    downstream: Sequence[tuple[str, Component]],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> Evaluation:
    """Fit each downstream model on the latents of all subjects outside the test part, and score it on the test part.

    Parameters
    ----------
    run
        A finished run with a test part.
    downstream
        Names and components.
    n_resamples, seed
        Of the bootstrap over test subjects; equal ones make runs on the same subjects comparable pair by pair.

    Returns
    -------
    Evaluation
        Also written to `metrics.json` of the run.

    Raises
    ------
    DataError
        When the run has no test part. A downstream model that cannot be fitted is a row with the reason.
    """
    held_out = EvaluationSet.of(run, embed(run, device=device, reporter=reporter))
    evaluation = assess(run, held_out, downstream, n_resamples=n_resamples, seed=seed, reporter=reporter)
    write_json(run.path / "metrics.json", {"format": "survembed-metrics", "format_version": 1, **evaluation.to_dict()})
    return evaluation


def assess(
    run: Run,
    held_out: EvaluationSet,
    downstream: Sequence[tuple[str, Component]],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    reporter: Reporter = QUIET,
) -> Evaluation:
    """What `evaluate` finds, without writing it; parameters as there."""
    judge = _Judge(held_out, n_resamples, seed)
    rows = []
    with reporter.task("evaluating", len(downstream) + 1, "models") as task:
        base = held_out.base()
        if base is not None:
            rows.append(judge.row(base))
        task.advance()
        for name, component in downstream:
            try:
                rows.append(judge.row(held_out.downstream(name, component, seed)))
            except DataError as error:
                missing = Metric(np.nan, reason=error.message)
                scores = dict.fromkeys(("harrell_c", "uno_c", "ibs", "ibs_scaled"), missing)
                rows.append(ScoredModel(name, scores, (error.message,)))
            task.advance()
    latents = held_out.latents
    return Evaluation(
        run=run.id,
        model=run.model,
        title=latents.title,
        time_unit=latents.time_unit,
        train=follow_up(*held_out.known),
        test=follow_up(*held_out.outcome),
        times=held_out.times,
        ibs_km=judge.null(),
        rows=rows,
        truth=judge.truth(),
    )


def calibrate(
    outcome: Outcome, survival: Float, times: Float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Calibration:
    """Calibration of predicted S(t) (n, T) on `times` (T,), one or more, of held-out subjects; at the middle time."""
    middle = horizons(times)[1]
    at_middle = survival[:, np.searchsorted(times, middle)]
    return Calibration(
        middle,
        calibration_slope(outcome, at_middle, middle, n_resamples=n_resamples, seed=seed),
        calibration_curve(outcome, at_middle, middle),
        d_calibration(outcome, survival, times),
    )


def horizons(times: Float) -> list[float]:
    """Three times at which to look closer, at the quarters of the grid (T,); none on an empty one."""
    return [float(times[len(times) * quarter // 4]) for quarter in (1, 2, 3)] if len(times) else []


class _Judge:
    """One test part, for all models alike."""

    def __init__(self, held_out: EvaluationSet, n_resamples: int, seed: int) -> None:
        self.held_out, self.n_resamples, self.seed = held_out, n_resamples, seed

    def row(self, made: Prediction) -> ScoredModel:
        """The scores of one survival model."""
        at = self.held_out
        options = {"n_resamples": self.n_resamples, "seed": self.seed}
        scores = evaluate_predictions(
            at.known, at.outcome, made.risk, made.survival, at.times, horizons=horizons(at.times), **options
        )
        scores.pop("ibs_km")
        calibration = calibrate(at.outcome, made.survival, at.times, **options) if len(at.times) else None
        return ScoredModel(made.name, scores, made.notes, calibration)

    def null(self) -> Metric:
        """The Brier score of Kaplan–Meier, which knows nothing of a subject."""
        at = self.held_out
        survival = kaplan_meier_survival(at.known, len(at.outcome.duration), at.times)
        return integrated_brier_score(
            at.known, at.outcome, survival, at.times, n_resamples=self.n_resamples, seed=self.seed
        )

    def truth(self) -> dict[str, float]:
        """What is attainable, where the true log-hazard is known."""
        from scipy.stats import ConstantInputWarning, spearmanr

        from survembed.survival.concordance import harrell_c

        latents = self.held_out.latents
        if latents.truth is None:
            return {}
        true = latents.truth[latents.test]
        found = {"harrell_c": harrell_c(self.held_out.outcome, true, n_resamples=0).value}
        if latents.log_hazard is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConstantInputWarning)
                found["rank_correlation"] = float(spearmanr(true, latents.log_hazard[latents.test]).statistic)
        return {name: value for name, value in found.items() if np.isfinite(value)}
