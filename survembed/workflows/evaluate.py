"""Score survival models on the latents of a run: fitted on its training part, judged on its test part."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from survembed.bootstrap import Metric
from survembed.calibration import (
    CalibrationCurve,
    DCalibration,
    calibration_curve,
    calibration_slope,
    d_calibration,
)
from survembed.component import Component
from survembed.downstream.base import fit_downstream
from survembed.errors import DataError
from survembed.latents import Latents
from survembed.metrics import evaluate_predictions, integrated_brier_score, kaplan_meier_survival, time_grid
from survembed.progress import QUIET, Reporter
from survembed.run import Run
from survembed.storage import write_json
from survembed.survival import BreslowBaseline, Float, FollowUp, Outcome, follow_up
from survembed.workflows.embed import embed

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
class Row:
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
    rows: list[Row]
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
    latents = embed(run, device=device, reporter=reporter)
    known = Outcome(latents.duration[~latents.test], latents.event[~latents.test])
    held_out = Outcome(latents.duration[latents.test], latents.event[latents.test])
    if not latents.test.any():
        raise DataError(
            f"run {run.id} has no test part",
            where=str(run.path / "split.json"),
            expected="subjects held out for evaluation",
            try_="survembed train ... --set split.test=0.2",
        )
    times = time_grid(known, held_out)
    judge = _Judge(latents, known, held_out, times, n_resamples, seed)
    rows = []
    with reporter.task("evaluating", len(downstream) + 1, "models") as task:
        if latents.log_hazard is not None:
            rows.append(judge.base(latents.log_hazard))
        task.advance()
        for name, component in downstream:
            rows.append(judge.downstream(name, component))
            task.advance()
    evaluation = Evaluation(
        run=run.id,
        model=run.model,
        title=latents.title,
        time_unit=latents.time_unit,
        train=follow_up(*known),
        test=follow_up(*held_out),
        times=times,
        ibs_km=judge.null(),
        rows=rows,
        truth=judge.truth(),
    )
    write_json(run.path / "metrics.json", {"format": "survembed-metrics", "format_version": 1, **evaluation.to_dict()})
    return evaluation


class _Judge:
    """One test part, for all models alike."""

    def __init__(
        self, latents: Latents, known: Outcome, held_out: Outcome, times: Float, n_resamples: int, seed: int
    ) -> None:
        self.latents, self.known, self.held_out, self.times = latents, known, held_out, times
        self.n_resamples, self.seed = n_resamples, seed
        self.horizons = times[[len(times) // 4, len(times) // 2, 3 * len(times) // 4]] if len(times) else times

    def _row(self, name: str, risk: Float, survival: Float, notes: tuple[str, ...] = ()) -> Row:
        scores = evaluate_predictions(
            self.known,
            self.held_out,
            risk,
            survival,
            self.times,
            horizons=self.horizons.tolist(),
            n_resamples=self.n_resamples,
            seed=self.seed,
        )
        scores.pop("ibs_km")
        return Row(name, scores, notes, self._calibration(survival) if len(self.times) else None)

    def _calibration(self, survival: Float) -> Calibration:
        middle = float(self.horizons[len(self.horizons) // 2])
        at_middle = survival[:, np.searchsorted(self.times, middle)]
        return Calibration(
            middle,
            calibration_slope(self.held_out, at_middle, middle, n_resamples=self.n_resamples, seed=self.seed),
            calibration_curve(self.held_out, at_middle, middle),
            d_calibration(self.held_out, survival, self.times),
        )

    def base(self, log_hazard: Float) -> Row:
        """The run's own head."""
        test = self.latents.test
        baseline = BreslowBaseline.fit(log_hazard[~test], *self.known)
        return self._row("base", log_hazard[test], baseline.survival(log_hazard[test], self.times))

    def downstream(self, name: str, component: Component) -> Row:
        """A downstream model on the latents."""
        z, test = self.latents.z, self.latents.test
        try:
            fitted = fit_downstream(component.build(self.seed), z[~test], self.known)
        except DataError as error:
            missing = Metric(np.nan, reason=error.message)
            return Row(name, dict.fromkeys(("harrell_c", "uno_c", "ibs", "ibs_scaled"), missing), (error.message,))
        dropped = [f"z{dimension} left out: {reason}" for dimension, reason in fitted.dropped.items()]
        survival = fitted.survival(z[test], self.times)
        return self._row(name, fitted.risk(z[test]), survival, (*dropped, *fitted.notes))

    def null(self) -> Metric:
        """The Brier score of Kaplan–Meier, which knows nothing of a subject."""
        survival = kaplan_meier_survival(self.known, len(self.held_out.duration), self.times)
        return integrated_brier_score(
            self.known, self.held_out, survival, self.times, n_resamples=self.n_resamples, seed=self.seed
        )

    def truth(self) -> dict[str, float]:
        """What is attainable, where the true log-hazard is known."""
        from scipy.stats import ConstantInputWarning, spearmanr

        from survembed.concordance import harrell_c

        if self.latents.truth is None:
            return {}
        true = self.latents.truth[self.latents.test]
        found = {"harrell_c": harrell_c(self.held_out, true, n_resamples=0).value}
        if self.latents.log_hazard is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConstantInputWarning)
                found["rank_correlation"] = float(spearmanr(true, self.latents.log_hazard[self.latents.test]).statistic)
        return {name: value for name, value in found.items() if np.isfinite(value)}
