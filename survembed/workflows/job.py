"""One job of a sweep: trained under its lock, and published or recorded as failed.

`python -m survembed.workflows.job SWEEP THREADS DEVICE` is a worker. It reads keys from stdin, one per line, and writes
one line of JSON to stdout for each. It ends when its stdin closes, that is with its parent process.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
from pathlib import Path

from survembed.errors import SurvembedError
from survembed.runs.jobs.job import SweepFolder
from survembed.storage.locks import lock

KEEP_DEVICE = "-"
"""Argument DEVICE for the device of the configuration."""

COMPLETED = ("completed", "stopped early")
"""Ends of a training that make a finished run; a run that was interrupted or terminated is not in Table 1."""


def work_on(folder: SweepFolder, key: str, device: str | None = None) -> dict[str, str]:
    """Train the run of a job, unless it is finished or another worker has the job.

    Parameters
    ----------
    folder, key
        The sweep and the job.
    device
        Replaces the device of the configuration.

    Returns
    -------
    `key`, `state` (`finished`, `failed`, or `running` where another worker has the job) and `reason`.
    """
    with lock(folder.lock(key)) as ours:
        if folder.run(key).is_dir():
            return {"key": key, "state": "finished", "reason": ""}
        if not ours:
            return {"key": key, "state": "running", "reason": "another worker has it"}
        try:
            _train(folder, key, device)
        except SurvembedError as error:
            folder.fail(key, error.message, type(error).__name__)
        except MemoryError as error:
            folder.fail(key, f"out of memory: {error}", "MemoryError")
        except Exception as error:  # one bad run must not end the sweep; the log beside it holds the traceback
            import traceback

            traceback.print_exc()
            folder.fail(key, f"{type(error).__name__}: {error}".splitlines()[0], type(error).__name__)
        reason = folder.reason(key)
        return {"key": key, "state": "failed" if reason else "finished", "reason": reason}


def _train(folder: SweepFolder, key: str, device: str | None) -> None:
    from dataclasses import replace

    from survembed.errors import RunError
    from survembed.runs.configuration import TrainConfig
    from survembed.workflows.train import train

    config = TrainConfig.from_dict(folder.config(key))
    if device:
        config = replace(config, device=device)
    work = folder.job(key) / "work"
    shutil.rmtree(work, ignore_errors=True)  # left by a killed worker
    run = train(config, runs_dir=work, name=key)
    end = run.record["outcome"]["end"]
    if end not in COMPLETED:
        raise RunError(f"the training was {end} before it completed", where=str(run.path), try_="--retry")
    folder.publish(key, run.path)
    shutil.rmtree(work, ignore_errors=True)


def main(arguments: list[str]) -> None:
    """The worker."""
    sweep, threads, device = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    keys: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            keys.put(line.strip())
        os._exit(0)

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # output of components does not mix with the answers
    threading.Thread(target=listen, daemon=True).start()

    import torch

    torch.set_num_threads(int(threads))
    folder = SweepFolder(Path(sweep))
    while True:
        answer = work_on(folder, keys.get(), None if device == KEEP_DEVICE else device)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
