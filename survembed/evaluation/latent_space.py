"""Quality of a latent space: reconstruction, number and independence of its dimensions, proof of the hazard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from survembed.errors import DataError, RunError
from survembed.evaluation.latent_hazard import ACTIVE_VARIANCE
from survembed.evaluation.reconstruction import Reconstruction, reconstruct
from survembed.evaluation.reencoding import slope
from survembed.models.losses import ACTIVE_NATS, normal_kl
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import open_cohort
from survembed.runs.latents import Latents
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.result import Result
from survembed.storage.sealed import read_sealed, write_sealed
from survembed.survival.bootstrap import N_RESAMPLES, Metric, Statistic, bootstrap, with_interval
from survembed.survival.outcome import Float
from survembed.training.validation import median_correlation

FILE = "latent_space.json"
WALK = np.linspace(-2.0, 2.0, 9)
"""Steps along the hazard axis, in standard deviations of the log-hazard, for `walk_slope`."""


@dataclass(frozen=True)
class LatentSpace(Result):
    """Numbers on the latent space of a run; reconstructions are of test subjects, from μ.

    Attributes
    ----------
    explained
        1 − squared error / that of the mean training image, by channel: 0 for a decoder that ignores its input, 1 for a
        perfect one. Empty for a model that does not decode.
    dice
        Mean Dice of decoded and true mask, both above 0.5, over subjects with one, for masks of an organ or lesion.
    volume_correlation
        Spearman's ρ of the sums of the decoded and of the true channel over subjects: for a mask, its volume.
    active_units
        Latent dimensions with more than 0.01 nats of KL over the development set; without a posterior, those whose μ
        has a variance above 0.01.
    effective_dimensions
        Participation ratio (Σλ)² / Σλ² of the eigenvalues λ of the covariance of the training μ, in [1, L]: 1 if all
        dimensions are copies of one.
    median_correlation
        Median of |correlation| over pairs of dimensions of the training μ; NaN for a single dimension.
    reencoding_slope
        Slope of the log-hazard of decoded and encoded images on that of the images themselves, both at the reference
        covariates: 1 if images show their hazard (settled point 17). NaN without a head or decoder.
    walk_slope
        The same along the hazard axis, from −2 to +2 SD around the mean training μ.
    intervals
        95 % bootstrap intervals over test subjects of `explained.CHANNEL`, `dice.CHANNEL` and `reencoding_slope`.
    n_test
        Test subjects behind the reconstructions.
    """

    format: ClassVar[str] = "survembed-latent-space"

    explained: Mapping[str, float]
    dice: Mapping[str, float]
    volume_correlation: Mapping[str, float]
    active_units: int
    effective_dimensions: float
    median_correlation: float
    reencoding_slope: float
    walk_slope: float
    n_test: int
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """The numbers as text by name, with intervals; those without a value are left out."""
        named = {f"explained variance, {name}": f"explained.{name}" for name in self.explained}
        named |= {f"Dice, {name}": f"dice.{name}" for name in self.dice}
        texts = {name: self._with_interval(key) for name, key in named.items()}
        for name, rho in self.volume_correlation.items():
            if math.isfinite(rho):
                texts[f"decoded volume, {name}"] = f"rank correlation {rho:.3f}"
        texts["active dimensions"] = f"{self.active_units}, effectively {self.effective_dimensions:.1f}"
        if math.isfinite(self.median_correlation):
            texts["median |correlation|"] = f"{self.median_correlation:.2f}"
        if math.isfinite(self.reencoding_slope):
            along = f", along the hazard {self.walk_slope:.2f}" if math.isfinite(self.walk_slope) else ""
            texts["re-encoding slope"] = self._with_interval("reencoding_slope") + along
        return texts

    def _with_interval(self, key: str) -> str:
        values, _, name = key.partition(".")
        value = getattr(self, values)[name] if name else getattr(self, values)
        low, high = self.intervals.get(key, (math.nan, math.nan))
        return with_interval(Metric(value, low, high))


def latent_space(
    run: Run, latents: Latents, *, n_resamples: int = N_RESAMPLES, device: str = "cpu", reporter: Reporter = QUIET
) -> LatentSpace:
    """The latent space of a run. It is measured once, and kept in `latent_space.json` of the run.

    Parameters
    ----------
    run, latents
        A run with a test set, and the latents of its cohort.
    n_resamples
        Of the bootstrap over test subjects.
    """
    path, depends = run.path / FILE, {**latents.provenance, "n_resamples": n_resamples}
    kept = _kept(path, depends)
    if kept is not None:
        return kept
    trained, decoded = TrainedModel.open(run, device=device, reporter=reporter), None
    if trained.model.decodes:
        with open_cohort(run, reporter) as cohort:
            decoded = reconstruct(trained, cohort, np.flatnonzero(~latents.test), np.flatnonzero(latents.test))
    measured = _measured(trained, decoded, n_resamples)
    write_sealed(path, {**measured.to_dict(), "depends": depends})
    return measured


def latent_space_where_images_are(
    run: Run, latents: Latents, *, device: str = "cpu", reporter: Reporter = QUIET
) -> LatentSpace | None:
    """The same; None, with a message, where it is not yet measured and the images of the cohort are gone."""
    try:
        return latent_space(run, latents, device=device, reporter=reporter)
    except (DataError, RunError) as error:
        reporter.say(f"the latent space is not measured, as the cohort of the run is not here: {error.message}")
        return None


def _kept(path: Path, depends: Mapping[str, Any]) -> LatentSpace | None:
    """Result of an earlier call on the same weights, cohort and resamples; None for a damaged file."""
    try:
        written = read_sealed(path)
    except DataError:
        return None
    if written.get("format") != LatentSpace.format or written.get("depends") != dict(depends):
        return None
    return LatentSpace(**{each.name: _with_nan(written[each.name]) for each in fields(LatentSpace)})


def _with_nan(value: Any) -> Any:
    """A value from JSON, in which NaN is null, also inside of objects and lists."""
    if isinstance(value, dict):
        return {name: _with_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_nan(each) for each in value]
    return float("nan") if value is None else value


def _measured(trained: TrainedModel, decoded: Reconstruction | None, n_resamples: int) -> LatentSpace:
    latents = trained.latents
    mu, n = latents.z[~latents.test].astype(np.float64), int(latents.test.sum())
    statistics: dict[str, Statistic] = {}
    if decoded:
        statistics |= {
            **{f"explained.{name}": _share_explained(each, decoded.null[name]) for name, each in decoded.error.items()},
            **{f"dice.{name}": _mean_of_finite(each) for name, each in decoded.dice.items()},
        }
    has_proof = decoded is not None and len(decoded.log_hazard) > 0
    if decoded and has_proof:
        claimed = trained.log_hazard(latents.z[latents.test].astype(np.float64))
        statistics["reencoding_slope"] = _slope(claimed, decoded.log_hazard)
    found = {name: bootstrap(statistic, n, n_resamples=n_resamples) for name, statistic in statistics.items()}
    found = {name: metric for name, metric in found.items() if np.isfinite(metric.value)}
    amounts = decoded.amount if decoded else {}
    return LatentSpace(
        explained=_values_of("explained.", found),
        dice=_values_of("dice.", found),
        volume_correlation={
            name: _spearman(each, decoded.true_amount[name]) for name, each in amounts.items() if decoded
        },
        active_units=active_units(latents),
        effective_dimensions=effective_dimensions(mu),
        median_correlation=median_correlation(mu),
        reencoding_slope=_values_of("reencoding_slope", found).get("", float("nan")),
        walk_slope=_walk_slope(trained) if has_proof else float("nan"),
        n_test=n,
        intervals={name: (metric.low, metric.high) for name, metric in found.items()},
    )


def _values_of(prefix: str, found: Mapping[str, Metric]) -> dict[str, float]:
    return {name.removeprefix(prefix): each.value for name, each in found.items() if name.startswith(prefix)}


def active_units(latents: Latents) -> int:
    """Number of active latent dimensions; see `LatentSpace`."""
    known = ~latents.test
    mu = torch.from_numpy(latents.z[known].astype(np.float64))
    if latents.z_logvar is None:
        return int((mu.var(dim=0, correction=0) > ACTIVE_VARIANCE).sum())
    return int(
        (normal_kl(mu, torch.from_numpy(latents.z_logvar[known].astype(np.float64))).mean(0) > ACTIVE_NATS).sum()
    )


def effective_dimensions(mu: Float) -> float:
    """Participation ratio of the eigenvalues of the covariance of μ (n, L); 0 where μ never varies."""
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(mu, rowvar=False))).clip(min=0)
    return float(spread.sum() ** 2 / (spread**2).sum()) if spread.any() else 0.0


def _walk_slope(trained: TrainedModel) -> float:
    axes = trained.coordinates()
    path = axes.along_hazard(axes.centre, trained.gradient, WALK)
    again = trained.log_hazard(trained.embed(trained.decode(path)).astype(np.float64))
    return slope(trained.log_hazard(path), again)


def _share_explained(error: Float, null: Float) -> Statistic:
    def statistic(weights: Float) -> Float:
        total = weights.T @ null
        return np.where(total > 0, 1 - (weights.T @ error) / np.where(total > 0, total, 1), np.nan)

    return statistic


def _mean_of_finite(values: Float) -> Statistic:
    finite = np.isfinite(values)

    def statistic(weights: Float) -> Float:
        count = weights.T @ finite
        return np.where(count > 0, (weights.T @ np.where(finite, values, 0)) / np.maximum(count, 1), np.nan)

    return statistic


def _slope(claimed: Float, again: Float) -> Statistic:
    def statistic(weights: Float) -> Float:
        w = weights / weights.sum(axis=0)
        x, y = claimed[:, None] - claimed @ w, again[:, None] - again @ w
        spread = (w * x**2).sum(axis=0)
        return np.where(spread > 1e-18, (w * x * y).sum(axis=0) / np.maximum(spread, 1e-18), np.nan)

    return statistic


def _spearman(one: Float, other: Float) -> float:
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)
