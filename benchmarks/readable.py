"""What a latent space shows, by weight of the reconstruction, β and τ: the table from which the defaults are chosen.

    python benchmarks/readable.py --data ../shared/data --only phantom --weight 8 --weight 25 [--seeds 3] [--size 32]

Each row is one training with the default recipe, scored on the test subjects. `kits23-simulated` has the anatomy of
KiTS23 and simulated outcomes: hazard 0.8 per standard deviation of log tumour volume, about 45 % events, 40 % test; the
seed draws outcomes and split as well. Rows are printed as they are done and appended to --out. Nothing here is timed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr
from simulated_cohort import STRENGTH, log_volume, standardised

from survembed import registry
from survembed.cohort.cohort import Cohort
from survembed.cohort.prepare import prepare
from survembed.cohort.subjects import Subjects
from survembed.models.base import Model
from survembed.progress import QUIET
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Outcome
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import SplitOptions, TrainOptions
from survembed.training.split import split
from survembed.training.training_data import TrainingData

Float = NDArray[np.float64]
CPU = torch.device("cpu")
ACTIVE_NATS = 0.01

COLUMNS = (
    "data", "seed", "reduction", "weight", "β", "τ", "kept", "C train", "C test", "regret", "rank of truth",
    "explained", "active", "KL nats", "PC1", "median corr", "volumes", "order on PC1", "re-encoding slope",
    "log hazard ±2 SD", "slope of the walk",
)  # fmt: skip


@dataclass(frozen=True)
class Latents:
    """Embedding of some subjects, and what the decoder makes of it; all (n, …)."""

    mu: Float
    kl: Float
    log_hazard: Float
    again: Float
    error: Float
    null: Float
    volume: Float
    true_volume: Float


def main(
    data: Annotated[Path, typer.Option(help="Folder of the real test data.")] = Path("../shared/data"),
    only: Annotated[list[str] | None, typer.Option(help="Studies; all where not given.")] = None,
    reduction: Annotated[str, typer.Option(help="share, mean or sum.")] = "share",
    weight: Annotated[list[float] | None, typer.Option(help="Weights of the reconstruction; 0 is the default.")] = None,
    beta: Annotated[list[float] | None, typer.Option(help="Weights of the KL term.")] = None,
    tau: Annotated[list[float] | None, typer.Option(help="Values of τ.")] = None,
    seeds: Annotated[int, typer.Option(help="How many, from --first-seed.")] = 1,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    size: Annotated[int, typer.Option(help="Voxels along an edge of the volumes.")] = 32,
    updates: Annotated[int, typer.Option(help="0 is the default.")] = 0,
    validation: Annotated[float, typer.Option(help="Share of the validation part.")] = 0.15,
    model: Annotated[str, typer.Option(help="coxvae or vae.")] = "coxvae",
    out: Annotated[Path, typer.Option(help="Where rows are appended.")] = Path("benchmarks/results/readable-rows.md"),
) -> None:
    """Train each combination and print its row."""
    studies: dict[str, tuple[str, dict[str, Any], list[float], int]] = {
        "surv-digits": ("surv-digits", {}, [0.2], 0),
        "mnist": ("surv-mnist", {"root": data / "mnist"}, [0.01, 0.2, 0.5, 0.99], 800),
        "phantom": ("liver", {"size": size}, [0.2], 0),
        "kits23-simulated": ("liver", {"root": data / "kits23", "size": size}, [0.2], 0),
    }
    for name, (dataset, options, taus, length) in studies.items():
        if only and name not in only:
            continue
        with prepare(registry.load("datasets", dataset)(**options), dataset) as cohort:
            for seed in range(first_seed, first_seed + seeds):
                for k in weight or [0.0]:
                    for b in beta or [1e-2]:
                        for t in tau or taus:
                            network = registry.load("models", model)(
                                reduction=reduction,
                                reconstruction_weight=k,
                                beta=b,
                                **({"tau": t} if model == "coxvae" else {}),
                            )
                            recipe = TrainOptions(updates=updates or length)
                            row = measure(cohort, name, network, recipe, seed, validation)
                            line = [name, seed, reduction, k, b, t if model == "coxvae" else "VAE", *row]
                            keep(out, [f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in line])


def keep(out: Path, line: Sequence[str]) -> None:
    """Print a row and append it to the file."""
    print(" | ".join(line), flush=True)
    if not out.exists():
        out.write_text(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n", encoding="utf-8")
    with out.open("a", encoding="utf-8") as file:
        file.write(f"| {' | '.join(line)} |\n")


def measure(cohort: Cohort, name: str, network: Any, recipe: TrainOptions, seed: int, validation: float) -> list[str]:
    """One training and what its latent space shows on the test subjects."""
    subjects, division = cohort.subjects, SplitOptions(validation=validation)
    truth = subjects.truth
    if name == "kits23-simulated":
        subjects, truth = simulated(subjects, seed)
        division = SplitOptions(validation=validation, test=0.4, seed=seed)
    parts = split(subjects, division)
    study = TrainingData(
        Images(cohort, CPU), torch.from_numpy(subjects.duration), torch.from_numpy(subjects.event),
        torch.from_numpy(parts["train"]), torch.from_numpy(parts["validation"]),
    )  # fmt: skip
    options = recipe.resolved(len(cohort.shape), len(parts["train"]))
    torch.manual_seed(seed)
    head = registry.load("heads", "linear")() if hasattr(network, "head") else None
    model: Model = network.build(cohort.header.channels, cohort.shape, head)
    study.fit_statistics(model, options.batch_size)
    outcome = fit(model, study, options, seed=seed, reporter=QUIET)
    mean = cohort_mean(study, parts["train"])
    train, test = (embedded(model, cohort, study, parts[part], mean) for part in ("train", "test"))
    return [f"{outcome.best_update} of {options.updates}", *shown(model, cohort, subjects, truth, parts, train, test)]


def simulated(subjects: Subjects, seed: int) -> tuple[Subjects, Float]:
    """The same subjects with an exponential survival time, hazard 0.8 per SD of log tumour volume, and its truth."""
    rng = np.random.default_rng([23, seed])
    truth = STRENGTH * standardised(log_volume(subjects))
    time = rng.exponential(np.exp(-truth)) * 1000
    censoring = rng.exponential(900.0, len(time))
    event = time <= censoring
    return replace(subjects, duration=np.maximum(np.minimum(time, censoring), 1e-3), event=event, truth=truth), truth


def cohort_mean(study: TrainingData, index: NDArray[np.int64]) -> torch.Tensor:
    """Mean training image (C, *spatial)."""
    return sum(study.images[part].sum(0) for part in torch.from_numpy(index).split(64)) / len(index)  # type: ignore[return-value]


@torch.no_grad()
def embedded(
    model: Model, cohort: Cohort, study: TrainingData, index: NDArray[np.int64], mean: torch.Tensor
) -> Latents:
    """Embed, decode and embed again the subjects at `index`."""
    rows: list[list[torch.Tensor]] = []
    for part in torch.from_numpy(index).split(64):
        image = study.images[part]
        mu, logvar = model.posterior(image)
        decoded = model.decode(mu)
        again = model.posterior(decoded)[0]
        hazard, hazard_again = (
            (model.log_hazard(mu), model.log_hazard(again)) if model.head else (torch.zeros(len(mu)),) * 2
        )
        axes = tuple(range(2, image.ndim))
        rows.append([
            mu, 0.5 * (mu.square() + logvar.exp() - 1 - logvar), hazard, hazard_again,  # type: ignore[union-attr]
            (decoded - image).square().sum(axes), (mean - image).square().sum(axes), decoded.sum(axes), image.sum(axes),
        ])  # fmt: skip
    return Latents(*(torch.cat(column).double().numpy() for column in zip(*rows, strict=True)))


def shown(
    model: Model, cohort: Cohort, subjects: Subjects, truth: Float | None, parts: Any, train: Latents, test: Latents
) -> list[str]:
    """The columns that describe the latent space."""

    def c(part: str, risk: Float) -> float:
        index = parts[part]
        return harrell_c(Outcome(subjects.duration[index], subjects.event[index]), risk, n_resamples=0).value

    c_train, c_test = (c(part, found.log_hazard) for part, found in (("train", train), ("test", test)))
    explained = 1 - test.error.sum(0) / test.null.sum(0)
    centred = train.mu - train.mu.mean(0)
    spread = np.linalg.svd(centred, compute_uv=False) ** 2
    corr = np.abs(np.corrcoef(train.mu.T)[np.triu_indices(train.mu.shape[1], 1)])
    overlay = any(channel.overlay for channel in cohort.channels)
    volumes = [spearmanr(test.volume[:, i], test.true_volume[:, i]).statistic for i in range(test.volume.shape[1])]
    return [
        f"{c_train:.3f}",
        f"{c_test:.3f}",
        "–" if truth is None else f"{c('test', truth[parts['test']]) - c_test:.3f}",
        "–" if truth is None or not model.head else f"{spearmanr(truth[parts['test']], test.log_hazard).statistic:.3f}",
        ", ".join(f"{value:.2f}" for value in explained),
        f"{int((train.kl.mean(0) > ACTIVE_NATS).sum())}",
        f"{train.kl.mean(0).max():.1f} … {train.kl.mean(0).min():.2f}",
        f"{spread[0] / spread.sum():.2f}",
        f"{np.median(corr):.2f}",
        ", ".join(f"{value:.2f}" for value in volumes) if overlay else "–",
        digit_order(subjects, parts["test"], test.mu),
        f"{slope(test.log_hazard, test.again):.2f}",
        *walk(model, train.mu),
    ]


def digit_order(subjects: Subjects, index: NDArray[np.int64], mu: Float) -> str:
    """Kendall's τ between the digit and the mean of its subjects on the first principal component."""
    if "digit" not in subjects.covariates:
        return "–"
    digit = np.asarray(subjects.covariates["digit"], dtype=int)[index]
    centred = mu - mu.mean(axis=0)
    first = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    return f"{abs(kendalltau(range(10), [first[digit == value].mean() for value in range(10)]).statistic):.2f}"


