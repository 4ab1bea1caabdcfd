"""The four files of MNIST: found in a folder, or fetched once into the user's cache, and checked by MD5."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.digits.idx import GZIP_MAGIC, parse_idx, unpacked
from survembed.errors import DataError
from survembed.progress import Reporter, Task
from survembed.storage.files import cache_folder

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
"""Addresses of the four gzipped files, tried in this order."""


@dataclass(frozen=True)
class File:
    """One of the four files.

    Attributes
    ----------
    name
        Its name without `.gz`.
    packed
        MD5 of the published gzip file.
    plain
        MD5 of what is in it.
    size
        Bytes of the gzip file.
    dimensions
        3 for images, 1 for labels.
    """

    name: str
    packed: str
    plain: str
    size: int
    dimensions: int


PARTS = {
    "train": (
        File(
            "train-images-idx3-ubyte",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "6bbc9ace898e44ae57da46a324031adb",
            9912422,
            3,
        ),
        File(
            "train-labels-idx1-ubyte",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "a25bea736e30d166cdddb491f175f624",
            28881,
            1,
        ),
    ),
    "test": (
        File(
            "t10k-images-idx3-ubyte",
            "9fb629c4189551a2d022fa330f9573f3",
            "2646ac647ad5339dbf082846283269ea",
            1648877,
            3,
        ),
        File(
            "t10k-labels-idx1-ubyte",
            "ec29112dd5afa0611ce80d1b7f02629c",
            "27ae3e4e09519cfbb04c329615203637",
            4542,
            1,
        ),
    ),
}
"""Images and labels of the official parts."""

FILES = tuple(file for pair in PARTS.values() for file in pair)

HINT = "--root FOLDER with the four files of MNIST, or --data surv-digits, which needs no files"


def find(folder: Path) -> dict[str, Path]:
    """Paths of the four files by name, gzipped or plain, in `folder` or where torchvision puts them below it.

    Raises
    ------
    DataError
        When one is missing.
    """
    found = {}
    for file in FILES:
        places = [base / name for base in (folder, folder / "MNIST" / "raw") for name in (f"{file.name}.gz", file.name)]
        place = next((place for place in places if place.is_file()), None)
        if place is None:
            raise DataError(
                f"no {file.name}.gz, nor {file.name}",
                where=str(folder),
                expected=", ".join(f"{file.name}.gz" for file in FILES),
                try_=HINT,
            )
        found[file.name] = place
    return found


def read(path: Path, file: File) -> NDArray[np.uint8]:
    """The array of one file: images (n, 28, 28) or labels (n,). Errors are those of `verified`."""
    return parse_idx(unpacked(verified(path, file), path), file.dimensions, path)


def verified(path: Path, file: File) -> bytes:
    """The bytes of one file, packed or plain, once their MD5 is that of the published file.

    Raises
    ------
    DataError
        When the file cannot be read, is cut short or is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}", where=str(path)) from error
    expected = file.packed if content[:2] == GZIP_MAGIC else file.plain
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        parse_idx(unpacked(content, path), file.dimensions, path)  # says what is wrong, where that can be told
        raise DataError(f"{path.name} is not MNIST's: md5 {found}", where=str(path), expected=f"md5 {expected}")
    return content


def fetch(mirror: str | None, reporter: Reporter) -> Path:
    """Folder of the four files in the user's cache, fetched where they are not there yet.

    Parameters
    ----------
    mirror
        Address of a folder that holds the files, tried before `MIRRORS`.

    Raises
    ------
    DataError
        When no mirror gives them, or the cache cannot be written.
    """
    folder = cache_folder() / "mnist"
    missing = [file for file in FILES if not _is_whole(folder / f"{file.name}.gz", file)]
    if missing:
        with reporter.task("fetching MNIST", total=sum(file.size for file in missing), unit="bytes") as task:
            for file in missing:
                _fetch_one(file, folder, (mirror, *MIRRORS) if mirror else MIRRORS, task)
    return folder


def _is_whole(path: Path, file: File) -> bool:
    try:
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == file.packed
    except OSError:
        return False


class _Bar:
    """What pooch takes for a progress bar, told to a `Task`."""

    def __init__(self, task: Task) -> None:
        self.total = 0
        self._task: Task | None = task

    def update(self, count: int) -> None:
        if self._task is not None:
            self._task.advance(count)

    def reset(self) -> None:
        """Pooch resets at the end and counts the whole file once more."""
        self._task = None

    def close(self) -> None:
        """Nothing to close: the task belongs to `fetch`."""


def _fetch_one(file: File, folder: Path, mirrors: tuple[str, ...], task: Task) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")  # it would write to stderr by itself
    failures = []
    for mirror in mirrors:
        downloader = pooch.HTTPDownloader(progressbar=_Bar(task), chunk_size=2**16, timeout=30)
        name = f"{file.name}.gz"
        try:
            pooch.retrieve(f"{mirror.rstrip('/')}/{name}", f"md5:{file.packed}", name, folder, downloader=downloader)
        except (requests.RequestException, ValueError) as error:  # ValueError: not what the MD5 promises
            failures.append(f"{mirror}: {type(error).__name__}")
        except OSError as error:
            raise DataError(
                f"cannot write {name}: {error.strerror or error}",
                where=str(folder),
                expected="a folder that can be written, with space left",
            ) from error
        else:
            return
    raise DataError(
        f"cannot fetch {file.name}.gz ({'; '.join(failures)})",
        where=str(folder),
        expected=f"a network, or the file in {folder}",
        try_=HINT,
    )
