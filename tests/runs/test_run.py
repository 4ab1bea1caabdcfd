"""Runs: found by what a user types, refused when they are not whole, and plain data throughout."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from survembed.errors import DataError, RunError
from survembed.runs.run import FILES_OF_A_FINISHED_RUN, LOCK, Run, Runs
from survembed.runs.run_files import FIELDS
from survembed.storage.files import read_json, write_json
from survembed.storage.locks import SILENT_AFTER
from survembed.storage.sealed import write_sealed
from survembed.training.checkpoint import Checkpoint, Progress
from tests.small import network

RECORD = {"model": "coxvae", "head": "linear", "dataset": "liver", "abilities": ["decode", "hazard"], "cohort": {}}


def begin(folder: Path, name: str = "coxvae-liver", created: str = "2026-01-01T00:00:00Z", **record: Any) -> Run:
    run = Run.create(folder, name, {**RECORD, **record}, {"model": {"name": "coxvae"}})
    run.update(created=created)
    return run


def finished(folder: Path, name: str = "coxvae-liver", created: str = "2026-01-01T00:00:00Z", **record: Any) -> Run:
    run = begin(folder, name, created, **record)
    write_json(run.path / "split.json", {})
    run.save_weights(network("coxvae"))
    run.update(status="finished")
    return run


def test_a_new_run(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "runs", "my/odd name", RECORD, {"a": 1})
    assert run.id.split("-", 2)[2].startswith("my-odd-name-")
    assert run.status == "running"
    assert run.read("config.json") == {"a": 1}
    assert set(FIELDS) <= set(run.record)
    assert {"python", "torch", "survembed"} <= set(run.record["versions"])
    assert Run(run.path).record == run.record


def test_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(tmp_path)
    assert Run(run.path).status == "finished"
    run.update(status="failed")
    assert Run(run.path).status == "failed"
    run.update(status="running")
    monkeypatch.setattr(os, "kill", lambda process, signal: (_ for _ in ()).throw(ProcessLookupError))
    assert Run(run.path).status == "cut short"


@pytest.mark.parametrize(("silence", "status"), [(0.0, "running"), (2 * SILENT_AFTER, "cut short")])
def test_status_on_another_host_follows_the_heartbeat(tmp_path: Path, silence: float, status: str) -> None:
    run = begin(tmp_path)
    run.update(process=2**22 + 1)  # no process of this host
    lock = run.path / LOCK
    lock.write_text('{"host": "elsewhere", "process": 1, "token": "theirs"}')
    os.utime(lock, (time.time() - silence,) * 2)
    assert Run(run.path).status == status
    assert "elsewhere" not in (run.path / "run.json").read_text()


@pytest.mark.parametrize("part", FILES_OF_A_FINISHED_RUN[1:])
def test_a_run_that_lacks_a_part(tmp_path: Path, part: str) -> None:
    run = finished(tmp_path)
    Runs(tmp_path).set_latest(run)
    (run.path / part).unlink()
    with pytest.raises(RunError, match="is cut short") as caught:
        Runs(tmp_path).find()
    assert caught.value.try_ == "survembed runs list"


@pytest.mark.parametrize("content", ["", '{"format": "survembed-run", "form', "[]", "7", "null", '{"format": "else"}'])
def test_a_record_cut_short(tmp_path: Path, content: str) -> None:
    whole, torn = finished(tmp_path), finished(tmp_path, created="2026-02-02T00:00:00Z")
    Runs(tmp_path).set_latest(torn)
    (torn.path / "run.json").write_text(content)
    with pytest.raises(RunError):
        Run(torn.path)
    with pytest.raises(RunError):
        Runs(tmp_path).find(str(torn.path))
    assert [run.id for run in Runs(tmp_path).list()] == [whole.id]
    assert Runs(tmp_path).find().id == whole.id  # the newest that is whole


@pytest.mark.parametrize("field", FIELDS)
def test_a_record_that_lacks_a_field(tmp_path: Path, field: str) -> None:
    run = finished(tmp_path)
    write_json(run.path / "run.json", {name: value for name, value in run.record.items() if name != field})
    with pytest.raises(RunError, match=f"lacks {field}"):
        Run(run.path)


def test_weights_there_and_back(tmp_path: Path) -> None:
    run, model, other = begin(tmp_path), network("coxvae", seed=0), network("coxvae", seed=1)
    run.save_weights(model)
    run.load_weights(other)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())
    assert not other.training
    before = run.weights_hash()
    run.save_weights(network("coxvae", seed=1))
    assert run.weights_hash() != before


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_weights_cut_short(tmp_path: Path, keep: int) -> None:
    run = finished(tmp_path)
    path = run.path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="cannot be read"):
        run.load_weights(network("coxvae"))


def test_weights_of_another_shape_or_none(tmp_path: Path) -> None:
    run = finished(tmp_path)
    with pytest.raises(RunError, match="cannot be read"):
        run.load_weights(network("coxvae", latent_dim=3))
    (run.path / "model.safetensors").unlink()
    with pytest.raises(RunError, match="cannot be read"):
        run.load_weights(network("coxvae"))
    with pytest.raises(RunError, match="has no weights"):
        run.weights_hash()


@pytest.fixture
def full_disk() -> Any:
    """No file may grow above a thousand bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_weights_on_a_full_disk(tmp_path: Path, full_disk: None) -> None:
    run = begin(tmp_path)
    with pytest.raises(DataError, match=r"cannot write model\.safetensors"):
        run.save_weights(network("coxvae"))
    assert {path.name for path in run.path.iterdir()} == {"config.json", "run.json"}


