"""Start-up time, best of five: the one thing that a test times; `make test` runs it apart from the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.startup import is_held

pytestmark = pytest.mark.startup


@pytest.mark.parametrize(("arguments", "limit"), [(["--help"], 0.3), (["train", "coxvae", "--help"], 0.6)])
def test_help_is_fast(arguments: list[str], limit: float) -> None:
    line = [sys.executable, "-m", "survembed", *arguments]
    is_held(limit, lambda: subprocess.run(line, check=True, capture_output=True), sys.executable)
