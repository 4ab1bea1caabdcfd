"""Start-up time, best of five: the one thing that a test times; `make test` runs it apart from the others."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.startup


@pytest.mark.parametrize(("arguments", "limit"), [(["--help"], 0.3), (["train", "coxvae", "--help"], 0.6)])
def test_help_is_fast(arguments: list[str], limit: float) -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "survembed", *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < limit, f"best of five: {min(seconds):.2f} s"
