"""Plugins as a user installs them, into folders of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder into which pip has built and installed a package of `plugins/`."""
    done: dict[str, Path] = {}

    def installed(name: str) -> Path:
        if name not in done:
            target = tmp_path_factory.mktemp(name)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
            run = subprocess.run(
                [*pip, "--disable-pip-version-check", "--target", target, ROOT / "plugins" / name],
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.returncode == 0, run.stderr
            done[name] = target
        return done[name]

    return installed
