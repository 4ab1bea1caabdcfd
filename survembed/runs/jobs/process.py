"""A worker process for the jobs of a sweep: it reads keys from stdin and writes answers as lines of JSON."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import uuid
from contextlib import suppress
from typing import IO

from survembed.registry.subprocess_runner import environment
from survembed.runs.jobs.job import SweepFolder
from survembed.storage.files import make_folder
from survembed.storage.locks import break_lock

MODULE = "survembed.workflows.job"

ATTEMPTS = 3
"""Workers that may be killed during a job before it counts as failed; its neighbours may use up the memory."""

Answer = dict[str, str]


class WorkerProcess:
    """A running worker with at most one job at a time.

    It is a process of its own, so that a killed run ends no other, and frees its memory and device. It ends when its
    stdin closes, that is with its parent process.

    Parameters
    ----------
    folder
        The sweep.
    threads
        CPU threads of a run.
    device
        Replaces the device of the configuration; None keeps that.
    """

    def __init__(self, folder: SweepFolder, threads: int, device: str | None) -> None:
        logs = folder.path / "logs"
        make_folder(logs)
        self.folder = folder
        self.key = ""
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        self._log = logs / f"{socket.gethostname()}-{uuid.uuid4().hex[:6]}.log"
        with open(self._log, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(folder.path), str(threads), device or "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**environment(), **limits},
            )

    @property
    def answers(self) -> IO[str]:
        """Stream of answers; it ends with the worker."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def assign(self, key: str) -> None:
        """Send a job to the worker."""
        assert self._process.stdin is not None
        self.key = key
        with suppress(BrokenPipeError):  # it has ended, which `answer` notices
            self._process.stdin.write(key + "\n")
            self._process.stdin.flush()

    def answer(self) -> Answer | None:
        """Wait for the answer to the job; None where the worker has ended without one."""
        line = self.answers.readline()
        if line.endswith("\n"):
            answer: Answer = json.loads(line)
            return answer
        self._process.wait()
        break_lock(self.folder.lock(self.key), self.pid)
        return None

    def end(self) -> str:
        """Wait for the end of the worker, and describe it."""
        code = self._process.wait()
        if code >= 0:
            return f"its worker ended with exit code {code}"
        name = signal.Signals(-code).name
        return f"its worker was killed by {name}" + (", most likely for lack of memory" if name == "SIGKILL" else "")

    def close(self) -> None:
        """Kill the worker and its job."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(OSError):
                stream.close()
        break_lock(self.folder.lock(self.key), self.pid)
        if self._log.is_file() and not self._log.stat().st_size:
            self._log.unlink()


def record_killed(folder: SweepFolder, key: str, how: str) -> Answer:
    """Record a job as failed after `ATTEMPTS` workers have ended during it."""
    reason = f"{how}, {ATTEMPTS} times"
    folder.fail(key, reason, "killed")
    return {"key": key, "state": "failed", "reason": reason}
