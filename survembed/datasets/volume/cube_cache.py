"""Finished cubes, one small file a subject, so that an interrupted preparation goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np

from survembed.datasets.volume.cube import Cube
from survembed.storage.files import replacing

NO_IMAGE = np.empty(0, np.uint8)
"""Stands for the image of a cube that is on the disk."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def save_cube(path: Path, cube: Cube) -> None:
    """Write a cube, whole or not at all; plain arrays, no pickle."""
    numbers = np.array([cube.organ_ml, cube.tumour_ml, cube.outside, *cube.further_ml])
    with replacing(path) as temporary:
        np.savez(temporary, image=cube.image, affine=cube.affine, numbers=numbers, warnings=json.dumps(cube.warnings))


def load_cube(path: Path) -> Cube | None:
    """The cube at `path`; None where there is none or it is damaged."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            organ_ml, tumour_ml, outside, *further_ml = saved["numbers"].tolist()
            warnings = tuple(json.loads(str(saved["warnings"])))
            return Cube(saved["image"], saved["affine"], organ_ml, tumour_ml, outside, warnings, tuple(further_ml))
    except (OSError, ValueError, KeyError, TypeError, BadZipFile):
        return None


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results in order, from as many threads as cores; no more than two items a thread are under way.

    An error or an interrupt drops what has not begun.
    """
    workers = threads()
    under_way: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) >= 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
