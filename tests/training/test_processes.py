"""Several processes on one update: shares, micro-batches, and trainings that end whatever the shares are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.errors import UsageError
from survembed.training.processes import Processes
from tests.conftest import ROOT

TRAIN = "train coxvae --data surv-digits --width 4 --blocks 1 --updates 4 --device cpu --set train.precision=float32"


@given(n=st.integers(1, 40), count=st.integers(1, 6), wanted=st.integers(1, 9))
def test_all_processes_have_the_same_number_of_micro_batches(n: int, count: int, wanted: int) -> None:
    if n < count:
        with pytest.raises(UsageError, match="processes"):
            Processes(0, count).micro_batches(n, wanted)
        return
    micro_batches = Processes(0, count).micro_batches(n, wanted)
    assert 1 <= micro_batches <= wanted
    smallest = min(part.stop - part.start for part in (Processes(rank, count).part(n) for rank in range(count)))
    assert smallest >= micro_batches  # no micro-batch is empty


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--nproc 2 --batch-size 3 --set train.accumulate=3", 0),  # parts of 5 and 4 subjects
        ("--nproc 3 --batch-size 2", 2),
    ],
)
def test_uneven_shares_end(options: str, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "survembed", *TRAIN.split(), *options.split(), "--runs-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=ROOT)
    assert done.returncode == code, done.stderr
    if code:
        assert "a batch of 2 subject(s) for 3 processes" in done.stderr
        assert "Traceback" not in done.stderr
