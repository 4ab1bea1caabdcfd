"""Does a trunk that was pretrained without outcomes help 40 labelled subjects? Phantoms, where the truth is known.

    python benchmarks/pretraining.py [--seeds 10] [--size 24]

A VAE is trained on one phantom cohort; its outcomes are not used. A CoxVAE is then trained on 40 subjects of another
cohort, with and without `--init`, from equal seeds and parts, and scored on the rest of that cohort. Nothing is timed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.stats import t as student

from survembed import registry
from survembed.datasets import Liver
from survembed.runs.configuration import Chosen, TrainConfig
from survembed.runs.embedding import embed
from survembed.runs.run import Run
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Outcome
from survembed.training.options import SplitOptions, TrainOptions
from survembed.workflows.train import train

LABELLED = 40


def main(
    seeds: Annotated[int, typer.Option(help="Number of trainings with and without.")] = 10,
    size: Annotated[int, typer.Option(help="Voxels along an edge.")] = 24,
    unlabelled: Annotated[int, typer.Option(help="Phantoms for the VAE.")] = 1000,
    scored: Annotated[int, typer.Option(help="Phantoms for the test part.")] = 300,
    updates: Annotated[int, typer.Option(help="Updates of each training.")] = 200,
    pretraining: Annotated[int, typer.Option(help="Updates of the VAE.")] = 400,
) -> None:
    """Train all, and print one row a seed and the paired difference."""
    torch.set_num_threads(1)
    cube = (size, size, size)
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = Path(folder)
        # The weight that CoxVAE chooses for so few events; a VAE would choose it by the number of events it sees.
        weight = {"reconstruction_weight": 25.0}
        options = TrainOptions(updates=pretraining, precision="float32", patience=0)
        vae = TrainConfig(
            Chosen("liver", Liver(n_subjects=unlabelled, phantom_seed=1, size=cube)),
            Chosen("vae", registry.load("models", "vae")(**weight)),
            None,
            options,
            SplitOptions(test=0.0, validation=0.05),
            device="cpu",
        )
        trunk = train(vae, runs_dir=runs_dir)
        print(f"VAE on {unlabelled} phantoms: {trunk.record['outcome']['updates']} updates", flush=True)
        target = Liver(n_subjects=LABELLED + scored, phantom_seed=2, size=cube)
        differences = []
        print("| seed | C with | C without | difference |\n|---|---|---|---|")
        for seed in range(seeds):
            with_trunk, without = (
                _c(train(_few(target, seed, updates, init), runs_dir=runs_dir)) for init in (str(trunk.path), "")
            )
            differences.append(with_trunk - without)
            print(f"| {seed} | {with_trunk:.3f} | {without:.3f} | {with_trunk - without:+.3f} |", flush=True)
    mean, error = np.mean(differences), np.std(differences, ddof=1) / np.sqrt(seeds)
    half = student.ppf(0.975, seeds - 1) * error
    interval = f"{mean - half:+.3f} to {mean + half:+.3f}"
    print(f"mean difference {mean:+.3f}, 95 % interval {interval} (paired t, {seeds} seeds)")


def _few(target: Liver, seed: int, updates: int, init: str) -> TrainConfig:
    """A training on `LABELLED` subjects, drawn by the seed."""
    return TrainConfig(
        Chosen("liver", target),
        Chosen("coxvae", registry.load("models", "coxvae")()),
        Chosen("linear", registry.load("heads", "linear")()),
        TrainOptions(updates=updates, precision="float32", patience=0, init=init),
        SplitOptions(test=1 - LABELLED / target.n_subjects, validation=0.0, seed=seed),
        seed=seed,
        device="cpu",
    )


def _c(run: Run) -> float:
    """Harrell's C of the model's log-hazard on the test part."""
    latents = embed(run)
    test = latents.test
    assert latents.log_hazard is not None
    outcome = Outcome(latents.duration[test], latents.event[test])
    return harrell_c(outcome, latents.log_hazard[test], n_resamples=0).value


if __name__ == "__main__":
    typer.run(main)
