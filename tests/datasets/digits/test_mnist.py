"""The four files of MNIST: found, checked, fetched over a real socket, and every failure told."""

from __future__ import annotations

import gzip
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from survembed.datasets.digits import mnist
from survembed.errors import DataError
from survembed.progress import QUIET, Reporter, Task


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches beyond this machine, and each has a cache of its own."""
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path / "cache"))


class Counting(Reporter):
    """Counts what is reported."""

    def __init__(self) -> None:
        self.totals: list[int | None] = []
        self.steps = 0

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        self.totals.append(total)
        counting = self

        class Counter(Task):
            def advance(self, steps: int = 1, **fields: str) -> None:
                counting.steps += steps

        yield Counter()


def test_fetched_once(test_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reporter = Counting()
    with serving(test_data / "mnist") as address:
        folder = mnist.download_mnist(address, reporter)
    assert reporter.totals == [sum(file.size for file in mnist.FILES)]
    assert reporter.steps >= reporter.totals[0]  # pooch counts whole chunks
    assert reporter.steps < reporter.totals[0] + 4 * 2**16
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{file.name}.gz" for file in mnist.FILES)
    again = Counting()
    assert mnist.download_mnist(None, again) == folder  # the server is gone
    assert again.totals == []
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_in_the_cache_is_fetched_again(test_data: Path) -> None:
    with serving(test_data / "mnist") as address:
        folder = mnist.download_mnist(address, QUIET)
        labels = folder / "t10k-labels-idx1-ubyte.gz"
        labels.write_bytes(labels.read_bytes()[:100])
        mnist.download_mnist(address, QUIET)
    assert labels.stat().st_size == 4542


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot fetch train-images") as caught:
        mnist.download_mnist(None, QUIET)
    assert "--root" in str(caught.value)
    assert "surv-digits" in str(caught.value)
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_a_mirror_that_lies(tmp_path: Path) -> None:
    for file in mnist.FILES:
        (tmp_path / f"{file.name}.gz").write_bytes(b"<html>welcome to the hotel network</html>")
    with serving(tmp_path) as address, pytest.raises(DataError, match=r"cannot fetch .*127\.0\.0\.1"):
        mnist.download_mnist(address, QUIET)
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_a_cache_that_cannot_be_written(test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path / "taken"))
    with serving(test_data / "mnist") as address, pytest.raises(DataError, match="cannot write train-images"):
        mnist.download_mnist(address, QUIET)


def test_found_gzipped_plain_and_below_torchvisions_folder(test_data: Path, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in mnist.FILES:
        (raw / file.name).write_bytes(gzip.decompress((test_data / "mnist" / f"{file.name}.gz").read_bytes()))
    found = mnist.find_mnist(tmp_path)
    for file in mnist.FILES:
        assert found[file.name] == raw / file.name
        packed = test_data / "mnist" / f"{file.name}.gz"
        assert (mnist.read_mnist_file(found[file.name], file) == mnist.read_mnist_file(packed, file)).all()


def test_a_missing_file(test_data: Path, tmp_path: Path) -> None:
    shutil.copy(test_data / "mnist" / "train-images-idx3-ubyte.gz", tmp_path)
    with pytest.raises(DataError, match=r"no train-labels-idx1-ubyte\.gz") as caught:
        mnist.find_mnist(tmp_path)
    assert "surv-digits" in str(caught.value)


LABELS = mnist.PARTS["test"][1]


def test_a_truncated_file(test_data: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{LABELS.name}.gz"
    path.write_bytes((test_data / "mnist" / path.name).read_bytes()[:2000])
    with pytest.raises(DataError, match="truncated or damaged") as caught:
        mnist.read_mnist_file(path, LABELS)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("packed", [True, False])
def test_another_file(test_data: Path, tmp_path: Path, packed: bool) -> None:
    content = bytearray(gzip.decompress((test_data / "mnist" / f"{LABELS.name}.gz").read_bytes()))
    content[-1] = (content[-1] + 1) % 10  # one label changed
    path = tmp_path / LABELS.name
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=r"not the file of MNIST: md5 [0-9a-f]{32}") as caught:
        mnist.read_mnist_file(path, LABELS)
    assert caught.value.expected == f"md5 {LABELS.gzip_md5 if packed else LABELS.plain_md5}"
