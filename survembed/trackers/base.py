"""What every tracker is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from survembed.errors import PluginError


class Tracker(Protocol):
    """Takes the numbers of a training as they come. It is given no images and no ids of subjects.

    What `survembed.testing` holds it to: it takes numbers that are not finite, may be closed without any, and leaves
    global states alone, so that a training is the same with it and without.
    """

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """Numbers of one validation, by names such as `validation/objective`."""

    def close(self) -> None:
        """The training has ended, however it did."""


def flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a row of `metrics.jsonl` by path: `validation/cox`, `kl_of_dimensions/3`."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}/")
        elif isinstance(value, list):
            yield from flat(dict(zip(map(str, range(len(value))), value, strict=True)), f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "update":
            yield prefix + name, float(value)


def missing(package: str, extra: str) -> PluginError:
    """The error where a tracker's package is not installed."""
    return PluginError(
        f"the tracker needs the package {package}, which is not installed",
        where=f"train.trackers={extra}",
        expected=f"{package} in this environment",
        try_=f"pip install 'survembed[{extra}]'",
    )
