"""One flipped bit in any file of a run, a sweep or the cache: it is reported, or has no effect on any result."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed import registry
from survembed.cohort.cohort import Cohort, manifest_path
from survembed.cohort.prepare import prepare
from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.cube_cache import load_cube, save_cube
from survembed.errors import DataError, RunError, SurvembedError
from survembed.runs.configuration import read_config
from survembed.runs.embedding import embed, load_model
from survembed.runs.jobs.job import Job, SweepFolder
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import STATE, Run
from survembed.storage.files import HashIndex, cache_folder
from survembed.workflows.evaluate import evaluate
from survembed.workflows.history import history
from survembed.workflows.train import resume, train
from tests.planted import Planted
from tests.runs.interrupting import Interrupting
from tests.trained import Made, config

FLIPS = 8
"""Of each kind of file in the quick test; 100 in the slow one."""

EXIT_CODES = {DataError.exit_code, RunError.exit_code}


def same_or_reported(path: Path, result: Callable[[], Any], flips: int) -> int:
    """Flip bits in a file, one at a time; gives how many of them were reported as errors."""
    content, expected, reported = path.read_bytes(), result(), 0
    before = {each: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
    chance = random.Random(path.suffix)
    for _ in range(flips):
        damaged, bit = bytearray(content), chance.randrange(8 * len(content))
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            np.testing.assert_equal(result(), expected, err_msg=f"bit {bit} of {path.name}")
        except SurvembedError as error:
            told = error.exit_code in EXIT_CODES and str(error.where).startswith(str(path.parent)) and error.try_
            if not told:
                raise
            reported += 1
        for each, old in before.items():
            each.write_bytes(old)
    return reported


def facts(path: Path) -> dict[str, Any]:
    """All results of a run."""
    run = Run(path)
    if run.status != "finished":
        raise RunError(f"run {run.id} is {run.status}", where=str(path), try_="survembed runs list")
    latents, curves = embed(run), history(run)
    model = load_model(run)
    scored = evaluate(run, [("coxph", registry.load("downstream", "coxph")())], n_resamples=0)
    return {
        "record": run.record,
        "config": read_config(run).to_dict(),
        "split": run.read("split.json"),
        "weights": {name: value.numpy() for name, value in model.state_dict().items()},
        "latents": (latents.z, latents.split, latents.duration, latents.event, latents.id, latents.log_hazard),
        "curves": curves.to_dict(),
        "scores": scored.to_dict(),
    }


FILES = {
    "run.json", "config.json", "split.json", "model.safetensors", "metrics.jsonl", "latents.h5", "predictions.h5"
}  # fmt: skip


def check_run(run: Run, name: str, flips: int) -> int:
    facts(run.path)
    assert {path.name for path in run.path.iterdir()} >= FILES
    return same_or_reported(run.path / name, lambda: facts(run.path), flips)


def check_unfinished_run(folder: Path, name: str, flips: int) -> int:
    options = {"updates": 20, "checkpoint": 1e-9, "validate_every": 5}
    run = train(config(train=options), runs_dir=folder, reporter=Interrupting())
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    assert {STATE, "metrics.jsonl", "model.safetensors"} <= set(before)

    def resumed() -> Any:
        done = resume(Run(run.path))
        found = facts(run.path)
        outcome = {**done.record["outcome"], "seconds": 0, "waited": 0}
        for path in run.path.iterdir():
            path.unlink()
        for each, content in before.items():
            (run.path / each).write_bytes(content)
        return outcome, found["weights"], found["scores"], found["curves"]

    return same_or_reported(run.path / name, resumed, flips)


def check_cache(folder: Path, name: str, flips: int) -> int:
    def result() -> Any:
        with prepare(Planted(kind="image", n=30, seed=4), "damaged") as cohort:
            assert len(Cohort(cohort.path)) == 30
            return cohort.images(range(30)), cohort.subjects.duration, cohort.subjects.id, cohort.fingerprint

    result()
    (path,) = (cache_folder() / "cohorts").glob("damaged-*.h5")
    file = {"cohort": path, "manifest": manifest_path(path), "index": HashIndex().path}[name]
    return same_or_reported(file, result, flips)


def check_cube(folder: Path, name: str, flips: int) -> int:
    image = np.random.default_rng(0).integers(0, 255, (2, 6, 5, 4), dtype=np.uint8)
    cube = Cube(image, np.eye(4), 1.5, 0.5, 0.0, ("a warning",), (2.5,))

    def result() -> Any:
        read = load_cube(folder / "cube.npz") or cube  # it is made again
        return read.image, read.affine, read.organ_ml, read.tumour_ml, read.outside, read.warnings, read.further_ml

    save_cube(folder / "cube.npz", cube)
    return same_or_reported(folder / "cube.npz", result, flips)


def check_sweep(folder: Path, name: str, flips: int) -> int:
    sweep = SweepFolder(folder / "sweep")
    jobs = [Job.of(config(train={"updates": updates}).to_dict(), "cohort") for updates in (1, 2)]
    sweep.add(jobs, "cohort", "title")
    file = sweep.path / "sweep.json" if name == "sweep" else sweep.job(jobs[0].key) / "config.json"
    return same_or_reported(file, lambda: [(job.key, job.config) for job in Sweep.open(sweep.path).jobs], flips)


CHECKS: dict[str, Callable[[Path, str, int], int]] = {
    **{f"unfinished {name}": check_unfinished_run for name in (STATE, "metrics.jsonl", "model.safetensors")},
    **{f"cache {name}": check_cache for name in ("cohort", "manifest", "index")},
    "cache cube": check_cube,
    **{f"sweep {name}": check_sweep for name in ("sweep", "config")},
}
MENDED = {"latents.h5", "predictions.h5", "manifest", "index", "cube", "model.safetensors"}
"""These files are computed again, the last one where a resumed training finds better weights."""


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_run(a_run: Made, name: str) -> None:
    assert check_run(a_run(), name, FLIPS) > 0 or name in MENDED


@pytest.mark.parametrize("name", CHECKS)
def test_another_file(tmp_path: Path, name: str) -> None:
    flips = 3 if name.startswith("unfinished") else FLIPS
    assert CHECKS[name](tmp_path, name.split()[1], flips) > 0 or name.split()[1] in MENDED


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(FILES), *CHECKS])
def test_a_hundred_flips(a_run: Made, tmp_path: Path, name: str) -> None:
    check = CHECKS.get(name)
    reported = check(tmp_path, name.split()[1], 100) if check else check_run(a_run(), name, 100)
    assert reported > 0 or name.split()[-1] in MENDED
    (tmp_path / "reported").write_text(f"{reported} of 100")
