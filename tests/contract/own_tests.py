"""Run the tests of a package in `plugins/` against the package as installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def run_own_tests(name: str, installed: Path) -> None:
    """Run them as their author would, in a process of its own; a warning is an error there, too."""
    plugin = ROOT / "plugins" / name
    line = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*line, "--rootdir", plugin, plugin / "tests"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        cwd=installed,
    )
    assert done.returncode == 0, done.stdout + done.stderr
