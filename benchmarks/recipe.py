"""How many updates the default recipe needs for what the paper's recipe reaches, on the synthetic liver phantom.

    python benchmarks/recipe.py [--size 32] [--subjects 300] [--updates 3200] [--seeds 2] [--out NAME]

The paper's preset (Adam at 1e-4, the head at 1e-5, no schedule) trains so many updates; the default recipe an eighth of
them. Both are judged by the same thing: the model's own loss on the same validation part, as recorded while training.
Curves go to NAME.png, numbers to NAME.md. Nothing here is timed.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import typer

from survembed import registry
from survembed.runs.configuration import Chosen, TrainConfig
from survembed.training.options import PRESETS, TrainOptions
from survembed.workflows.train import train

SHARE = 8
"""The default recipe gets this part of the paper's updates."""

Curve = list[tuple[int, float]]


def curve(recipe: TrainOptions, size: int, subjects: int, seed: int) -> Curve:
    """Updates and validation objective of one training."""
    config = TrainConfig(
        data=Chosen("liver", registry.load("datasets", "liver")(size=size, n_subjects=subjects)),
        model=Chosen("coxvae", registry.load("models", "coxvae")()),
        head=Chosen("linear", registry.load("heads", "linear")()),
        train=recipe,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = train(config, runs_dir=Path(folder))
        rows: list[dict[str, Any]] = [
            json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()
        ]
    return [(row["update"], row["validation"]["objective"]) for row in rows]


def reached(points: Curve, goal: float) -> int | None:
    """The first update at which the objective is as low as `goal`."""
    return next((update for update, value in points if value <= goal), None)


def main(
    size: Annotated[int, typer.Option(help="Voxels along an edge.")] = 32,
    subjects: Annotated[int, typer.Option(help="In the phantom cohort.")] = 300,
    updates: Annotated[int, typer.Option(help="Of the paper's recipe.")] = 3200,
    seeds: Annotated[int, typer.Option(help="How many.")] = 2,
    out: Annotated[Path, typer.Option(help="Name of table and picture, without ending.")] = Path(
        "benchmarks/results/recipe"
    ),
) -> None:
    """Train both, draw both, print where they meet."""
    every = max(10, updates // SHARE // 20)
    paper = TrainOptions(**{**PRESETS["paper"], "updates": updates, "validate_every": every})
    ours = TrainOptions(updates=updates // SHARE, validate_every=every, patience=0)
    lines = [
        "# Default recipe against the paper's, synthetic liver phantom",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}; {size}³, {subjects:,} subjects, batch 16, τ = 0.2; validation objective, "
        "equation (3).",
        "",
        "| seed | paper's best | at update | default's best | at update | reaches the paper's best at | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    curves: list[tuple[Curve, Curve]] = []
    for seed in range(seeds):
        theirs, own = curve(paper, size, subjects, seed), curve(ours, size, subjects, seed)
        curves.append((theirs, own))
        goal, at = min((value, update) for update, value in theirs)
        best, when = min((value, update) for update, value in own)
        meet = reached(own, goal)
        ratio = f"{at / meet:.1f}" if meet else "not reached"
        lines.append(f"| {seed} | {goal:.4f} | {at} | {best:.4f} | {when} | {meet or '–'} | {ratio} |")
        print(lines[-1], flush=True)
    draw(curves, f"{subjects:,} subjects, {size}³", out.with_suffix(".png"))
    out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def draw(curves: list[tuple[Curve, Curve]], cohort: str, path: Path) -> None:
    """Validation objective over updates."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for number, (theirs, own) in enumerate(curves):
        for points, colour, name in ((theirs, "#d55e00", "paper's recipe"), (own, "#0072b2", "default recipe")):
            axes.plot(*zip(*points, strict=True), color=colour, label=name if number == 0 else None, lw=1.2)
    axes.set(xscale="log", xlabel="updates", ylabel="validation objective", title=f"Synthetic liver phantom, {cohort}")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    typer.run(main)
