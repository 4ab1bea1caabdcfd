"""A worker that behaves like the real one and trains nothing: the first letter of a key says what becomes of it.

o: it is finished · f: it fails · k: its worker is killed, always · t: killed twice, then finished · s: finished slowly
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

from survembed.runs.jobs.job import SweepFolder
from survembed.storage.locks import lock


def work_on(folder: SweepFolder, key: str) -> dict[str, str]:
    with lock(folder.lock(key)) as ours:
        if folder.run(key).is_dir():
            return {"key": key, "state": "finished", "reason": ""}
        if not ours:
            return {"key": key, "state": "running", "reason": ""}
        started = folder.path / "started"
        started.mkdir(exist_ok=True)
        (started / f"{key} {uuid.uuid4().hex}").touch()
        starts = len(list(started.glob(f"{key} *")))
        if key[0] == "k" or (key[0] == "t" and starts <= 2):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.5 if key[0] == "s" else 0.02)
        if key[0] == "f":
            folder.fail(key, "training diverged", "RunError")
            return {"key": key, "state": "failed", "reason": "training diverged"}
        work = folder.job(key) / "work"
        work.mkdir(parents=True)
        (work / "run.json").write_text("{}")
        ended = folder.path / "ended"
        ended.mkdir(exist_ok=True)
        (ended / f"{key} {uuid.uuid4().hex}").touch()
        folder.publish(key, work)
        return {"key": key, "state": "finished", "reason": ""}


def main() -> None:
    keys = iter(sys.stdin)
    folder = SweepFolder(Path(sys.argv[1]))
    lines: list[str] = []
    ready = threading.Semaphore(0)

    def listen() -> None:
        for line in keys:
            lines.append(line.strip())
            ready.release()
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        ready.acquire()
        sys.stdout.write(json.dumps(work_on(folder, lines.pop(0))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
