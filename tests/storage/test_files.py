"""Files are whole or absent, and hashes are remembered only while nothing changed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.errors import DataError
from survembed.storage import files
from survembed.storage.files import (
    HashIndex,
    cache_folder,
    digest,
    read_json,
    refuse_pipe,
    replacing,
    require_writable,
    sha256,
    write_json,
    write_text,
)


def test_replacing_makes_folders_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.h5"
    with replacing(path) as temporary:
        assert temporary.suffix == ".h5"
        assert temporary.parent == path.parent
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt()])
def test_replacing_keeps_the_old_file_on_failure(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot write a\.json: No space left on device") as caught:
        write_json(tmp_path / "a.json", {"a": 1})
    assert caught.value.where == str(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(DataError, match=r"cannot write a\.txt"):
        write_text(tmp_path / "taken" / "a.txt", "words")


def test_json_round_trip_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": [1, 2.5], "a": "ä"})
    assert read_json(path) == {"b": [1, 2.5], "a": "ä"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, float("nan"))
    assert read_json(path)["a"] == "ä"
    path.write_text('{"b": [1, ')
    with pytest.raises(DataError, match="damaged"):
        read_json(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="damaged"):
        read_json(path)
    with pytest.raises(DataError, match="no file"):
        read_json(tmp_path / "none.json")


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans(), st.none())))
def test_digest_knows_no_order(values: dict[str, object]) -> None:
    assert digest(values) == digest(dict(reversed(values.items())))
    assert digest(values) != digest({**values, "one more key than before": 0})


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("SURVEMBED_CACHE")
    assert cache_folder().name == "survembed"


def test_hash_index_reads_once_and_notices_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, memory = tmp_path / "data", tmp_path / "index.json"
    file.write_text("one")
    read: list[Path] = []

    def counting(path: Path) -> str:
        read.append(path)
        return sha256(path)

    monkeypatch.setattr(files, "sha256", counting)
    index = HashIndex(memory)
    first = index.sha256(file)
    index.save()
    assert file.name not in memory.read_text()
    again = HashIndex(memory)
    assert again.sha256(file) == first
    assert len(read) == 1
    file.write_text("two")  # of the same size
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert again.sha256(file) != first
    file.write_text("three")
    assert again.sha256(file) == sha256(file)
    assert len(read) == 3


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "7", "null"])
def test_a_damaged_hash_index_is_started_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    (tmp_path / "data").write_text("one")
    index = HashIndex(tmp_path / "index.json")
    assert index.sha256(tmp_path / "data") == sha256(tmp_path / "data")
    index.save()
    assert len(json.loads((tmp_path / "index.json").read_text())) == 1


def same_times(path: Path, before: os.stat_result) -> None:
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_hash_index_notices_an_edit_that_keeps_size_and_time(tmp_path: Path) -> None:
    file, memory = tmp_path / "data", tmp_path / "index.json"
    file.write_text("one")
    index = HashIndex(memory)
    first, before = index.sha256(file), file.stat()
    file.write_text("two")
    same_times(file, before)
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert index.sha256(file) == sha256(file) != first


def test_hash_index_notices_two_files_that_changed_places(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("mask one")
    two.write_text("mask two")
    same_times(two, one.stat())
    index = HashIndex(tmp_path / "index.json")
    first = index.sha256(one), index.sha256(two)
    one.rename(tmp_path / "other")
    two.rename(one)
    (tmp_path / "other").rename(two)
    assert (index.sha256(one), index.sha256(two)) == first[::-1]


def test_an_entry_of_the_hash_index_that_is_damaged_or_of_an_earlier_version_is_not_used(tmp_path: Path) -> None:
    file, memory = tmp_path / "data", tmp_path / "index.json"
    file.write_text("one")
    index = HashIndex(memory)
    true = index.sha256(file)
    index.save()
    ((key, entry),) = json.loads(memory.read_text()).items()
    for other in ([*entry[:-2], "0" * 64, entry[-1]], [*entry[:2], "0" * 64], "0" * 64, {}, [[], {}]):
        memory.write_text(json.dumps({key: other}))
        assert HashIndex(memory).sha256(file) == true


def test_on_a_file_system_with_coarse_times_a_fresh_file_is_hashed_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data"
    file.write_text("one")

    class Coarse:
        st_size, st_ino = 3, 7
        st_mtime_ns = st_ctime_ns = int(file.stat().st_ctime) * 10**9
        st_ctime = st_ctime_ns / 1e9

    monkeypatch.setattr(Path, "stat", lambda *_, **__: Coarse)
    index = HashIndex(tmp_path / "index.json")
    assert index.sha256(file) == sha256(file)
    file.write_bytes(b"two")
    assert index.sha256(file) == sha256(file)


def test_new_folders_are_for_this_user_only(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    write_text(tmp_path / "shared" / "runs" / "run" / "a.txt", "words")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()}
    assert modes == {"shared": 0o755, "runs": 0o700, "run": 0o700}


def test_a_path_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file" / "x.csv", tmp_path, tmp_path / ("x" * 300), Path("/dev/null/x")):
        with pytest.raises(DataError, match="cannot write"):
            require_writable(path)
    require_writable(tmp_path / "file")
    require_writable(tmp_path / "new" / "folder" / "x.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def test_a_pipe_is_refused_and_a_file_or_nothing_is_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for name in ("file", "missing", "."):
        refuse_pipe(tmp_path / name)
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(DataError, match="neither a file nor a folder"):
            refuse_pipe(path)


def test_one_hash_of_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.bin" for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    index = HashIndex(tmp_path / "index.json")
    first = index.sha256_of_all(paths)
    index.save()
    assert index.sha256_of_all(paths[::-1]) != first
    again = HashIndex(tmp_path / "index.json")
    with monkeypatch.context() as reading:
        reading.setattr("survembed.storage.files._hashes", lambda paths: pytest.fail("a file was read again"))
        assert again.sha256_of_all(paths) == first
    paths[3].write_bytes(b"3.bim")
    assert again.sha256_of_all(paths) != first
    paths[3].unlink()
    assert len(again.sha256_of_all(paths)) == 64


def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_living_one_keeps_its_file(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom survembed.storage.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); print('ready', flush=True); time.sleep(300)"
    )

    def writer(name: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-c", code, str(tmp_path / "run" / name)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    killed, living = writer("a.json"), writer("b.json")
    try:
        killed.kill()
        killed.wait()
        (tmp_path / "run" / ".part-of-a-user").write_text("kept")
        assert len(list((tmp_path / "run").glob(".*.part-*"))) == 2
        write_text(tmp_path / "run" / "c.json", "{}")
        names = sorted(path.name.partition(".part-")[2] or path.name for path in (tmp_path / "run").iterdir())
        assert names == ["b.json", "c.json", "of-a-user"]
    finally:
        for process in (killed, living):
            process.kill()
            process.communicate()
