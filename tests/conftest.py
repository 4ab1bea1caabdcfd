"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# Before torch comes: networks as small as ours here gain nothing from threads, which wait for each other on busy cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.trained", "tests.clinical_runs", "tests.hospitals"]

# No test is timed: machines are noisy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


COSTLY = {"swept", "explorers", "study", "undisturbed", "gradients", "python", "written", "hospitals", "site"}
"""Fixtures that take long to make and are shared by many tests."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks when its turn comes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a costly fixture run in one worker, which makes it once."""
    for item in items:
        for name in COSTLY.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real test data; see README, Development."""
    folder = Path(os.environ.get("SURVEMBED_TEST_DATA", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder}: set SURVEMBED_TEST_DATA")
    return folder


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's cache, and no variable of the user's reaches a test."""
    for name in [name for name in os.environ if name.startswith("SURVEMBED_") and name != "SURVEMBED_TEST_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it in its workers
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
