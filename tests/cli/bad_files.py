"""Bad inputs of a study of pictures and of binary files: wrong images, torn files, no permission."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from tests.cli.case import Case, words

PICTURES = "--runs-dir pictures"
FRACTIONS = (0.0, 0.01, 0.3, 0.6, 0.999)
"""Parts of a file that are left of it."""
CLOSED = ("closed.csv", "closed.toml", "closed.npy", "closed", "closed-runs")
"""Files and folders without permission in the world."""
SYSTEM = "/proc/sys/vm/drop_caches"
"""A file that nobody can read, nor make another beside it."""

Make = Callable[[Path], object]


def _array(values: Any) -> Make:
    return lambda path: np.save(path, np.asarray(values), allow_pickle=True)


def _picture(mode: str, size: tuple[int, int], kind: str) -> Make:
    return lambda path: Image.new(mode, size).save(path, kind)


IMAGES: dict[str, Make] = {
    "cube.npy": _array(np.zeros((8, 8, 8), np.uint8)),
    "row.npy": _array(np.zeros(64, np.uint8)),
    "number.npy": _array(1.0),
    "small.npy": _array(np.zeros((3, 3), np.uint8)),
    "none.npy": _array(np.zeros((0, 0))),
    "nan.npy": _array(np.full((8, 8), np.nan)),
    "infinite.npy": _array(np.full((8, 8), np.inf)),
    "negative.npy": _array(np.full((8, 8), -1.0)),
    "large.npy": _array(np.full((8, 8), 1e6)),
    "complex.npy": _array(np.zeros((8, 8), complex)),
    "texts.npy": _array([["a"] * 8] * 8),
    "objects.npy": _array(np.array([{}], dtype=object)),
    "table.npy": lambda path: path.write_text("1,2\n3,4\n"),
    "empty.npy": lambda path: path.write_bytes(b""),
    "empty.png": lambda path: path.write_bytes(b""),
    "page.png": lambda path: path.write_text("<html></html>"),
    "head.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
    "photo.png": _picture("L", (8, 8), "JPEG"),
    "photo.jpg": _picture("L", (8, 8), "JPEG"),
    "scan.tiff": _picture("L", (8, 8), "TIFF"),
    "wide.png": _picture("L", (16, 8), "PNG"),
    "huge.png": _picture("L", (5000, 5000), "PNG"),
    "volume.nii.gz": lambda path: path.write_bytes(b"\x1f\x8b torn"),
    "folder.png": lambda path: path.mkdir(),
}


def _volume(shape: tuple[int, ...], dtype: str = "int16", fill: float = 0) -> bytes:
    import nibabel as nib

    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    return bytes(nib.Nifti1Image(np.full(shape, fill, dtype), affine).to_bytes())


VOLUMES: dict[str, tuple[bytes, bytes]] = {
    "flat": (_volume((12, 12)), _volume((12, 12), fill=1)),
    "row": (_volume((12,)), _volume((12,), fill=1)),
    "film": (_volume((12, 12, 12, 3)), _volume((12, 12, 12, 3), fill=1)),
    "other_grid": (_volume((12, 12, 12)), _volume((9, 9, 9), fill=1)),
    "nan": (_volume((12, 12, 12), "float32", np.nan), _volume((12, 12, 12), "uint8", 1)),
    "no_organ": (_volume((12, 12, 12)), _volume((12, 12, 12), "uint8")),
    "one_voxel": (_volume((1, 1, 1)), _volume((1, 1, 1), "uint8", 1)),
    "complex": (_volume((12, 12, 12), "complex64"), _volume((12, 12, 12), "uint8", 1)),
    "short": (_volume((12, 12, 12))[:500], _volume((12, 12, 12), "uint8", 1)[:400]),
    "header": (_volume((12, 12, 12))[:348], _volume((12, 12, 12), "uint8", 1)[:348]),
    "rows": (b"id,time,event\n", b"id,time,event\n"),
}


def images() -> Iterator[tuple[str, list[Case]]]:
    """Images that are none, or of another kind than the cohort."""
    yield (
        "an image of another kind for predict",
        [Case(words(f"predict --image images/{name} {PICTURES}"), 4) for name in IMAGES]
        + [
            Case(words(f"predict {flags} {PICTURES}"), 2)
            for flags in ("--table rows.csv", "--ct rows.csv", "--folder .", "--mask images/wide.png", "")
        ]
        + [Case(words(f"predict --image {path} {PICTURES}"), 4) for path in (".", "nowhere.png", "loop", "pipe")]
        + [
            Case(words("predict --table pipe.csv"), 4),
            Case(words("data prepare liver --root volumes/other_grid --clinical pipe.csv"), 4),
        ],
    )
    yield (
        "an image of another kind for data check",
        [
            Case(words(f"data {verb} liver --json --root=volumes/{name}"), 4)
            for verb in ("check", "prepare")
            for name in VOLUMES
        ],
    )
    yield (
        "steps that lead nowhere",
        [
            Case(words(f"{line} {steps} {PICTURES}"), 2)
            for line in ("explain d0000", "traverse")
            for steps in ("--low 2 --high 2", "--low 2 --high=-2", "--low 0 --high 0", "--steps 1")
        ]
        + [Case(words(f"explain d0000 {steps} {PICTURES}"), 2) for steps in ("--low 1 --high 2", "--low=-2 --high=-1")],
    )


def torn() -> Iterator[tuple[str, list[Case]]]:
    """Binary files of which the end is missing."""
    yield (
        "an HDF5 table that is cut off",
        [Case(words(f"data prepare tabular --root=torn/{part}.h5"), 4) for part in FRACTIONS],
    )
    yield (
        "weights that are cut off",
        [
            Case(words(f"{verb} --run torn/weights-{part} --runs-dir torn"), 5)
            for part in FRACTIONS
            for verb in ("embed", "evaluate --downstream coxph")
        ],
    )
    yield (
        "a run without learning curves",
        [
            Case(words(f"figure history --run torn/{name} --runs-dir torn"), 5)
            for name in ("no-metrics", "empty-metrics", "blank-metrics", "torn-metrics")
        ],
    )


def closed() -> Iterator[tuple[str, list[Case]]]:
    """Files and folders without permission."""
    train = "train coxvae --data tabular --root rows.csv --updates 1 --width 4"
    unreadable = 4 if os.geteuid() == 0 else 2  # Typer asks for the permissions of root, which this process has
    yield (
        "a file or folder without permission",
        [
            Case(words(line), code)
            for line, code in (
                ("data prepare tabular --root closed.csv", unreadable),
                ("data prepare liver --root closed", 4),
                ("data check liver --root closed", 4),
                (f"{train} --dry-run --config closed.toml", 2),
                (f"{train} --runs-dir closed", 4),
                (f"{train} --runs-dir closed/in", 4),
                ("data phantom closed/in", 4),
                ("embed --runs-dir closed-runs", 5),
                ("embed --run closed-runs/a", 5),
                (f"predict --image closed.npy {PICTURES}", unreadable),
                ("predict --table closed.csv", unreadable),
                ("evaluate --bootstrap 0 --downstream coxph --predictions closed/p.csv", 4),
                ("evaluate --bootstrap 0 --downstream coxph --predictions closed.csv/p.csv", 4),
                ("report --bootstrap 0 --out closed/r.html", 4),
                ("report --sweep-dir closed", 5),
                (f"data prepare tabular --root {SYSTEM}", 2),
                (f"data check liver --root {SYSTEM}", 2),
                ("data check liver --root /proc/sys", 4),
                ("data prepare tabular --root /proc/self/mem", 4),
                (f"{train} --dry-run --config {SYSTEM}", 2),
                (f"{train} --runs-dir /proc/sys/in", 4),
                ("data phantom /proc/sys/in", 4),
                (f"predict --image {SYSTEM} {PICTURES}", 2),
                (f"predict --image /proc/self/mem {PICTURES}", 4),
                ("embed --runs-dir /proc/sys", 5),
                ("report --bootstrap 0 --out /proc/sys/r.html", 4),
                ("report --bootstrap 0 --out configs", 4),
                ("evaluate --bootstrap 0 --downstream coxph --predictions /proc/sys/p.csv", 4),
            )
            if sys.platform == "linux" or "/proc" not in line
        ],
    )


@contextmanager
def permissions_hold() -> Iterator[None]:
    """In the block, the permissions of files hold for root, too; nothing happens for other users or systems."""
    with _without(0b110) if sys.platform == "linux" and os.geteuid() == 0 else nullcontext():
        yield


@contextmanager
def _without(capabilities: int) -> Iterator[None]:
    """This thread without some effective capabilities of Linux; bits 1 and 2 ignore the permissions of files."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] = before & ~capabilities
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


