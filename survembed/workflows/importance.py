"""What each latent dimension means for survival, in numbers: weights, hazard ratios, stability, correlates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.evaluation.dimension_matching import match
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import embed, load_model, open_cohort
from survembed.runs.latents import Latents
from survembed.runs.run import Run, Runs
from survembed.survival.cox_inference import CoxFit, HazardRatio, fit_cox_on_latents
from survembed.survival.outcome import Float, Outcome
from survembed.survival.scaler import LatentScaler

FEWEST_KNOWN = 10
"""A correlation with a column known of fewer subjects is left out."""


@dataclass(frozen=True)
class Stability:
    """How a dimension fares in the other runs, matched by its effect on the decoded image.

    Attributes
    ----------
    similarity
        Mean `|cosine|` of the effects, in [0, 1].
    psi_sd, psi_sd_spread
        Mean and standard deviation over the other runs of ψ·sd(μ) of the matched dimension, its sign turned to ours;
        None for a model without a head, the deviation also where there is a single other run.
    same_sign
        Share of the other runs in which it raises the hazard where ours does; None without a head.
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
        From Cox models refitted on μ of the subjects outside the test part, and of the test part alone. The encoder has
        seen the outcomes of the former, so only the latter is an honest test.
    stability
        Over the other runs; None where there are none.
    correlations
        Spearman's ρ with volumes, covariates and truth, over all subjects, strongest first.
    note
        Why it is left out of the refitted models; empty where it is not.
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


@dataclass(frozen=True)
class Importance:
    """What the latent dimensions of a run mean.

    Attributes
    ----------
    run, model, title, synthetic
        Of the run and its cohort.
    dimensions
        One for each.
    train, test
        Subjects and events of the two refitted models, with the reason where there is none.
    others
        Ids of the runs that stability was judged by.
    """

    run: str
    model: str
    title: str
    synthetic: bool
    dimensions: tuple[Dimension, ...]
    train: CoxFit
    test: CoxFit
    others: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""

        def part(fit: CoxFit) -> dict[str, Any]:
            return {"n": fit.n, "events": fit.n_events, "reason": fit.reason, "notes": list(fit.notes)}

        return {
            "format": "survembed-importance",
            "format_version": 1,
            "run": self.run,
            "model": self.model,
            "title": self.title,
            "synthetic": self.synthetic,
            "others": list(self.others),
            "train": part(self.train),
            "test": part(self.test),
            "dimensions": [asdict(dimension) for dimension in self.dimensions],
        }


def importance(run: Run, *, device: str = "auto", reporter: Reporter = QUIET) -> Importance:
    """Interpret the latent dimensions of a run.

    Stability comes from its siblings: finished runs beside it, such as those of a sweep, that differ in seed or fold
    only.

    Raises
    ------
    RunError
        When the run is damaged.
    """
    latents = embed(run, device=device, reporter=reporter)
    model = load_model(run, device)
    mu, test = latents.z.astype(np.float64), latents.test
    with open_cohort(run, reporter) as cohort:
        subjects, header = cohort.subjects, cohort.header
    scaler = LatentScaler().fit(mu[~test])
    fits = {
        name: fit_cox_on_latents(mu[part], Outcome(latents.duration[part], latents.event[part]), scaler)
        for name, part in (("train", ~test), ("test", test))
    }
    slope = _psi(model, mu[~test])
    deviation = mu[~test].std(axis=0)
    others = siblings(run)
    stable = _stability(_Seen(run, latents, model), others, device, reporter)
    related = _correlations(mu, subjects)
    dimensions = [
        Dimension(
            number,
            None if slope is None else float(slope[number]),
            None if slope is None else float(np.exp(slope[number])),
            None if slope is None else float(slope[number] * deviation[number]),
            fits["train"].ratios.get(number),
            fits["test"].ratios.get(number),
            stable[number] if stable else None,
            related[number],
            scaler.dropped_.get(number, ""),
        )
        for number in range(mu.shape[1])
    ]
    ids = tuple(other.id for other in others)
    return Importance(
        run.id, run.model, header.title, header.synthetic, tuple(dimensions), fits["train"], fits["test"], ids
    )


