"""Work in as many threads as this process has CPU cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")


def available_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_threads(function: Callable[[Item], Output], items: Iterable[Item]) -> Iterator[Output]:
    """Apply `function` to each item in as many threads as cores; yield the results in the order of the items.

    At most two items per thread are in progress, which bounds the memory. An error or an interrupt cancels the items
    that have not started.
    """
    workers = available_cores()
    in_progress: deque[Future[Output]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                in_progress.append(pool.submit(function, item))
                if len(in_progress) >= 2 * workers:
                    yield in_progress.popleft().result()
            while in_progress:
                yield in_progress.popleft().result()
        finally:
            for future in in_progress:
                future.cancel()
