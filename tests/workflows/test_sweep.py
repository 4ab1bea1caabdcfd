"""Sweeps: every run once, a bad one named, and none lost however the work is shared."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from survembed.errors import UsageError
from survembed.runs.jobs.job import Job, SweepFolder
from survembed.runs.jobs.options import SweepOptions
from survembed.runs.run import Run
from survembed.storage.files import read_json
from survembed.workflows import sweep as module
from survembed.workflows.job import work_on
from survembed.workflows.sweep import Where, parse_shard, plan, sweep
from tests.conftest import ROOT
from tests.trained import config, inline

TWO = SweepOptions(folds=2)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_local", inline)


def test_the_plan_is_every_combination_once() -> None:
    axes = SweepOptions(taus=(0.1, 0.9), seeds=(0, 1), folds=3, repeats=2)
    planned = plan([config("image", "coxvae"), config("image", "vae")], axes)
    assert len(planned) == 3 * 2 * 2 * (2 + 1)
    keys = {Job.of(each.to_dict(), "cohort").key for each in planned}
    assert len(keys) == len(planned)
    assert {(each.split.repeat, each.split.fold) for each in planned} == {(r, f) for r in (0, 1) for f in (0, 1, 2)}


def test_a_key_depends_on_what_decides_the_training_and_on_nothing_else() -> None:
    plain = config("image", "coxvae")
    key = Job.of(plain.to_dict(), "cohort").key
    assert Job.of(replace(plain, device="cuda:1").to_dict(), "cohort").key == key
    assert Job.of(replace(plain, seed=1).to_dict(), "cohort").key != key
    assert Job.of(plain.to_dict(), "another cohort").key != key
    assert Job.of(config("image", "coxvae", tau=0.3).to_dict(), "cohort").key != key


def test_a_second_call_trains_only_what_is_missing(here: None, tmp_path: Path) -> None:
    first = sweep([config()], TWO, tmp_path / "sweep")
    assert list(first.states().values()) == ["finished"] * 2
    created = {job.key: run.record["created"] for job, run in first.runs().items()}
    weights = {job.key: (run.path / "model.safetensors").stat().st_mtime_ns for job, run in first.runs().items()}
    more = sweep([config()], SweepOptions(folds=2, seeds=(0, 1)), tmp_path / "sweep")
    assert list(more.states().values()) == ["finished"] * 4
    for job, run in more.runs().items():
        assert run.record["created"] == created.get(job.key, run.record["created"])
        assert weights.get(job.key) in (None, (run.path / "model.safetensors").stat().st_mtime_ns)
    tested = [set(run.read("split.json")["test"]) for run in first.runs().values()]
    assert not tested[0] & tested[1]
    assert len(tested[0] | tested[1]) == 80
    assert not list((tmp_path / "sweep" / "cells").glob("*/work"))


def test_a_run_that_diverges_is_recorded_and_the_rest_goes_on(here: None, tmp_path: Path) -> None:
    bad = config(train={"rate": 1e30, "clip": 0.0, "average": 0.0})
    done = sweep([bad, config("image", "vae")], TWO, tmp_path / "sweep")
    assert sorted(done.states().values()) == ["failed", "failed", "finished", "finished"]
    assert all("diverged" in reason for reason in done.failures().values())
    failed = next(iter(done.failures()))
    assert read_json(done.folder.job(failed) / "failed.json")["kind"] == "RunError"
    before = (done.folder.job(failed) / "failed.json").stat().st_mtime_ns
    sweep([bad], TWO, tmp_path / "sweep")
    assert (done.folder.job(failed) / "failed.json").stat().st_mtime_ns == before
    sweep([bad], TWO, tmp_path / "sweep", Where(retry=True))
    assert (done.folder.job(failed) / "failed.json").stat().st_mtime_ns != before


def test_shards_share_the_work(here: None, tmp_path: Path) -> None:
    axes = SweepOptions(folds=3)
    half = sweep([config()], axes, tmp_path / "sweep", Where(shard=(0, 2)))
    assert list(half.states().values()) == ["finished", "waiting", "finished"]
    whole = sweep([config()], axes, tmp_path / "sweep", Where(shard=(1, 2)))
    assert list(whole.states().values()) == ["finished"] * 3


def test_another_cohort_in_the_folder_is_refused(here: None, tmp_path: Path) -> None:
    sweep([config()], TWO, tmp_path / "sweep", Where(shard=(0, 9)))
    with pytest.raises(UsageError, match="of other subjects"):
        sweep([config(data={"n": 70})], TWO, tmp_path / "sweep")


def test_worker_processes_train_what_a_single_call_would(
    tmp_path: Path, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugin_folder), str(ROOT)]))
    done = sweep([config()], TWO, tmp_path / "sweep", Where(workers=2, threads=1))
    assert list(done.states().values()) == ["finished"] * 2, done.failures()
    job, run = next(iter(done.runs().items()))
    again = SweepFolder(tmp_path / "again")
    again.add([job], "cohort", "title")
    assert work_on(again, job.key)["state"] == "finished"
    assert Run(again.run(job.key)).weights_hash() == run.weights_hash()


@pytest.mark.parametrize("text", ["3/3", "1", "a/b", "-1/4"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no shard"):
        parse_shard(text)
    assert parse_shard("2/16") == (2, 16)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_that_was_ended_by_a_signal_is_not_finished(
    here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    append = Run.append_metrics

    def append_and_signal(run: Run, row: dict[str, Any]) -> None:
        append(run, row)
        os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "append_metrics", append_and_signal)
        ended = sweep([config()], SweepOptions(folds=0), tmp_path / "sweep")
    assert list(ended.states().values()) == ["failed"]
    assert "before it completed" in next(iter(ended.failures().values()))
    assert ended.runs() == {}
    again = sweep([config()], SweepOptions(folds=0), tmp_path / "sweep", Where(retry=True))
    assert list(again.states().values()) == ["finished"]