def siblings(run: Run) -> list[Run]:
    """Finished runs in the same folder on the same cohort that differ in seed, fold or division only."""
    ours = _essence(run)
    return [
        other
        for other in Runs(run.path.parent).list()
        if other.id != run.id and other.status == "finished" and _essence(other) == ours
    ]


def _essence(run: Run) -> tuple[Any, ...]:
    config = run.read("config.json")
    return run.record["cohort"]["fingerprint"], config["model"], config["head"], config["train"]


def _psi(model: Model, mu: Float) -> Float | None:
    """Gradient (L,) of the log-hazard at the mean of `mu` (n, L); None without a head."""
    if model.head is None:
        return None
    place = next(model.parameters()).device
    at = torch.tensor(mu.mean(axis=0), dtype=torch.float32, device=place)[None].requires_grad_()
    (slope,) = torch.autograd.grad(model.log_hazard(at).sum(), at)
    return slope[0].double().cpu().numpy()


class _Seen:
    """A run as others are compared with it."""

    def __init__(self, run: Run, latents: Latents, model: Model) -> None:
        mu = latents.z.astype(np.float64)
        train = mu[~latents.test]
        slope = _psi(model, train)
        self.id = run.id
        self.psi_sd = None if slope is None else slope * train.std(axis=0)
        self.effects = _effects(model, train) if model.decodes else (mu - train.mean(axis=0)).T


@torch.no_grad()
def _effects(model: Model, mu: Float) -> Float:
    """(L, voxels) change of the decoded image from −1 to +1 standard deviation along each dimension, from the mean."""
    centre, step = mu.mean(axis=0), np.diag(mu.std(axis=0))
    place = next(model.parameters()).device
    ends = torch.tensor(np.vstack([centre + step, centre - step]), dtype=torch.float32, device=place)
    decoded = model.decode(ends).double().cpu().numpy().reshape(2, len(step), -1)
    return np.asarray(decoded[0] - decoded[1])


def _stability(ours: _Seen, others: Sequence[Run], device: str, reporter: Reporter) -> list[Stability]:
    """For each dimension; empty without other runs."""
    matches, slopes = [], []
    with reporter.task("matching", len(others), "runs") as task:
        for other in others:
            theirs = _Seen(other, embed(other, device=device), load_model(other, device))
            found = match(ours.effects, theirs.effects)
            matches.append(found.similarity)
            if theirs.psi_sd is not None:
                slopes.append(found.sign * theirs.psi_sd[found.dimension])
            task.advance()
    if not matches:
        return []
    similarity = np.mean(matches, axis=0)
    if not slopes or ours.psi_sd is None:
        return [Stability(float(value)) for value in similarity]
    mean, same = np.mean(slopes, axis=0), np.mean(np.sign(slopes) == np.sign(ours.psi_sd), axis=0)
    spread = np.std(slopes, axis=0, ddof=1).tolist() if len(slopes) > 1 else [None] * len(mean)
    return [Stability(*row) for row in zip(similarity.tolist(), mean.tolist(), spread, same.tolist(), strict=True)]


def _correlations(mu: Float, subjects: Subjects) -> list[dict[str, float]]:
    """Spearman's ρ of each dimension with each column, strongest first; a word is compared as being there or not."""
    from scipy.stats import ConstantInputWarning, spearmanr

    columns = _columns(subjects)
    found = []
    for z in mu.T:
        row = {}
        for name, values in columns.items():
            known = np.isfinite(values)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConstantInputWarning)
                rho = float(spearmanr(z[known], values[known]).statistic)
            if np.isfinite(rho):
                row[name] = rho
        found.append(dict(sorted(row.items(), key=lambda item: -abs(item[1]))))
    return found


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
        if np.isfinite(values.astype(np.float64)).sum() >= FEWEST_KNOWN
    }


def _indicators(name: str, values: NDArray[Any]) -> Mapping[str, Float]:
    levels = sorted(set(values.tolist()) - {""})
    wanted = levels[1:] if len(levels) == 2 else levels
    return {f"{name}={level}": np.where(values == "", np.nan, (values == level).astype(np.float64)) for level in wanted}
