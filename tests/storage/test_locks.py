"""Locks: one holder at a time, none lost, none stolen from the living."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from survembed.errors import DataError, RunError
from survembed.progress import Reporter
from survembed.storage import locks
from survembed.storage.locks import break_lock, is_held, lock, owner_is_alive, waiting
from survembed.storage.owner import Owner


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.05)
    monkeypatch.setattr(locks, "DEAD_AFTER", 0.3)
    monkeypatch.setattr(locks, "SILENT_AFTER", 1.0)


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def leave(path: Path, host: str, process: int, silence: float) -> None:
    """A lock as its owner left it, `silence` seconds ago."""
    path.write_text(json.dumps({"host": host, "process": process, "token": "theirs"}))
    then = time.time() - silence
    os.utime(path, (then, then))


def test_only_one_holds_a_lock_and_it_is_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path) as ours:
        assert ours
        assert is_held(path)
        with lock(path) as again:
            assert not again
        assert path.exists()
    assert not path.exists()
    assert not is_held(path)


def test_a_living_owner_keeps_its_lock_by_its_heartbeat(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path) as ours:
        assert ours
        time.sleep(1.3)  # longer than SILENT_AFTER
        with lock(path) as stolen:
            assert not stolen


def test_a_dead_owner_loses_its_lock_after_a_grace(tmp_path: Path) -> None:
    path, process = tmp_path / "lock", dead_process()
    leave(path, socket.gethostname(), process, silence=0.0)
    with lock(path) as ours:
        assert not ours  # it may live in another container of this name
    leave(path, socket.gethostname(), process, silence=0.5)
    with lock(path) as ours:
        assert ours
        assert json.loads(path.read_text())["process"] == os.getpid()


def test_an_owner_elsewhere_loses_its_lock_only_after_a_long_silence(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    leave(path, "another-machine", 1, silence=0.5)
    with lock(path) as ours:
        assert not ours
    leave(path, "another-machine", 1, silence=2.0)
    with lock(path) as ours:
        assert ours


def test_of_many_that_want_a_stale_lock_one_gets_it(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"lock{attempt}"
        leave(path, "another-machine", 1, silence=5.0)
        barrier, done, winners = threading.Barrier(8), threading.Event(), []

        def want(path: Path = path, barrier: threading.Barrier = barrier, winners: list[bool] = winners) -> None:
            barrier.wait()
            with lock(path) as ours:
                winners.append(bool(ours))
                done.wait(0.3)  # noqa: B023

        threads = [threading.Thread(target=want) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert winners.count(True) == 1


def test_who_slept_too_long_leaves_the_new_owner_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path):
        leave(path, "another-machine", 1, silence=0.0)
    assert json.loads(path.read_text())["token"] == "theirs"


def test_a_lock_is_broken_for_the_process_that_held_it_only(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    leave(path, socket.gethostname(), 12345, silence=0.0)
    break_lock(path, 999)
    assert path.exists()
    break_lock(path, 12345)
    assert not path.exists()


def test_waiting_gets_the_lock_in_the_end(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", []

    def wait() -> None:
        with waiting(path):
            order.append("second")

    with lock(path):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lock_file_that_is_empty_belongs_to_someone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()  # made, and not yet written
    assert is_held(path)
    assert locks.DEAD_AFTER < locks.SILENT_AFTER


def test_a_folder_that_cannot_be_made_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write lock"), lock(tmp_path / "file" / "lock"):
        pass


class Words(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def leave_of(path: Path, silence: float = 0.0, **changes: str | int) -> None:
    """A lock that this process has left, with some fields changed."""
    path.write_text(json.dumps({**Owner.this_process().to_dict(), **changes}))
    os.utime(path, (time.time() - silence,) * 2)


def test_a_process_that_is_seen_to_live_keeps_its_lock_though_it_is_silent(tmp_path: Path) -> None:
    """It may be stopped, or its machine was asleep."""
    leave_of(tmp_path / "lock", silence=1000)
    with lock(tmp_path / "lock") as ours:
        assert not ours


def test_a_later_process_with_the_same_id_does_not_keep_it(tmp_path: Path) -> None:
    leave_of(tmp_path / "lock", started="1", silence=0.5)
    assert not owner_is_alive(tmp_path / "lock")
    with lock(tmp_path / "lock") as ours:
        assert ours


@pytest.mark.parametrize("elsewhere", [{"namespace": "pid:[1]"}, {"machine": "another boot"}])
def test_a_process_id_of_another_container_or_machine_means_nothing_here(
    tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    path = tmp_path / "lock"
    for process in (os.getpid(), 2**22 + 1):
        leave_of(path, silence=0.5, process=process, **elsewhere)
        assert owner_is_alive(path)
        with lock(path) as ours:
            assert not ours
        leave_of(path, silence=2.0, process=process, **elsewhere)
        with lock(path) as ours:
            assert ours


@pytest.mark.parametrize(
    ("content", "ahead", "words"),
    [
        ("theirs", 0, "is no lock of this version"),
        ('{"format_version": 99}', 0, "is no lock of this version"),
        ('{"host": 1, "process": "x", "token": []}', 0, "is no lock of this version"),
        (json.dumps({"host": "a", "process": 1, "token": "b"}), 3600, "in the future"),
    ],
)
def test_a_lock_that_cannot_be_understood_is_named_at_once(
    tmp_path: Path, content: str, ahead: float, words: str
) -> None:
    path = tmp_path / "lock"
    path.write_text(content)
    os.utime(path, (time.time() + ahead,) * 2)
    assert is_held(path)
    with pytest.raises(RunError, match=words) as caught, waiting(path, "another process prepares"):
        pass
    assert caught.value.where == str(path)
    assert f"{path}" in str(caught.value.try_)
    path.unlink()  # the remedy
    with lock(path) as ours:
        assert ours


def test_who_waits_says_for_whom(tmp_path: Path) -> None:
    path, words = tmp_path / "lock", Words()
    leave(path, "another-machine", 77, silence=0.0)
    with waiting(path, "another process prepares this", words) as held:
        held.check()
    assert words.said == ["waiting: another process prepares this: process 77 on another-machine"]
    leave(path, "another-machine", 77, silence=0.0)
    with pytest.raises(RunError, match="prepares this: process 77 on another-machine"):
        waiting(path, "another process prepares this", at_most_s=0).__enter__()


def test_a_lock_that_was_lost_or_deleted_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path) as ours:
        assert ours
        ours.check()
        path.unlink()
        with pytest.raises(RunError, match="has lost its lock"):
            ours.check()
        leave(path, "another-machine", 1, silence=0.0)
        before = path.stat().st_mtime_ns
        with pytest.raises(RunError, match="has lost its lock"):
            ours.check()
        time.sleep(0.2)  # four heartbeats
        assert path.stat().st_mtime_ns == before
