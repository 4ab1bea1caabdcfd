"""Recipes for few events, compared where the truth is known: real anatomy of KiTS23, simulated outcomes.

    python benchmarks/small_cohorts.py --data ../shared/data --recipes default,few-events --draws 10 [--jobs 2]

A draw decides outcomes, parts and seeds, so that recipes are paired. Each training appends a row to --out; a run that
was ended continues from it. The table is printed at the end, and alone with --draws 0. Nothing here is timed.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from readable import CPU, Latents, cohort_mean, embedded, slope
from scipy.stats import spearmanr
from scipy.stats import t as student
from simulated_cohort import Float, anatomy, expected_c, log_volume, simulated, true_log_hazard

from survembed import registry
from survembed.cohort.subjects import Subjects
from survembed.downstream.coxph import CoxPHEstimator
from survembed.progress import QUIET
from survembed.survival.cox_loss import cox_loss
from survembed.survival.outcome import to_structured
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import PRESETS, SplitOptions, TrainOptions
from survembed.training.split import split
from survembed.training.training_data import TrainingData

Row = dict[str, Any]

RIDGES = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Penalties among which cross-validation chooses that of the refitted head."""


@dataclass(frozen=True)
class Recipe:
    """Options that differ from the defaults; `axes` of the head; share of the validation part."""

    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    axes: int = 0
    validation: float = 0.0
    name: str = "coxvae"


VARIED = PRESETS["few-events"]
FEW = {"mask_volume": True}

RECIPES = {
    "default": Recipe(validation=0.15),
    "varied": Recipe({}, VARIED),
    "varied-axis": Recipe({}, VARIED, axes=1),
    "k100-axis": Recipe({"reconstruction_weight": 100.0}, VARIED, axes=1),
    "vae": Recipe({}, VARIED, name="vae"),
    "volume": Recipe(FEW, validation=0.15),
    "still": Recipe(FEW),
    "few-events": Recipe(FEW, VARIED),
    "few-events-axis": Recipe(FEW, VARIED, axes=1),
    "few-events-vae": Recipe(FEW, VARIED, name="vae"),
}


@dataclass(frozen=True)
class Job:
    """One training; equal jobs give equal rows."""

    hazard: str
    events: int
    recipe: str
    draw: int
    size: int
    updates: int
    kits23: Path

    @property
    def key(self) -> Row:
        """What tells the rows of different jobs apart."""
        options = repr(RECIPES[self.recipe])
        return {
            "hazard": self.hazard, "events": self.events, "recipe": self.recipe, "draw": self.draw,
            "size": self.size, "updates": self.updates, "options": options,
        }  # fmt: skip


def main(
    data: Annotated[Path, typer.Option(help="Folder of the real test data.")] = Path("../shared/data"),
    recipes: Annotated[str, typer.Option(help=f"Of {', '.join(RECIPES)}; the first is the reference.")] = "default",
    draws: Annotated[int, typer.Option(help="Number of draws; 0 prints the table of --out.")] = 10,
    first_draw: Annotated[int, typer.Option(help="The first draw.")] = 0,
    events: Annotated[str, typer.Option(help="Numbers of training events.")] = "30,60,120,240",
    hazard: Annotated[str, typer.Option(help="Of volume, shape, both and phantom.")] = "volume,shape,both",
    size: Annotated[int, typer.Option(help="Voxels along an edge.")] = 32,
    updates: Annotated[int, typer.Option(help="Of a recipe that sets none.")] = 400,
    jobs: Annotated[int, typer.Option(help="Processes, one thread each.")] = 1,
    out: Annotated[Path, typer.Option(help="Rows, one JSON object a line.")] = Path(
        "benchmarks/results/small-cohorts.jsonl"
    ),
) -> None:
    """Train what --out does not hold yet, then print the table."""
    chosen = recipes.split(",")
    todo = [
        Job(kind, int(number), recipe, draw, size, updates, data / "kits23")
        for draw in range(first_draw, first_draw + draws)
        for kind in hazard.split(",")
        for number in events.split(",")
        for recipe in chosen
    ]
    done = rows(out)
    todo = [job for job in todo if not any(job.key.items() <= row.items() for row in done)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for finished in as_completed([pool.submit(measure, job) for job in todo]):
            with out.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps(finished.result()))  # a line cut short before stays alone
    print(table(rows(out), chosen))


def rows(path: Path) -> list[Row]:
    """Rows of earlier trainings; a line cut short by the end of a process is left out."""
    found: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def measure(job: Job) -> Row:
    """The row of one training."""
    recipe = RECIPES[job.recipe]
    with anatomy(job.hazard, job.kits23, job.size) as cohort:
        truth = true_log_hazard(cohort, job.hazard)
        subjects = simulated(cohort.subjects, truth, job.events, job.draw)
        parts = split(subjects, SplitOptions(validation=recipe.validation, seed=job.draw))
        study = TrainingData.of(Images(cohort, CPU), subjects, parts)
        options = TrainOptions(**{"updates": job.updates, "precision": "float32", **recipe.train})
        options = options.resolved(3, len(parts["train"]))
        torch.manual_seed(job.draw)
        head = registry.load("heads", "linear")(axes=recipe.axes) if recipe.name == "coxvae" else None
        model = registry.load("models", recipe.name)(**recipe.model).build(cohort.header.channels, cohort.shape, head)
        study.fit_statistics(model, options.batch_size)
        outcome = fit(model, study, options, seed=job.draw, reporter=QUIET)
        mean = cohort_mean(study, parts["train"])
        known = np.sort(np.concatenate([parts["train"], parts["validation"]]))
        train, test = (embedded(model, cohort, study, index, mean) for index in (known, parts["test"]))
    return job.key | {"kept": outcome.best_update} | scored(subjects, truth, known, parts["test"], train, test)


