"""Every command of README and docs runs, in its order on the page, on small studies; trainings are shortened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.datasets.channels.studies import write_hecktor
from tests.datasets.dicoms import write_study as write_dicom
from tests.datasets.picture.pictures import write_pictures
from tests.docs.test_docs import commands
from tests.studies import write_hospital

pytestmark = pytest.mark.slow

CALLED = {
    "segment": "calls nnU-Net from an environment of its own; tests/workflows/test_segment.py calls another program",
    "explore": "serves until it is ended; tests/page starts and asks it",
    "--resume": "needs a run that was cut short; tests/training/test_resume.py cuts some short",
    "--scheduler": "needs a Dask cluster; tests/workflows/test_dask.py starts one",
}
"""Words of commands that are not run here, and why."""

TRAINS = ("train", "sweep", "benchmark", "tau")
ELSEWHERE = {"runs delete": ("--yes",), "runs import": ("--runs-dir", "imported")}
"""The terminal asks no one, and the run is here already."""

SHORT = ("--set", "train.updates=8", "--set", "model.width=4")
VALUES = {"--folds": {"5": "2"}, "--seeds": {"0,1": "0"}, "--shard": {"3/20": "1/2"}}
"""Values that only decide how many trainings there are."""

DATA = {
    "volumes": ("PETCT", {"primary=1,nodes=2": "tumour=1,nodes=2"}),
    "images": ("XRAYS", {"data.size=128": "data.size=16"}),
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the names that the pages use exist."""
    folder = tmp_path_factory.mktemp("studies")
    for name, n, seed in (("STUDY", 48, 1), ("OTHER", 40, 2)):
        write_hospital(folder / name, n, seed=seed)
        add_age_and_stage(folder / name / "clinical.csv")
    for name, source in (("new_ct", "imagesTr"), ("new", "imagesTr"), ("new_mask", "labelsTr"), ("seg", "labelsTr")):
        shutil.copy(next((folder / "STUDY" / source).iterdir()), folder / f"{name}.nii.gz")
    shutil.copytree(folder / "OTHER", folder / "NEW")
    shutil.copytree(folder / "STUDY", folder / "RENAMED")
    table = folder / "RENAMED" / "clinical.csv"
    table.write_text(table.read_text().replace("time_days,event", "os_months,dead"))
    write_hecktor(folder / "PETCT", 24)
    write_pictures(folder / "XRAYS", 24)
    write_dicom(folder / "DICOM_STUDY")
    shutil.copy(folder / "DICOM_STUDY" / "clinical.csv", folder)
    demo = "[data]\nn_subjects = 40\nsize = '16'\n[train]\nupdates = 8\n[model]\nwidth = 4\n"
    (folder / "demo.toml").write_text(demo)
    return folder


def add_age_and_stage(path: Path) -> None:
    header, *rows = path.read_text().splitlines()
    drawn = np.random.default_rng(0)
    more = [f"{row},{drawn.normal(60, 9):.1f},{drawn.choice(['I', 'II', 'III'])}" for row in rows]
    path.write_text("\n".join([f"{header},age,stage", *more]) + "\n")


def pages() -> list[str]:
    return sorted({page for page, _ in commands()})


def shortened(words: list[str], test_data: Path) -> list[str]:
    """A command with the same meaning that is done in seconds, on the study of its kind."""
    changed = [VALUES.get(before, {}).get(word, word) for before, word in zip(["", *words], words, strict=False)]
    kind = next((name for name in DATA if name in changed), "")
    study, values = DATA.get(kind, ("STUDY", {}))
    if any("os_months" in word for word in changed):
        study = "RENAMED"
    names = {"STUDY": study, "DIR": str(test_data / "mnist"), "/shared/runs": "runs", **values}
    changed = [names.get(word, word) for word in changed]
    if changed[1] in TRAINS and "--config" not in changed and "--resume" not in changed:
        size = () if {"images", "surv-mnist", "surv-digits"} & set(changed) else ("--set", "data.size=16")
        changed += [*(SHORT[2:] if "--updates" in changed else SHORT), *size]
    return changed


@pytest.mark.parametrize("page", pages())
def test_commands_of_a_page(page: str, studies: Path, test_data: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    shutil.copytree(studies, place)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{place / 'installed'}",
        "SURVEMBED_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        "SLURM_JOB_ID": "7",
    }

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        line = " ".join(word if "*" in word or "$" in word else f"'{word}'" for word in words)
        return subprocess.run(
            ["bash", "-c", line], cwd=place, capture_output=True, text=True, check=False, env=environment
        )

    if page in ("gallery.md", "runs.md", "clusters.md"):  # they go on from runs of an earlier page
        for name in ("A", "B", "C"):
            for first in (
                ("train", "coxvae", "--data", "liver", "--config", "demo.toml", "--name", name),
                ("evaluate", "--downstream", "coxph"),
                ("traverse", "--risk"),
            ):
                done = call("survembed", *first)
                assert done.returncode == 0, done.stderr
    for _, words in [each for each in commands() if each[0] == page]:
        if any(word in words for word in CALLED):
            continue
        words = shortened(words, test_data)
        runs = sorted((place / "runs").glob("*-*")) if (place / "runs").is_dir() else []
        named = {name: run.name for name in ("A", "B", "C") for run in runs if f"-{name}-" in run.name}
        latest = runs[-1].name if runs else "RUN"
        named |= {"RUN": latest, "$RUN": latest, "runs/RUN": f"runs/{latest}"}
        words = [named.get(word, word) for word in words]
        done = call(*words, *ELSEWHERE.get(" ".join(words[1:3]), ()))
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        if words[1:3] == ["plugins", "new"]:
            pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
            done = call(*pip, "--target", "installed", "./survembed-my-head")
            assert done.returncode == 0, done.stderr