def slope(claimed: Float, again: Float) -> float:
    """Least-squares slope of re-encoded on claimed log-hazards; NaN where nothing varies."""
    return float(np.cov(claimed, again)[0, 1] / claimed.var(ddof=1)) if claimed.std() > 0 else math.nan


@torch.no_grad()
def walk(model: Model, mu: Float) -> tuple[str, str]:
    """Difference of log-hazard from −2 to +2 SD along Σψ, claimed by the head and after decoding and encoding again.

    And the least-squares slope of the latter on the former over nine steps: `walk_slope` of `evaluate`.
    """
    if model.head is None:
        return "–", "–"
    psi = dict(model.head.named_parameters())["psi.weight"].double().numpy()[0]
    covariance = np.cov(mu.T)
    direction = covariance @ psi / math.sqrt(psi @ covariance @ psi)
    z = torch.from_numpy(mu.mean(0) + np.linspace(-2.0, 2.0, 9)[:, None] * direction).float()
    again = model.posterior(model.decode(z))[0]
    claimed, found = (model.log_hazard(x).double().numpy() for x in (z, again))
    return f"{claimed[-1] - claimed[0]:.2f} → {found[-1] - found[0]:.2f}", f"{slope(claimed, found):.2f}"


if __name__ == "__main__":
    typer.run(main)
