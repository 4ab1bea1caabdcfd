"""A recorder that writes a run and logs its numbers to trackers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from survembed.registry.component import Component
from survembed.runs.run import Run
from survembed.trackers.base import Tracker, flat
from survembed.training.recorder import Recorder


class TrackedRun:
    """Records a training in a run, and logs its metrics to trackers."""

    def __init__(self, run: Run, trackers: Sequence[Tracker]) -> None:
        self.run, self.trackers = run, trackers
        self.save_weights = run.save_weights
        self.save_checkpoint = run.save_checkpoint

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add the row of a validation."""
        self.run.append_metrics(row)
        for tracker in self.trackers:
            tracker.log(int(row["update"]), dict(flat(row)))


@contextmanager
def run_recorder(run: Run, components: Sequence[type[Component]]) -> Iterator[Recorder]:
    """The recorder of a run with trackers, which are closed at the end of the block.

    Raises
    ------
    PluginError
        When the package of a tracker is not installed.
    """
    with ExitStack() as stack:
        trackers: list[Tracker] = []
        for component in components:
            tracker: Tracker = component().build(run.path)
            stack.callback(tracker.close)
            trackers.append(tracker)
        yield TrackedRun(run, trackers) if trackers else run