def test_metrics_on_a_full_disk(tmp_path: Path, full_disk: None) -> None:
    run = begin(tmp_path)
    with pytest.raises(DataError, match=r"cannot write metrics\.jsonl"):
        run.append_metrics({"text": "x" * 2000})


def test_metrics_are_lines(tmp_path: Path) -> None:
    run = begin(tmp_path)
    for update in (5, 10):
        run.append_metrics({"update": update})
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["update"] for line in lines] == [5, 10]


def test_damaged_json_of_a_run(tmp_path: Path) -> None:
    run = begin(tmp_path)
    (run.path / "config.json").write_text('{"a": ')
    with pytest.raises(RunError, match="is damaged"):
        run.read("config.json")
    (run.path / "config.json").unlink()
    (run.path / "config.json").mkdir()
    with pytest.raises(RunError, match="is damaged"):
        run.read("config.json")


def test_find_by_what_a_user_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = finished(tmp_path, "one"), finished(tmp_path, "two", "2026-02-02T00:00:00Z")
    runs = Runs(tmp_path)
    runs.set_latest(one)
    assert runs.find().id == one.id  # what latest.json says, not what is newest
    assert runs.find(two.id).id == two.id
    same = [a == b for a, b in zip(one.id, two.id, strict=False)]
    prefix = one.id[: same.index(False)]
    assert runs.find(two.id[: len(prefix) + 1]).id == two.id
    assert runs.find(str(two.path)).id == two.id
    assert runs.find(f"{two.path}/").id == two.id
    with pytest.raises(RunError, match="2 runs begin with"):
        runs.find(prefix)
    with pytest.raises(RunError, match="no run 'zzz'"):
        runs.find("zzz")
    with pytest.raises(RunError, match="no run 'xxx"):
        runs.find("x" * 5000)
    monkeypatch.chdir(two.path)
    assert Runs(Path("elsewhere")).find(".").id == two.id
    with pytest.raises(RunError) as caught:
        runs.find(f"{one.id[:-1]}?")
    assert caught.value.try_ == f"--run {one.id}"


def test_an_id_that_begins_another(tmp_path: Path) -> None:
    run = finished(tmp_path)
    longer = run.path.with_name(run.id + "-copy")
    run.path.rename(longer)
    (tmp_path / "keep").mkdir()
    again = finished(tmp_path)
    again.path.rename(run.path)
    assert Runs(tmp_path).find(run.id).id == run.id


def test_no_run_at_all(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match="no finished run") as caught:
            Runs(folder).find()
        assert "survembed train" in (caught.value.try_ or "")


@pytest.mark.parametrize("status", ["running", "failed"])
def test_an_unfinished_run(tmp_path: Path, status: str) -> None:
    run = begin(tmp_path)
    run.update(status=status)
    with pytest.raises(RunError, match=f"is {status}"):
        Runs(tmp_path).find(run.id)
    with pytest.raises(RunError, match="no finished run"):
        Runs(tmp_path).find()


