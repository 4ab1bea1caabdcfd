"""A sweep whose runs cost nothing, with locks that tell quickly that their owner is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from survembed.runs.jobs import process
from survembed.runs.jobs.job import SweepFolder
from survembed.storage import locks


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MODULE", "tests.runs.jobs.fake_worker")
    monkeypatch.setattr(locks, "BEAT", 0.05)
    monkeypatch.setattr(locks, "DEAD_AFTER", 0.3)
    monkeypatch.setattr(locks, "SILENT_AFTER", 1.0)


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[[Sequence[str]], SweepFolder]:
    def make(keys: Sequence[str]) -> SweepFolder:
        folder = SweepFolder(tmp_path / "sweep")
        for key in keys:
            folder.job(key).mkdir(parents=True, exist_ok=True)
        return folder

    return make


def counted(folder: SweepFolder, what: str) -> Counter[str]:
    """How often each key was `started` or `ended`."""
    return Counter(path.name.split()[0] for path in (folder.path / what).iterdir())
