"""Meaning of each latent dimension for survival: weights, hazard ratios, stability, correlates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.evaluation.dimension_matching import match
from survembed.evaluation.latent_hazard import refit
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import open_cohort
from survembed.runs.run import Run, Runs
from survembed.runs.trained_model import TrainedModel
from survembed.storage.result import Result
from survembed.survival.cox_inference import CoxFit, HazardRatio
from survembed.survival.outcome import Float

FEWEST_VALUES = 10
"""Fewest subjects with a value in a column for a correlation."""


@dataclass(frozen=True)
class Stability:
    """Stability of a dimension over the other runs, matched by its effect on the decoded image.

    Attributes
    ----------
    similarity
        Mean `|cosine|` of the effects, in [0, 1].
    psi_sd, psi_sd_spread
        Mean and standard deviation over the other runs of ψ·sd(μ) of the matched dimension, with the sign of this run;
        None for a model without a head, the deviation also where there is a single other run.
    same_sign
        Share of the other runs in which the sign of ψ is the same; None without a head.
    """

    similarity: float
    psi_sd: float | None = None
    psi_sd_spread: float | None = None
    same_sign: float | None = None


@dataclass(frozen=True)
class Dimension:
    """One latent dimension.

    Attributes
    ----------
    number
        From 0.
    psi, hazard_ratio, psi_sd
        ψ (for an MLP head the gradient of the log-hazard at the mean training μ), exp(ψ), and ψ·sd(μ): log hazard for
        one standard deviation of the training μ. None for a model without a head.
    train, test
        Hazard ratios of Cox models refitted on μ of the development set and of the test set. The encoder was trained on
        the outcomes of the development set, so only the latter is an unbiased test.
    stability
        Over the other runs; None where there are none.
    correlations
        Spearman's ρ with volumes, covariates and truth, over all subjects, strongest first.
    note
        Reason why it is left out of the refitted models; empty otherwise.
    """

    number: int
    psi: float | None
    hazard_ratio: float | None
    psi_sd: float | None
    train: HazardRatio | None
    test: HazardRatio | None
    stability: Stability | None
    correlations: dict[str, float]
    note: str = ""

    @property
    def name(self) -> str:
        """Name in tables and figures."""
        return f"z{self.number}"

    @property
    def slope(self) -> float | None:
        """Log hazard ratio of the model for one standard deviation."""
        return self.psi_sd


@dataclass(frozen=True)
class CovariateEffect:
    """One encoded covariate of a clinical + image model.

    Attributes
    ----------
    name
        Such as `age` (one standard deviation of the training part) or `stage=III` (against the reference).
    gamma, hazard_ratio
        γ of the model and exp(γ).
    train, test
        Hazard ratios of the refitted Cox models, adjusted for the latent dimensions and the other covariates.
    note
        Reason why it is left out of the refitted models; empty otherwise.
    """

    name: str
    gamma: float
    hazard_ratio: float
    train: HazardRatio | None
    test: HazardRatio | None
    note: str = ""

    @property
    def slope(self) -> float | None:
        """Log hazard ratio of the model for one unit of the column."""
        return self.gamma


@dataclass(frozen=True)
class Importance(Result):
    """Meaning of the latent dimensions of a run for survival.

    Attributes
    ----------
    run, model, title, synthetic
        Of the run and its cohort.
    others
        Ids of the runs behind `stability`.
    train, test
        Cox models refitted on the latents of the development set and of the test set.
    dimensions
        One for each latent dimension. For a run with competing causes ψ is that of any event.
    covariates
        One for each encoded covariate of the model.
    causes
        (L,) ψ_k·sd(μ) of each competing cause by name; empty without causes.
    counted
        What the refitted Cox models count as an event of a cohort with competing causes; empty without these.
    """

    format: ClassVar[str] = "survembed-importance"

    run: str
    model: str
    title: str
    synthetic: bool
    others: tuple[str, ...]
    train: CoxFit
    test: CoxFit
    dimensions: tuple[Dimension, ...]
    covariates: tuple[CovariateEffect, ...] = ()
    causes: dict[str, Float] = field(default_factory=dict)
    counted: str = ""

    @property
    def angles(self) -> dict[str, float]:
        """Angle in degrees between the hazard directions of each pair of causes, on standardised axes."""
        found = {}
        for (one, first), (other, second) in combinations(self.causes.items(), 2):
            size = float(np.linalg.norm(first) * np.linalg.norm(second))
            cosine = float(first @ second) / size if size else np.nan
            found[f"{one} and {other}"] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        fits = {
            name: {"n": fit.n, "events": fit.n_events, "reason": fit.reason, "notes": list(fit.notes)}
            for name, fit in (("train", self.train), ("test", self.test))
        }
        return {**super().to_dict(), **fits, "angles": self.angles}


def importance(run: Run, *, device: str = "auto", reporter: Reporter = QUIET) -> Importance:
    """Interpret the latent dimensions of a run.

    Stability is judged over its siblings: finished runs in the same folder, such as those of a sweep, that differ only
    in seed or fold.

    Raises
    ------
    RunError
        When the run is damaged.
    """
    trained = TrainedModel.open(run, device=device, reporter=reporter)
    latents = trained.latents
    mu, test = latents.z.astype(np.float64), latents.test
    with open_cohort(run, reporter) as cohort:
        subjects, header = cohort.subjects, cohort.header
    fits = {name: refit(latents, part) for name, part in (("train", ~test), ("test", test))}
    ours, others = _LatentEffects(trained), siblings(run)
    stable = _stability(ours, others, device, reporter)
    related = _correlations(mu, subjects)
    psi, psi_sd = ours.psi, ours.psi_sd
    dimensions = [
        Dimension(
            number,
            None if psi is None else float(psi[number]),
            None if psi is None else float(np.exp(psi[number])),
            None if psi_sd is None else float(psi_sd[number]),
            fits["train"].ratios.get(number),
            fits["test"].ratios.get(number),
            stable[number] if stable else None,
            related[number],
            fits["train"].dropped.get(number, ""),
        )
        for number in range(mu.shape[1])
    ]
    ids = tuple(other.id for other in others)
    covariates = _covariates(trained, fits)
    return Importance(
        run.id,
        run.model_title,
        header.title,
        header.synthetic,
        ids,
        fits["train"],
        fits["test"],
        tuple(dimensions),
        covariates,
        trained.cause_directions(),
        header.counted,
    )


def _covariates(trained: TrainedModel, fits: Mapping[str, CoxFit]) -> tuple[CovariateEffect, ...]:
    names, n_dims = trained.latents.x_names, trained.latents.z.shape[1]
    effects = []
    for number, (name, gamma) in enumerate(trained.covariate_contributions(np.ones((1, len(names)))).items(), n_dims):
        value, note = float(gamma[0]), fits["train"].dropped.get(number, "")
        train, test = (fits[part].ratios.get(number) for part in ("train", "test"))
        effects.append(CovariateEffect(name, value, float(np.exp(value)), train, test, note))
    return tuple(effects)


def siblings(run: Run) -> list[Run]:
    """Finished runs in the same folder on the same cohort that differ in seed, fold or division only."""
    ours = _comparable_settings(run)
    return [
        other
        for other in Runs(run.path.parent).list()
        if other.id != run.id and other.status == "finished" and _comparable_settings(other) == ours
    ]


def _comparable_settings(run: Run) -> tuple[Any, ...]:
    config = run.read("config.json")
    return run.record["cohort"]["fingerprint"], config["model"], config["head"], config["train"]


class _LatentEffects:
    """Effect of each latent dimension on log-hazard and decoded image.

    Attributes
    ----------
    psi
        (L,) gradient of the log-hazard at the mean μ of the development set; None without a head.
    psi_sd
        (L,) the same for one standard deviation of μ.
    images
        (L, d) change of the decoded image from −1 to +1 standard deviation; without a decoder, the centred μ.
    """

    def __init__(self, trained: TrainedModel) -> None:
        mu = trained.latents.z[~trained.latents.test].astype(np.float64)
        centre, step = mu.mean(axis=0), np.diag(mu.std(axis=0))
        self.psi = trained.gradient(centre) if trained.model.head is not None else None
        self.psi_sd = None if self.psi is None else self.psi * mu.std(axis=0)
        if trained.model.decodes:
            ends = trained.decode(np.vstack([centre + step, centre - step])).astype(np.float64)
            self.images: Float = np.subtract(*ends.reshape(2, len(step), -1))
        else:
            self.images = (trained.latents.z.astype(np.float64) - centre).T


def _stability(ours: _LatentEffects, others: Sequence[Run], device: str, reporter: Reporter) -> list[Stability]:
    """For each dimension; empty without other runs."""
    similarities, slopes = [], []
    with reporter.task("matching", len(others), "runs") as task:
        for other in others:
            theirs = _LatentEffects(TrainedModel.open(other, device=device))
            matched = match(ours.images, theirs.images)
            similarities.append(matched.similarity)
            if theirs.psi_sd is not None:
                slopes.append(matched.sign * theirs.psi_sd[matched.dimension])
            task.advance()
    if not similarities:
        return []
    similarity = np.mean(similarities, axis=0)
    if not slopes or ours.psi_sd is None:
        return [Stability(float(value)) for value in similarity]
    mean, same = np.mean(slopes, axis=0), np.mean(np.sign(slopes) == np.sign(ours.psi_sd), axis=0)
    spread = np.std(slopes, axis=0, ddof=1).tolist() if len(slopes) > 1 else [None] * len(mean)
    return [Stability(*row) for row in zip(similarity.tolist(), mean.tolist(), spread, same.tolist(), strict=True)]


def _correlations(mu: Float, subjects: Subjects) -> list[dict[str, float]]:
    """Spearman's ρ of each dimension with each column, strongest first; a level of a text column is an indicator."""
    from scipy.stats import ConstantInputWarning, spearmanr

    columns = _columns(subjects)
    correlations = []
    for z in mu.T:
        row = {}
        for name, values in columns.items():
            finite = np.isfinite(values)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConstantInputWarning)
                rho = float(spearmanr(z[finite], values[finite]).statistic)
            if np.isfinite(rho):
                row[name] = rho
        correlations.append(dict(sorted(row.items(), key=lambda item: -abs(item[1]))))
    return correlations


def _columns(subjects: Subjects) -> dict[str, Float]:
    """Columns (n,) to correlate with: truth, volumes and usable covariates, NaN where missing."""
    numbers: dict[str, NDArray[Any]] = {} if subjects.truth is None else {"truth": subjects.truth}
    numbers |= dict(subjects.measures)
    for name in usable(subjects.covariates):
        values = subjects.covariates[name]
        if values.dtype.kind in "OUS":
            numbers |= _indicators(name, values)
        else:
            numbers[name] = values
    return {
        name: np.asarray(values, dtype=np.float64)
        for name, values in numbers.items()
        if np.isfinite(values.astype(np.float64)).sum() >= FEWEST_VALUES
    }


def _indicators(name: str, values: NDArray[Any]) -> Mapping[str, Float]:
    levels = sorted(set(values.tolist()) - {""})
    shown = levels[1:] if len(levels) == 2 else levels
    return {f"{name}={level}": np.where(values == "", np.nan, (values == level).astype(np.float64)) for level in shown}
