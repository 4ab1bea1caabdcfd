"""Temporary folders: none remains."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from survembed.storage import owner
from survembed.storage.scratch import scratch_folder

KILLED = """
import os, signal
from survembed.storage.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "copy").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path))
    return tmp_path / "scratch"


def test_a_folder_is_removed_at_the_end_and_after_an_error(cache: Path) -> None:
    with suppress(KeyboardInterrupt), scratch_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        raise KeyboardInterrupt
    assert list(cache.iterdir()) == []


def test_a_folder_of_a_killed_process_is_removed_by_the_next(cache: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = cache.iterdir()
    (cache / "00000000-1-of-another-host").mkdir()
    with scratch_folder() as mine, scratch_folder() as other:
        assert mine != other
        assert not left.exists()
        assert {mine, other} < set(cache.iterdir())
    assert [each.name for each in cache.iterdir()] == ["00000000-1-of-another-host"]


def test_a_process_of_another_namespace_is_not_taken_for_dead(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that shares the cache, and its host name, with another: their process ids say nothing."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    monkeypatch.setattr(owner, "_place", lambda: ("machine", "pid:[1]"))
    monkeypatch.setattr(owner.os, "getpid", lambda: dead.pid)
    theirs = owner.signature()
    monkeypatch.undo()
    monkeypatch.setenv("SURVEMBED_CACHE", str(cache.parent))
    (cache / f"{theirs}-0a1b2c3d").mkdir(parents=True)
    with scratch_folder():
        assert (cache / f"{theirs}-0a1b2c3d").exists()
