"""Several processes for one training: this very command line again, under torchrun."""

from __future__ import annotations

import os
import shlex
import sys

from survembed.errors import UsageError
from survembed.storage.cores import available_cores

RESTARTS = 3
"""How often torchrun starts all processes again after one was lost."""


def launch(n_processes: int, command_line: str) -> None:
    """Leave as torchrun with `n_processes` of `command_line`; returns only where this is one of them, or for 1.

    Raises
    ------
    UsageError
        When torchrun has started another number of processes than asked for.
    """
    from survembed.training.processes import launched

    if launched():
        started = int(os.environ["WORLD_SIZE"])
        if n_processes not in (1, started):
            raise UsageError(f"torchrun started {started} processes", where=f"--nproc {n_processes}", try_="no --nproc")
        return
    if n_processes == 1:
        return
    sys.exit(_run(n_processes, shlex.split(command_line)[1:]))


def _run(n_processes: int, words: list[str]) -> int:
    """Exit code of `n_processes` of `survembed WORDS`: that of the first to fail, where one does."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import get_args_parser, run

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // n_processes)))
    own = ["--standalone", "--nproc-per-node", str(n_processes), "--max-restarts", str(RESTARTS), "-m", "survembed"]
    options = get_args_parser().parse_args(own)
    options.training_script_args = words  # not parsed with the others: torchrun would take --nproc for its own
    try:
        run(options)
    except ChildFailedError as error:
        return next(iter(error.failures.values())).exitcode
    return 0
