"""Planted effects of covariates and image, found again.

    python benchmarks/covariates.py --seeds 10 --size 16 --out rows.jsonl

The log-hazard of the phantom is the standardised log tumour volume + 0.7 · (age − 60) / 10 − 0.5 · [stage III]. For
each seed a clinical + image model is trained on a new cohort. Printed: how often the 95 % interval of each effect
covers it, from the training part (γ as the run records it) and from the test part, beside a Cox model that knows the
volume. A run that was ended continues from --out; `--seeds 0` prints the table alone.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import survembed
from survembed.datasets.volume.phantom import write_phantom
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.run import Run
from survembed.survival.cox_newton import CoxEstimate, fit_cox
from survembed.survival.outcome import Bool, Float

IMAGE, AGE, STAGE = 1.0, 0.7, -0.5
SHOWN = ("image", "age", "stage=III")


def main(
    seeds: Annotated[int, typer.Option(help="Cohorts, numbered from 0.")] = 10,
    subjects: int = 600,
    size: Annotated[int, typer.Option(help="Edge of the cube in voxels.")] = 24,
    updates: Annotated[int, typer.Option(help="0 for the default.")] = 0,
    test: Annotated[float, typer.Option(help="Share of the test part.")] = 0.3,
    out: Annotated[Path, typer.Option(help="A row of JSON for each seed.")] = Path("covariates.jsonl"),
    keep: Annotated[Path | None, typer.Option(help="Folder for the runs; deleted without it.")] = None,
) -> None:
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    for seed in range(seeds):
        if seed in [row["seed"] for row in done]:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            root, runs = Path(temporary) / "study", (keep or Path(temporary) / "runs") / str(seed)
            write_phantom(root, subjects, seed, IMAGE, age_effect=AGE, stage_effect=STAGE)
            options: dict[str, Any] = {"size": size, "updates": updates, "split__test": test, "seed": seed}
            run = survembed.train(
                "coxvae", root=root, covariates=["age", "stage"], device="cpu", runs_dir=runs, **options
            )
            row = {"seed": seed, **measure(run)}
        done.append(row)
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    show(done)


def measure(run: Run) -> dict[str, Any]:
    """Estimate, standard error and truth of each effect, in the training part and the test part."""
    latents = embed(run, device="cpu")
    with open_cohort(run) as cohort:
        volume = np.log1p(cohort.subjects.measures["tumour_ml"])
    covariates = latents.x
    assert covariates is not None
    assert latents.log_hazard is not None
    encoder, fit = run.record["covariates"], run.record["covariates"]["fit"]
    names, gamma = list(fit["gamma"]), np.array(list(fit["gamma"].values()))
    score = latents.log_hazard - covariates @ gamma
    train = latents.split == "train"
    per_sd = AGE * _deviation(encoder, "age") / 10
    truth = {"image": IMAGE, "age": per_sd, "stage=III": STAGE, "stage=I": 0.0}
    columns = ["image", *names]

    def fitted(image: Float, part: Bool) -> dict[str, tuple[float, float]]:
        x = np.column_stack([image, covariates])[part]
        return _by_name(columns, fit_cox(x, latents.duration[part], latents.event[part]))

    standard_volume = (volume - volume.mean()) / volume.std()
    standard_score = (score - score[train].mean()) / score[train].std()
    recorded = {name: (fit["gamma"][name], fit["standard_error"][name]) for name in names}
    return {
        "truth": truth,
        "events": {"train": fit["events"], "test": int(latents.event[latents.test].sum())},
        "correlation": {
            "train": float(np.corrcoef(score[train], volume[train])[0, 1]),
            "test": float(np.corrcoef(score[latents.test], volume[latents.test])[0, 1]),
        },
        "sd of score": {"train": float(score[train].std()), "test": float(score[latents.test].std())},
        "recorded": recorded,
        "train": fitted(standard_score, train),
        "test": fitted(standard_score, latents.test),
        "test, raw score": fitted(score, latents.test),
        "oracle train": fitted(standard_volume, train),
        "oracle test": fitted(standard_volume, latents.test),
    }


def _deviation(encoder: dict[str, Any], name: str) -> float:
    (column,) = [column for column in encoder["columns"] if column["name"] == name]
    return float(column["sd"])


def _by_name(names: list[str], estimate: CoxEstimate) -> dict[str, tuple[float, float]]:
    pairs = zip(estimate.coefficients.tolist(), estimate.standard_errors.tolist(), strict=True)
    return dict(zip(names, pairs, strict=True))


def show(rows: list[dict[str, Any]]) -> None:
    """Coverage, mean error and mean standard error of each estimate over the seeds."""
    print(f"| effect | estimated in | covered, of {len(rows)} | mean estimate − truth | spread | mean standard error |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in SHOWN:
        for where in ("recorded", "train", "test", "test, raw score", "oracle train", "oracle test"):
            found = [(*row[where][name], row["truth"][name]) for row in rows if name in row[where]]
            if not found:
                continue
            estimate, error, truth = np.array(found).T
            off = estimate - truth
            covered = int((np.abs(off) <= 1.96 * error).sum())
            spread = off.std(ddof=1) if len(off) > 1 else np.nan
            print(f"| {name} | {where} | {covered} | {off.mean():+.3f} | {spread:.3f} | {error.mean():.3f} |")


if __name__ == "__main__":
    typer.run(main)
