"""Choice of τ: survival, reconstruction and order of the latent space for each value in a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import Cohort
from survembed.cohort.subjects import SPLITS
from survembed.errors import RunError, UsageError
from survembed.evaluation.benchmark_table import NO_SEED, Table
from survembed.evaluation.latent_space import LatentSpace, latent_space
from survembed.evaluation.predictions import BASE
from survembed.evaluation.projection import Projection, project
from survembed.evaluation.reconstruction import Reconstruction, reconstruct
from survembed.progress import QUIET, Reporter, Task
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.jobs.sweep import Sweep, row_name
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.result import Result
from survembed.survival.bootstrap import N_RESAMPLES, Metric, paired_difference, with_interval
from survembed.survival.outcome import Float

SHARE = 0.8
"""A reconstruction counts as meaningful from this share of the best one on."""

MOST_LEVELS = 20
"""A truth with more different values is not used as a grouping; subjects are then ordered one by one."""


@dataclass(frozen=True)
class TauRow:
    """One value of τ; reconstruction and order are means over its runs.

    Attributes
    ----------
    tau
        The value.
    harrell_c, ibs
        Of the run's own head, on test subjects; see `survembed.evaluation.pooled_scores`.
    explained, dice
        Means over channels of `Reconstruction`, on the subjects of `TauAdvice.chosen_on`.
    effective_dimensions, reencoding_slope
        As in `LatentSpace`; the slope is of test subjects.
    order
        Absolute Kendall τ between truth and first principal component of test subjects; see `order`.
    order_sd
        Its standard deviation over runs.
    n_runs
        Runs behind the row.
    """

    tau: float
    harrell_c: Metric
    ibs: Metric
    explained: float
    dice: float | None
    effective_dimensions: float
    reencoding_slope: float
    order: float
    order_sd: float
    n_runs: int


@dataclass(frozen=True)
class NestedChoice:
    """Scores of the rule itself: τ is chosen anew in each fold, without the test subjects of the fold.

    Attributes
    ----------
    chosen
        The value of each fold and repeat, in their order; None where no reconstruction is meaningful.
    harrell_c, ibs
        Of the chosen runs, on their test subjects; NaN with a reason where a fold has no choice.
    """

    chosen: tuple[float | None, ...]
    harrell_c: Metric
    ibs: Metric

    def __str__(self) -> str:
        counts = Counter(self.chosen)
        folds = ", ".join(
            f"{'none' if tau is None else f'{tau:g}'} in {n}" for tau, n in sorted(counts.items(), key=str)
        )
        scores = f"C {with_interval(self.harrell_c)}, IBS {with_interval(self.ibs)}"
        if not np.isfinite(self.harrell_c.value):
            scores = f"no score: {self.harrell_c.reason}"
        return f"{scores}: tau chosen anew in each fold without its test subjects ({folds})"


@dataclass(frozen=True)
class TauAdvice(Result):
    """Result of a sweep over τ.

    Attributes
    ----------
    model, title, synthetic
        Of the sweep.
    colour
        Quantity by which subjects are ordered and coloured: `true log-hazard` or the duration with its unit.
    rows
        By rising τ.
    chosen_on
        Subjects whose reconstruction decides, in a sentence.
    recommended
        The smallest τ whose reconstruction is meaningful; None where there is none.
    reason
        Reason of the recommendation, in a sentence.
    nested
        What the rule achieves on subjects that take no part in the choice; None without folds, where no test subject
        takes part.
    counted
        What counts as an event of a cohort with competing causes, in a sentence; empty without these.
    embedded
        For the figure: the test subjects of one run of each row.
    """

    format: ClassVar[str] = "survembed-tau"

    model: str
    title: str
    synthetic: bool
    colour: str = field(metadata={"json": "ordered_by"})
    rows: tuple[TauRow, ...]
    chosen_on: str
    recommended: float | None
    reason: str
    nested: NestedChoice | None
    embedded: tuple[Projection, ...] = field(metadata={"json": False})
    counted: str = ""


def advise(
    sweep: Sweep,
    *,
    share: float = SHARE,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> TauAdvice:
    """Recommend the smallest τ with meaningful reconstructions, as the paper advises, and report the loss in C.

    Reconstructions of validation subjects decide; scores are those of test subjects.

    Parameters
    ----------
    sweep
        Over two values of τ or more, of one model.
    share
        A reconstruction is meaningful where the variance it explains, and the Dice of its lesion where there is one,
        reach this share of the best in the sweep.
    n_resamples, seed
        Of the bootstrap over subjects behind C and IBS.

    Raises
    ------
    UsageError
        When the sweep varies no τ, or has several models with one.
    RunError
        When fewer than two values have a finished run.
    """
    model, taus = varied((job.model, job.tau) for job in sweep.jobs)
    all_runs = sweep.runs()
    cells = {tau: [cell for cell in all_runs if cell.tau == tau] for tau in taus}
    trained = [tau for tau in taus if cells[tau]]
    if len(trained) < 2:
        raise RunError(
            f"{len(trained)} value(s) of tau have a finished run", where=str(sweep.folder.path), try_="survembed sweep"
        )
    first = all_runs[cells[trained[0]][0]]
    n_folds = first.read("config.json")["split"]["folds"]
    with open_cohort(first, reporter) as cohort:
        table = Table(sweep, all_runs, cohort.subjects, {}, (), n_resamples, seed, device, reporter)
        scores = {each.row: each.scores for each in table.cells(Task()) if each.column == BASE}
        rows, projections = [], []
        by_fold: dict[tuple[int, int], dict[float, list[_Quality]]] = {}
        with reporter.task("decoding", sum(len(cells[tau]) for tau in trained), "runs") as task:
            for tau in trained:
                qualities = []
                for cell in cells[tau]:
                    qualities.append(_Quality.of(all_runs[cell], cohort, device))
                    by_fold.setdefault((cell.repeat, cell.fold), {}).setdefault(tau, []).append(qualities[-1])
                    task.advance()
                projections.append(project(embed(all_runs[cells[tau][0]], device=device), colour="truth"))
                missing = Metric(np.nan, reason=NO_SEED)
                scored = scores.get(row_name(model, tau), {})
                rows.append(_row(tau, qualities, scored.get("harrell_c", missing), scored.get("ibs", missing)))
        nested = _nested(table, model, by_fold, share) if n_folds else None
        header = cohort.header
        colour = "true log-hazard" if cohort.subjects.truth is not None else f"duration ({header.time_unit})"
    chosen, reason = recommend(rows, share)
    basis = chosen_on(n_folds, len(first.read("split.json")["validation"]))
    return TauAdvice(
        *(model, header.title, header.synthetic, colour, tuple(rows), basis, chosen, reason, nested),
        embedded=tuple(projections),
        counted=header.counted,
    )


def _nested(
    table: Table, model: str, by_fold: Mapping[tuple[int, int], Mapping[float, Sequence[_Quality]]], share: float
) -> NestedChoice:
    """Choose τ in each fold by the reconstructions of its own runs, and score the chosen runs on its test subjects."""
    nothing = Metric(np.nan, reason="not looked at")
    chosen = {
        fold: recommend([_row(tau, runs, nothing, nothing) for tau, runs in sorted(of.items())], share)[0]
        for fold, of in sorted(by_fold.items())
    }
    rows = {fold: row_name(model, tau) for fold, tau in chosen.items() if tau is not None}
    if set(rows) != set(table.divisions):
        missing = Metric(np.nan, reason="a fold has no meaningful reconstruction, or no finished run")
        return NestedChoice(tuple(chosen.values()), missing, missing)
    scores = table.of_choice(f"{model}, τ chosen in each fold", rows).scores
    return NestedChoice(tuple(chosen.values()), scores["harrell_c"], scores["ibs"])


def chosen_on(n_folds: int, n_validation: int) -> str:
    """Subjects whose reconstruction decides, and what that means for the test scores."""
    if not n_validation:
        return "training subjects, for want of a validation part: a large tau is favoured; no test subject takes part"
    if n_folds:
        return (
            "validation subjects of each fold, who are test subjects of other folds: their images take part in this "
            "choice, their outcomes do not; quote the C that is nested"
        )
    return "validation subjects; no test subject takes part in the choice"


def varied(trained: Iterable[tuple[str, float | None]]) -> tuple[str, list[float]]:
    """The model whose τ a sweep varies, and the sorted values; `trained` holds the model and τ of each run.

    Raises
    ------
    UsageError
        When there is no such model, or more than one, or only one value.
    """
    pairs = {(model, tau) for model, tau in trained if tau is not None}
    models, taus = sorted({model for model, _ in pairs}), sorted({tau for _, tau in pairs})
    if len(models) != 1 or len(taus) < 2:
        raise UsageError(
            f"{len(models)} model(s) with {len(taus)} value(s) of tau",
            where="--models, --taus",
            expected="one model that has a tau, and two values of it or more",
            try_="--models coxvae --taus 0.01,0.5,0.99",
        )
    return models[0], taus


def recommend(rows: Sequence[TauRow], share: float = SHARE) -> tuple[float | None, str]:
    """The smallest τ with meaningful reconstructions, and the reason; see `advise`."""
    best = max(row.explained for row in rows)
    best_dice = max((row.dice for row in rows if row.dice is not None), default=None)
    if best <= 0:
        return None, "no value of tau reconstructs better than the mean image: train longer, or with more dimensions"
    good = [
        row
        for row in rows
        if row.explained >= share * best and (best_dice is None or (row.dice or 0.0) >= share * best_dice)
    ]
    if not good:
        return None, f"no value of tau reaches {share:.0%} of both the best reconstruction and the best Dice"
    chosen = good[0]
    parts = [
        f"the smallest tau whose reconstruction explains {share:.0%} or more of what the best one does "
        f"({chosen.explained:.3f} of {best:.3f})"
    ]
    if best_dice is not None and chosen.dice is not None:
        parts.append(f"Dice of the lesion {chosen.dice:.3f} of {best_dice:.3f}")
    ranked = [row for row in rows if np.isfinite(row.harrell_c.value)]
    if ranked and np.isfinite(chosen.harrell_c.value):
        top = max(ranked, key=lambda row: row.harrell_c.value)
        lost = paired_difference(top.harrell_c, chosen.harrell_c)
        parts.append(
            f"C {chosen.harrell_c.value:.3f}, the best of {len(ranked)} on the same test subjects"
            if top is chosen
            else f"C {chosen.harrell_c.value:.3f}, {lost.value:.3f} ({lost.low:.3f} to {lost.high:.3f}) below that of "
            f"tau {top.tau:g}, the best of {len(ranked)} on the same test subjects, "
            + ("more than resampled subjects explain" if lost.excludes_zero else "which may be chance")
        )
    return chosen.tau, "; ".join(parts)


def order(first: Float, truth: Float | None, duration: Float, event: NDArray[np.bool_]) -> float:
    """Agreement of the first principal component (n,) with the risk of the subjects, in [0, 1]; its sign is arbitrary.

    Absolute Kendall τ: with a truth of a few levels (the digits of the paper's Figure 4) between these and the mean
    position of their subjects; with any other truth between it and the positions; without, between the positions and
    the durations of the subjects with an event. NaN where there is nothing to order.
    """
    from scipy.stats import kendalltau

    if truth is None:
        first, by = first[event], duration[event]
    else:
        levels = np.unique(truth)
        by = truth
        if len(levels) <= MOST_LEVELS:
            first, by = np.array([first[truth == level].mean() for level in levels]), levels
    if len(np.unique(by)) < 2 or len(np.unique(first)) < 2:
        return float("nan")
    return float(abs(kendalltau(first, by).statistic))


@dataclass(frozen=True)
class _Quality:
    """Latent space of one run."""

    reconstruction: Reconstruction
    space: LatentSpace
    order: float

    @classmethod
    def of(cls, run: Run, cohort: Cohort, device: str) -> _Quality:
        """Reconstruction of the validation part (the training part where there is none), and order of the test set."""
        latents = embed(run, device=device)
        train, validation, test = (np.flatnonzero(latents.split == part) for part in SPLITS)
        truth = None if latents.truth is None else latents.truth[test]
        ordered = order(project(latents).points[:, 0], truth, latents.duration[test], latents.event[test])
        decoded = reconstruct(
            TrainedModel.open(run, device=device), cohort, train, validation if len(validation) else train
        )
        return cls(decoded, latent_space(run, latents, device=device), ordered)


def _row(tau: float, runs: Sequence[_Quality], c: Metric, ibs: Metric) -> TauRow:
    orders = [run.order for run in runs]
    dice = [run.reconstruction.mean_dice for run in runs if run.reconstruction.mean_dice is not None]
    return TauRow(
        tau,
        c,
        ibs,
        float(np.mean([run.reconstruction.mean_explained for run in runs])),
        float(np.mean(dice)) if dice else None,
        float(np.mean([run.space.effective_dimensions for run in runs])),
        float(np.mean([run.space.reencoding_slope for run in runs])),
        float(np.mean(orders)),
        float(np.std(orders, ddof=1)) if len(runs) > 1 else float("nan"),
        len(runs),
    )