def make_files(folder: Path, run: Path) -> None:
    """The files of the cases, in `folder`; `run` is a finished run on a table."""
    for name, make in IMAGES.items():
        (folder / "images").mkdir(exist_ok=True)
        make(folder / "images" / name)
    for name, (image, labels) in VOLUMES.items():
        study = folder / "volumes" / name
        for part, content in (("imagesTr/a_0000.nii", image), ("labelsTr/a.nii", labels)):
            (study / part).parent.mkdir(parents=True)
            (study / part).write_bytes(content)
        (study / "clinical.csv").write_text("case_id,time_days,event\na,1,1\n")
    _make_torn(folder / "torn", run)
    os.mkfifo(folder / "pipe.csv")
    for name in CLOSED:
        if "." in name:
            (folder / name).write_text("")
        else:
            (folder / name).mkdir()
        (folder / name).chmod(0)


def _make_torn(folder: Path, run: Path) -> None:
    import shutil

    folder.mkdir()
    with h5py.File(folder / "whole", "w") as file:
        for part in ("train", "test"):
            file[f"{part}/x"] = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
            file[f"{part}/t"], file[f"{part}/e"] = np.arange(1.0, 41), np.ones(40, int)
    for part in FRACTIONS:
        _cut(folder / "whole", folder / f"{part}.h5", part)
        shutil.copytree(run, folder / f"weights-{part}")
        _cut(run / "model.safetensors", folder / f"weights-{part}" / "model.safetensors", part)
    metrics = (run / "metrics.jsonl").read_bytes()
    for name, content in {
        "no-metrics": None,
        "empty-metrics": b"",
        "blank-metrics": b"\n\n",
        "torn-metrics": metrics[: len(metrics) // 2],
    }.items():
        shutil.copytree(run, folder / name)
        (folder / name / "metrics.jsonl").unlink()
        if content is not None:
            (folder / name / "metrics.jsonl").write_bytes(content)


def _cut(source: Path, target: Path, part: float) -> None:
    content = source.read_bytes()
    target.write_bytes(content[: min(int(len(content) * part), len(content) - 1)])
