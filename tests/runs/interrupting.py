"""A training that is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from survembed.progress import Reporter, Task


class Interrupting(Reporter):
    """Ctrl-C at the twelfth update."""

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        class Bar(Task):
            done = 0

            def advance(self, steps: int = 1, **fields: str) -> None:
                self.done += steps
                if self.done == 12:
                    raise KeyboardInterrupt

        yield Bar()
