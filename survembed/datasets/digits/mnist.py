"""The four files of MNIST: found in a folder, or downloaded once into the user's cache, and verified by MD5."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.digits.idx import GZIP_MAGIC, parse_idx
from survembed.errors import DataError
from survembed.progress import Reporter, Task
from survembed.storage.files import cache_folder, unreadable

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
"""Addresses of the four gzipped files, tried in this order."""


@dataclass(frozen=True)
class MNISTFile:
    """One of the four files.

    Attributes
    ----------
    name
        File name without `.gz`.
    gzip_md5, plain_md5
        MD5 of the published gzip file and of its content.
    size
        Bytes of the gzip file.
    dimensions
        3 for images, 1 for labels.
    """

    name: str
    gzip_md5: str
    plain_md5: str
    size: int
    dimensions: int


TRAIN_IMAGES = MNISTFile(
    "train-images-idx3-ubyte", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb", 9912422, 3
)
TRAIN_LABELS = MNISTFile(
    "train-labels-idx1-ubyte", "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624", 28881, 1
)
TEST_IMAGES = MNISTFile(
    "t10k-images-idx3-ubyte", "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea", 1648877, 3
)
TEST_LABELS = MNISTFile(
    "t10k-labels-idx1-ubyte", "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637", 4542, 1
)

PARTS = {"train": (TRAIN_IMAGES, TRAIN_LABELS), "test": (TEST_IMAGES, TEST_LABELS)}
"""Images and labels of the official split."""
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
HINT = "--root FOLDER with the four files of MNIST, or --data surv-digits, which needs no files"


def find_mnist(folder: Path) -> dict[str, Path]:
    """Paths of the four files by name, gzipped or plain, in `folder` or its subfolder `MNIST/raw` (torchvision).

    Raises
    ------
    DataError
        If a file is missing.
    """
    paths = {}
    for file in FILES:
        names = (f"{file.name}.gz", file.name)
        candidates = [base / name for base in (folder, folder / "MNIST" / "raw") for name in names]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            raise DataError(
                f"no {file.name}.gz, nor {file.name}",
                where=str(folder),
                expected=", ".join(f"{file.name}.gz" for file in FILES),
                try_=HINT,
            )
        paths[file.name] = path
    return paths


def read_mnist_file(path: Path, file: MNISTFile) -> NDArray[np.uint8]:
    """Images (n, 28, 28) or labels (n,) of one file; errors as `read_verified`."""
    return parse_idx(read_verified(path, file), file.dimensions, path)


def read_verified(path: Path, file: MNISTFile) -> bytes:
    """Content of one file, gzipped or plain, if its MD5 is that of the published file.

    Raises
    ------
    DataError
        If the file cannot be read, is truncated or is another file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    expected = file.gzip_md5 if content[:2] == GZIP_MAGIC else file.plain_md5
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != expected:
        parse_idx(content, file.dimensions, path)  # has a more specific error for a damaged file
        raise DataError(f"{path.name} is not the file of MNIST: md5 {md5}", where=str(path), expected=f"md5 {expected}")
    return content


def download_mnist(mirror: str | None, reporter: Reporter) -> Path:
    """Folder of the four files in the user's cache; missing files are downloaded.

    Parameters
    ----------
    mirror
        Address of a folder with the files, tried before `MIRRORS`.

    Raises
    ------
    DataError
        If no mirror has the files, or the cache cannot be written.
    """
    folder = cache_folder() / "mnist"
    missing = [file for file in FILES if not _is_complete(folder / f"{file.name}.gz", file)]
    if missing:
        with reporter.task("fetching MNIST", total=sum(file.size for file in missing), unit="bytes") as task:
            for file in missing:
                _download(file, folder, (mirror, *MIRRORS) if mirror else MIRRORS, task)
    return folder


def _is_complete(path: Path, file: MNISTFile) -> bool:
    try:
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == file.gzip_md5
    except OSError:
        return False


class _PoochProgress:
    """Progress bar in the interface of pooch that advances a `Task`."""

    def __init__(self, task: Task) -> None:
        self.total = 0
        self._task: Task | None = task

    def update(self, count: int) -> None:
        if self._task is not None:
            self._task.advance(count)

    def reset(self) -> None:
        """Stop counting: pooch resets at the end and then reports the whole file again."""
        self._task = None

    def close(self) -> None:
        """Do nothing: `download_mnist` closes the task."""


def _download(file: MNISTFile, folder: Path, mirrors: tuple[str, ...], task: Task) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")  # otherwise pooch writes to stderr
    failures = []
    for mirror in mirrors:
        downloader = pooch.HTTPDownloader(progressbar=_PoochProgress(task), chunk_size=2**16, timeout=30)
        name = f"{file.name}.gz"
        try:
            pooch.retrieve(f"{mirror.rstrip('/')}/{name}", f"md5:{file.gzip_md5}", name, folder, downloader=downloader)
        except (requests.RequestException, ValueError) as error:  # ValueError: wrong MD5
            failures.append(f"{mirror}: {type(error).__name__}")
        except OSError as error:
            raise DataError(
                f"cannot write {name}: {error.strerror or error}",
                where=str(folder),
                expected="a writable folder on a disk with free space",
            ) from error
        else:
            return
    raise DataError(
        f"cannot fetch {file.name}.gz ({'; '.join(failures)})",
        where=str(folder),
        expected=f"a network, or the file in {folder}",
        try_=HINT,
    )