def scored(
    subjects: Subjects, truth: Float, known: Any, index: Any, train: Latents, test: Latents
) -> dict[str, float | list[float] | None]:
    """Numbers of the test subjects at `index`; other models are fitted to the subjects at `known`."""
    volume = log_volume(subjects)[:, None]
    explained = 1 - test.error.sum(0) / test.null.sum(0)
    refitted, ridge = ridge_refit(train.mu, subjects, known)
    by_volume = CoxPHEstimator().fit(volume[known], to_structured(subjects.duration[known], subjects.event[known]))
    return {
        "oracle": expected_c(truth[index], truth[index]),
        "volume": expected_c(truth[index], by_volume.predict(volume[index])),
        "model": expected_c(truth[index], test.log_hazard),
        "refit": expected_c(truth[index], refitted.predict(test.mu)),
        "ridge": ridge,
        "model train": expected_c(truth[known], train.log_hazard),
        "rank": float(spearmanr(truth[index], test.log_hazard).statistic) if test.log_hazard.std() else 0.0,
        "sd": float(test.log_hazard.std()),
        "explained": [float(value) for value in explained],
        "slope": slope(test.log_hazard, test.again) if test.log_hazard.std() else None,
    }


def ridge_refit(mu: Float, subjects: Subjects, known: Any, folds: int = 10) -> tuple[CoxPHEstimator, float]:
    """A Cox model of the latents `mu` of the subjects at `known`, its ridge chosen by cross-validated likelihood."""
    duration, event = subjects.duration[known], subjects.event[known]
    outcome = to_structured(duration, event)
    fold = np.empty(len(known), dtype=int)
    fold[np.lexsort((duration, event))] = np.arange(len(known)) % folds

    def likelihood(ridge: float) -> float:  # Verweij and van Houwelingen, Statistics in Medicine 12 (1993) 2305
        total = 0.0
        for left_out in range(folds):
            rest = fold != left_out
            risk = CoxPHEstimator(ridge=ridge).fit(mu[rest], outcome[rest]).predict(mu)
            total += log_likelihood(risk, duration, event) - log_likelihood(risk[rest], duration[rest], event[rest])
        return total

    best = max(RIDGES, key=likelihood)
    return CoxPHEstimator(ridge=best).fit(mu, outcome), best


def log_likelihood(risk: Float, duration: Float, event: Any) -> float:
    """Cox's log partial likelihood."""
    loss = cox_loss(torch.from_numpy(risk), torch.from_numpy(duration), torch.from_numpy(event))
    return -float(loss) * int(event.sum())


def table(found: Sequence[Row], chosen: Sequence[str]) -> str:
    """One line for each size, hazard, number of events and recipe: means over draws with 95 % intervals."""
    lines = [
        "| size | hazard | events | recipe | draws | C truth | C volume | C model | regret | less than Cox on volume "
        f"| less than {chosen[0]} | regret refitted | C train | rank | explained | slope |",
        "|" + "---|" * 16,
    ]
    cells = {(row["size"], row["updates"], row["hazard"], row["events"]) for row in found}
    for cell in sorted(cells, key=str):
        here = [row for row in found if (row["size"], row["updates"], row["hazard"], row["events"]) == cell]
        reference = {row["draw"]: row for row in here if row["recipe"] == chosen[0]}
        for recipe in chosen:
            mine = [row for row in here if row["recipe"] == recipe]
            if mine:
                size, updates, hazard, events = cell
                lines.append(f"| {size}³, {updates} | {hazard} | {events} | {recipe} | {summary(mine, reference)} |")
    return "\n".join(lines)


def summary(mine: Sequence[Row], reference: dict[int, Row]) -> str:
    """Cells of one recipe."""
    paired = [row for row in mine if row["draw"] in reference]
    explained = np.mean([row["explained"] for row in mine], axis=0)
    return " | ".join([
        str(len(mine)),
        *(f"{np.mean([row[name] for row in mine]):.3f}" for name in ("oracle", "volume", "model")),
        interval([row["oracle"] - row["model"] for row in mine]),
        interval([row["model"] - row["volume"] for row in mine]),
        interval([row["model"] - reference[row["draw"]]["model"] for row in paired]),
        interval([row["oracle"] - row["refit"] for row in mine]),
        f"{np.mean([row['model train'] for row in mine]):.3f}",
        f"{np.mean([row['rank'] for row in mine]):.2f}",
        ", ".join(f"{value:.2f}" for value in explained),
        "–" if mine[0]["slope"] is None else f"{np.mean([row['slope'] for row in mine]):.2f}",
    ])  # fmt: skip


def interval(values: Sequence[float]) -> str:
    """Mean with its 95 % interval by Student's t."""
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else "–"
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.3f} ({np.mean(values) - half:.3f} to {np.mean(values) + half:.3f})"


if __name__ == "__main__":
    typer.run(main)
