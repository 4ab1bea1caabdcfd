"""The folder of a sweep: nothing else is written to, and damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from survembed.errors import RunError, UsageError
from survembed.runs.jobs.job import RECORD, Job, SweepFolder
from survembed.runs.jobs.sweep import Sweep
from survembed.storage.files import read_json, write_json
from survembed.storage.sealed import write_sealed

CONFIG = {
    "seed": 0,
    "model": {"name": "vae"},
    "head": None,
    "train": {},
    "split": {"repeat": 0, "fold": 0, "folds": 0},
}


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    folder.require_own()
    folder.path.mkdir()
    folder.require_own()
    for left in ("sweep.lock", "sweep.lock.take", ".1234.part-sweep.json"):  # by a sweep that was killed
        (folder.path / left).touch()
    folder.require_own()
    (folder.path / "passwd").touch()
    with pytest.raises(UsageError, match="is not empty and holds no sweep"):
        folder.require_own()
    with pytest.raises(UsageError, match="no folder to write to"):
        SweepFolder(folder.path / "passwd").require_own()
    folder.add([Job.of(CONFIG, "cohort")], "cohort", "title")
    folder.require_own()


@pytest.mark.parametrize("file", ["record", "configuration"])
def test_a_damaged_file_is_named_and_the_remedy_works(tmp_path: Path, file: str) -> None:
    folder, job = SweepFolder(tmp_path), Job.of(CONFIG, "cohort")
    folder.add([job], "cohort", "title")
    path = tmp_path / RECORD if file == "record" else folder.job(job.key) / "config.json"
    path.write_text(path.read_text().replace("0", "1", 1))
    with pytest.raises(RunError, match="differs from its checksum") as caught:
        Sweep.open(tmp_path)
    assert caught.value.where == str(path)
    assert "delete this file" in str(caught.value.try_)
    path.unlink()
    folder.require_own()
    folder.add([job], "cohort", "title")
    assert Sweep.open(tmp_path).jobs == (job,)


def test_a_later_format_is_refused_and_an_earlier_file_without_checksum_is_read(tmp_path: Path) -> None:
    folder, job = SweepFolder(tmp_path), Job.of(CONFIG, "cohort")
    folder.add([job], "cohort", "title")
    record = {name: value for name, value in read_json(tmp_path / RECORD).items() if name != "checksum"}
    write_json(tmp_path / RECORD, record)
    assert Sweep.open(tmp_path).jobs == (job,)
    write_sealed(tmp_path / RECORD, {**record, "format_version": 99})
    with pytest.raises(RunError, match="format version 99") as caught:
        Sweep.open(tmp_path)
    assert "pip install --upgrade" in str(caught.value.try_)
