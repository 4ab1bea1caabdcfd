"""Interface of trackers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from survembed.errors import PluginError


class Tracker(Protocol):
    """Receives the metrics of a training, but no images or ids of subjects.

    `survembed.testing` checks that it accepts values that are not finite, can be closed without any, and does not
    change global states.
    """

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """Log the metrics of one validation, by names such as `validation/objective`."""

    def close(self) -> None:
        """Close the tracker after the training, also after a failed one."""


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
    """The error if a tracker's package is not installed."""
    return PluginError(
        f"the tracker needs the package {package}, which is not installed",
        where=f"train.trackers={extra}",
        expected=f"{package} in this environment",
        try_=f"pip install 'survembed[{extra}]'",
    )