def test_an_unable_run_names_the_newest_able_one(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    unable = finished(tmp_path, "deepsurv", "2026-05-05T00:00:00Z", model="deepsurv", abilities=["hazard"])
    runs.set_latest(unable)
    with pytest.raises(RunError, match="deepsurv, which cannot decode") as caught:
        runs.find(ability="decode")
    assert caught.value.try_ == "survembed train coxvae"
    finished(tmp_path, "older", "2026-01-01T00:00:00Z")
    newest = finished(tmp_path, "newer", "2026-03-03T00:00:00Z")
    begin(tmp_path, "unfinished", "2026-04-04T00:00:00Z")
    with pytest.raises(RunError, match="cannot decode") as caught:
        runs.find(ability="decode")
    assert caught.value.try_ == f"--run {newest.id}"
    assert runs.find(ability="hazard").id == unable.id


def test_latest_is_relative_and_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runs"
    one, two = finished(folder, "one"), finished(folder, "two")
    Runs(folder).set_latest(one)
    assert read_json(folder / "latest.json")["run"] == one.id

    def full(descriptor: int) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match=r"cannot write latest\.json"):
            Runs(folder).set_latest(two)
    assert Runs(folder).find().id == one.id
    assert {path.name for path in folder.iterdir()} == {one.id, two.id, "latest.json"}
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert Runs(moved).find().path == moved / one.id


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"run": "gone"}', "null"])
def test_a_damaged_latest_falls_back_to_the_newest(tmp_path: Path, content: str) -> None:
    finished(tmp_path, "old")
    newest = finished(tmp_path, "new", "2026-02-02T00:00:00Z")
    (tmp_path / "latest.json").write_text(content)
    assert Runs(tmp_path).find().id == newest.id


def test_discard(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_later_format_and_an_edited_record_are_refused(tmp_path: Path) -> None:
    run = finished(tmp_path)
    record = read_json(run.path / "run.json")
    write_json(run.path / "run.json", {**record, "model": "vae"})
    with pytest.raises(RunError, match="differs from its checksum"):
        Runs(tmp_path).find(run.id)
    write_sealed(run.path / "run.json", {**run.record, "format_version": 99})
    with pytest.raises(RunError, match="format version 99") as caught:
        Run(run.path)
    assert "pip install --upgrade" in str(caught.value.try_)


def test_a_run_of_an_earlier_version_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    run = finished(tmp_path)
    save_file(network("coxvae").state_dict(), run.path / "model.safetensors")
    write_json(run.path / "run.json", {name: value for name, value in run.record.items() if name != "files"})
    earlier = Runs(tmp_path).find(run.id)
    write_json(run.path / "split.json", {"train": []})
    assert earlier.read("split.json") == {"train": []}
    earlier.load_weights(network("coxvae"))


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.write("split.json", {"train": ["a"], "test": ["b"]})
    assert Run(run.path).read("split.json") == {"train": ["a"], "test": ["b"]}
    write_json(run.path / "split.json", {"train": ["b"], "test": ["a"]})
    for name, change in (("split.json", None), ("config.json", {"seed": 1})):
        if change:
            write_json(run.path / name, change)
        with pytest.raises(RunError, match=f"{name} of run .* is damaged or was edited") as caught:
            Run(run.path).read(name)
        assert caught.value.where == str(run.path / name)


def test_a_checkpoint_with_other_metrics_is_refused(tmp_path: Path) -> None:
    run = begin(tmp_path)
    for update in (1, 2, 3):
        run.append_metrics({"update": update, "seconds": 0.5})
    run.save_checkpoint(Checkpoint(Progress(update=2)))
    path = run.path / "metrics.jsonl"
    path.write_text(path.read_text().replace("3", "4"))  # beyond the checkpoint
    found = run.load_checkpoint()
    assert found is not None
    assert [row["update"] for row in found.rows] == [1, 2]
    path.write_text(path.read_text().replace("0.5", "0.7"))
    with pytest.raises(RunError, match=r"metrics\.jsonl of run .* is damaged"):
        run.load_checkpoint()
