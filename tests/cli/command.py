"""Running the command line as a user does, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from survembed.cli.main import main


@dataclass(frozen=True)
class Answer:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


def survembed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    """Run in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    captured = capsys.readouterr()
    return Answer(int(left.value.code or 0), captured.out, captured.err)


def survembed_process(
    *arguments: str, path: Path | None = None, environment: Mapping[str, str] | None = None
) -> Answer:
    """Run in a process of its own, with the packages in `path` installed, too."""
    variables = {**os.environ, **(environment or {})} | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, "-m", "survembed", *arguments], capture_output=True, text=True, env=variables, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)
