"""Two planted causes on the phantom, found again: `python benchmarks/causes.py [--subjects 400] [--updates 400]`.

Cause 1 rises with the tumour load, cause 2 with the size of the liver. A CoxVAE with the head `cause-specific` is
trained on the volumes with the default recipe. Printed for each cause: rank correlation of its log-hazard with the
truth on test subjects, and the decoded tumour and liver at −2 and +2 SD of its hazard axis; the angle between the two;
and the largest error of 1 − S(t) − Σ incidences, with S(t) of the head and with exp(−Σ cumulative hazards). The
traversals go to `benchmarks/results/causes-CAUSE.png`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from survembed.datasets.volume.phantom import write_phantom
from survembed.heads.cause_specific import CauseSpecificHead
from survembed.runs.run import Runs
from survembed.runs.trained_model import TrainedModel
from survembed.survival.outcome import Float

CAUSES = {"recurrence": "tumour_ml", "death": "organ_ml"}
OUTSIDE = 0.25
"""Decoded intensity below which a voxel is outside the liver, whose own is about 0.5; that outside is 0."""
RESULTS = Path(__file__).parent / "results"


def plant(table: Path) -> pd.DataFrame:
    """Rewrite the outcomes: exponential times of each cause with the standardised log volume as log-hazard."""
    frame, rng = pd.read_csv(table), np.random.default_rng(0)
    volumes = np.log1p(frame[list(CAUSES.values())].to_numpy())
    truth = (volumes - volumes.mean(axis=0)) / volumes.std(axis=0)
    lives = np.column_stack([rng.exponential(600 * np.exp(-truth)), rng.exponential(1500, len(frame))])
    frame["duration_days"], frame["event"] = np.ceil(lives.min(axis=1)), (lives.argmin(axis=1) + 1) % 3
    kept = frame[["case_id", "duration_days", "event"]]
    kept.to_csv(table, index=False)
    return frame.assign(**dict(zip(CAUSES, truth.T, strict=True))).set_index("case_id")


def survembed(*arguments: str) -> str:
    command = [sys.executable, "-m", "survembed", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=400)
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--size", type=int, default=32, help="Edge of the cube in voxels.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root, runs = Path(temporary) / "study", Path(temporary) / "runs"
        write_phantom(root, options.subjects)
        (root / "phantom.json").unlink()
        truth = plant(root / "clinical.csv")
        causes = ",".join(f"{number}={name}" for number, name in enumerate(CAUSES, start=1))
        data = f"--data liver --root {root} --set data.size={options.size} --set data.causes={causes}"
        train = f"train coxvae {data} --head cause-specific --updates {options.updates} --runs-dir {runs}"
        survembed(*train.split())
        report(Runs(runs).find(), truth, runs)


def tumour_and_liver_ml(trained: TrainedModel, z: Float) -> tuple[Float, Float]:
    """Volumes (n,) of the decoded tumour, the sum of its fractions, and liver: intensities that are not outside, 0."""
    decoded, spacing = trained.decode(z), trained.header.spacing_mm
    assert spacing is not None
    voxel_ml = float(np.prod(spacing)) / 1000
    return trained.volumes_ml(decoded)["tumour"], (decoded[:, 0] > OUTSIDE).sum(axis=(1, 2, 3)) * voxel_ml


def report(run, truth: pd.DataFrame, runs: Path) -> None:  # type: ignore[no-untyped-def]
    trained = TrainedModel.open(run)
    latents = trained.latents
    test = latents.test
    z = latents.z[test].astype(np.float64)
    hazards = trained.cause_log_hazards(z)
    print("| cause | rank correlation | tumour ml, −2 to +2 SD | liver ml, −2 to +2 SD |\n|---|---|---|---|")
    axes = trained.coordinates()
    for number, (name, _) in enumerate(CAUSES.items()):
        rho = spearmanr(hazards[:, number], truth.loc[latents.id[test], name]).statistic
        along = TrainedModel.open(run, cause=name)
        path = axes.along_hazard(axes.centre, along.gradient, np.array([-2.0, 2.0]))
        cells = [" to ".join(f"{ml:.0f}" for ml in volumes) for volumes in tumour_and_liver_ml(along, path)]
        print(f"| {name} | {rho:.3f} | {' | '.join(cells)} |")
        where = f"--run {run.path} --runs-dir {runs} --out {runs / name}"
        drawn = survembed(*f"traverse --dim 0 --risk --low -2 --high 2 --cause {name} --json {where}".split())
        picture = next(file for file in json.loads(drawn)["files"] if file.endswith(".png"))
        copyfile(picture, RESULTS / f"causes-{name}.png")
    shown = json.loads(survembed("importance", "--json", "--run", str(run.path), "--runs-dir", str(runs)))
    print("angles, degrees:", shown["angles"])
    times = np.linspace(0, latents.duration[~test].max(), 100)
    incidence, survival = sum(trained.incidence(z, times).values()), trained.survival(z, times)
    head = trained.head
    assert isinstance(head, CauseSpecificHead)
    by_cause = zip(head.baselines, hazards.T, strict=True)
    of_hazards = np.prod([baseline.survival(hazard, times) for baseline, hazard in by_cause], axis=0)
    for name, s in (("S(t) of the head", survival), ("exp(-sum of the cumulative hazards)", of_hazards)):
        print(f"largest |1 - incidences - {name}|: {np.abs(1 - incidence - s).max():.1e}")


if __name__ == "__main__":
    main()
