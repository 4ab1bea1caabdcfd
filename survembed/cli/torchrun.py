"""Training in several processes: torchrun runs the same command line in each of them."""

from __future__ import annotations

import os
import shlex
import sys

from survembed.cli.console import say
from survembed.cli.interrupts import INTERRUPTED
from survembed.errors import UsageError
from survembed.storage.cores import available_cores

RESTARTS = 3
"""How often torchrun restarts all processes after one has failed."""


def launch(n_processes: int, command_line: str) -> None:
    """Run `command_line` in `n_processes` under torchrun, then exit; return in each of these processes, and for 1.

    Raises
    ------
    UsageError
        When torchrun has started a number of processes other than `n_processes`.
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


def _run(n_processes: int, arguments: list[str]) -> int:
    """Exit code of `n_processes` of `survembed ARGUMENTS`: that of the first process that fails, if any."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import get_args_parser, run

    os.environ["PYTHONSAFEPATH"] = "1"  # a worker imports nothing from the working directory
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // n_processes)))
    # Without SIGINT, which Ctrl-C sends to the workers, too: torchrun would send it again, and the second one aborts.
    os.environ.setdefault("TORCHELASTIC_SIGNALS_TO_HANDLE", "SIGTERM,SIGHUP,SIGQUIT")
    own = ["--standalone", "--nproc-per-node", str(n_processes), "--max-restarts", str(RESTARTS), "-m", "survembed"]
    options = get_args_parser().parse_args(own)
    options.training_script_args = arguments  # not parsed with the others: torchrun would take --nproc for its own
    try:
        run(options)
    except ChildFailedError as error:
        return next(iter(error.failures.values())).exitcode
    except SignalException as received:  # the workers have received it from torchrun, and the first has printed the run
        say(f"stopped by {received.sigval.name}")
        return INTERRUPTED
    return 0
