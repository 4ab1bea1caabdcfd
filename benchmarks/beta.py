"""The table of β from which the default is chosen: phantom, real MNIST and KiTS23 (settled point 1 of the paper).

    python benchmarks/beta.py --data ../shared/data --beta 0.001 --beta 0.005 --beta 0.01 [--only mnist] [--size 32]

Each row is one training with the default recipe and the same seed. Rows are printed as they are done and kept in
benchmarks/results/beta.md. Nothing here is timed.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy.stats import kendalltau, spearmanr

from survembed import registry
from survembed.concordance import harrell_c
from survembed.progress import Reporter
from survembed.survival import Outcome
from survembed.training.options import TrainOptions
from survembed.workflows.embed import embed, open_cohort
from survembed.workflows.train import TrainConfig, train
from survembed.workflows.traverse import traverse

COLUMNS = ("data", "τ", "β", "C train", "C test", "validation", "KL nats", "active", "μ mean", "μ sd", "what it shows")


def main(
    data: Annotated[Path, typer.Option(help="Folder of the real test data.")] = Path("../shared/data"),
    beta: Annotated[list[float] | None, typer.Option(help="Values to try.")] = None,
    only: Annotated[str, typer.Option(help="phantom, mnist or kits23; all where not given.")] = "",
    size: Annotated[int, typer.Option(help="Voxels along an edge of the volumes.")] = 64,
    out: Annotated[Path, typer.Option(help="Where the table is kept.")] = Path("benchmarks/results/beta.md"),
) -> None:
    """Train with each β and print the table."""
    studies: dict[str, tuple[str, dict[str, Any], list[float]]] = {
        "mnist": ("surv-mnist", {"root": data / "mnist"}, [0.01, 0.5, 0.99]),
        "phantom": ("liver", {"size": size}, [0.2]),
        "kits23": ("liver", {"root": data / "kits23", "size": size}, [0.2]),
    }
    rows = []
    for name, (dataset, options, taus) in studies.items():
        if only and name != only:
            continue
        for value in beta or [1e-3, 5e-3, 1e-2]:
            for tau in taus:
                rows.append(measure(name, dataset, options, tau, value))
                print(" | ".join(rows[-1]), flush=True)
                out.write_text(table(rows), encoding="utf-8")


def measure(name: str, dataset: str, options: dict[str, Any], tau: float, beta: float) -> list[str]:
    """One training and what its latent space looks like."""
    config = TrainConfig(
        dataset=dataset,
        data=registry.load("datasets", dataset)(**options),
        model="coxvae",
        network=registry.load("models", "coxvae")(tau=tau, beta=beta),
        head="linear",
        cox=registry.load("heads", "linear")(),
        train=TrainOptions(),
    )
    with tempfile.TemporaryDirectory() as folder:
        run = train(config, runs_dir=Path(folder), reporter=Reporter())
        latents = embed(run)
        best = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
        validation = next(row for row in best if row["update"] == run.record["outcome"]["best_update"])["validation"]
        concordance = {
            part: harrell_c(
                Outcome(latents.duration[latents.split == part], latents.event[latents.split == part]),
                latents.log_hazard[latents.split == part],  # type: ignore[index]  # coxvae has a head
                n_resamples=0,
            ).value
            for part in ("train", "test")
        }
        mu = latents.z[latents.split == "train"]
        shows = digit_order(run, latents) if name == "mnist" else tumour_path(run, latents)
    return [
        name,
        f"{tau:g}",
        f"{beta:g}",
        f"{concordance['train']:.3f}",
        f"{concordance['test']:.3f}",
        f"{validation['objective']:.4f}",
        f"{validation['kl_nats']:.1f}",
        f"{validation['active_units']:.0f}",
        f"{np.abs(mu.mean(axis=0)).max():.2f}",
        f"{mu.std(axis=0).min():.2f}–{mu.std(axis=0).max():.2f}",
        shows,
    ]


def digit_order(run: Any, latents: Any) -> str:
    """Kendall's τ between digit and the digit's mean on the first principal component of the test latents."""
    with open_cohort(run) as cohort:
        digit = np.asarray(cohort.subjects.covariates["digit"], dtype=int)[latents.test]
    mu = latents.z[latents.test].astype(np.float64)
    centred = mu - mu.mean(axis=0)
    first = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    means = [first[digit == value].mean() for value in range(10)]
    return f"digit order on PC1 {abs(kendalltau(range(10), means).statistic):.2f}"


def tumour_path(run: Any, latents: Any) -> str:
    """Decoded tumour volume along the strongest raw dimension and along the hazard, each from −4 to 4."""
    raw = traverse(run, raw=True)
    strongest = max(raw.walks, key=lambda walk: abs(walk.psi_sd or 0.0))
    hazard = traverse(run, [0], risk=True).walks[-1]
    words = []
    for label, walk in (("strongest raw dimension", strongest), ("hazard", hazard)):
        volume = walk.volumes_ml["tumour"] * np.sign(walk.psi or 1.0)
        monotone = "monotone" if (np.diff(volume) > 0).all() else "not monotone"
        words.append(f"{label} {walk.volumes_ml['tumour'][0]:.0f} → {walk.volumes_ml['tumour'][-1]:.0f} ml, {monotone}")
    if latents.truth is not None:
        rank = spearmanr(latents.truth[latents.test], latents.log_hazard[latents.test]).statistic
        words.append(f"rank correlation with the true hazard {rank:.2f}")
    return "; ".join(words)


def table(rows: list[list[str]]) -> str:
    """The rows as Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
