"""One cell of a sweep: trained under its lock and published, or recorded as failed.

`python -m survembed.workflows.job SWEEP THREADS DEVICE` is a worker: keys come in on stdin, one a line, and for each
goes out one line of JSON on stdout. When stdin ends, its master has ended, and so does the worker, at once.
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
"""In place of a device: the one that the configuration names."""


def work_on(folder: SweepFolder, key: str, device: str | None = None) -> dict[str, str]:
    """Train a cell unless that is done, or being done.

    Parameters
    ----------
    folder, key
        The sweep and the cell.
    device
        In place of the configuration's.

    Returns
    -------
    `key`, `state` (`finished`, `failed`, or `running` where another holds the cell) and `reason`.
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
    room = folder.cell(key) / "work"
    shutil.rmtree(room, ignore_errors=True)  # what a killed worker left
    run = train(config, runs_dir=room, name=key)
    if run.record["outcome"]["end"] == "interrupted":
        raise RunError("interrupted")
    folder.publish(key, run.path)
    shutil.rmtree(room, ignore_errors=True)


def main(arguments: list[str]) -> None:
    """The worker."""
    sweep, threads, device = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the master's to answer
    keys: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            keys.put(line.strip())
        os._exit(0)

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a component prints can mix with the answers
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
