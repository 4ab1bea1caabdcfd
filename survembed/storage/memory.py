"""Main memory that this process may use, also inside a container or a batch job."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def free_memory() -> float:
    """Free bytes, with what the system gives back from its caches; 4 GB where the system does not report it."""
    machine = _meminfo("MemAvailable")
    if machine is None:
        with suppress(AttributeError, ValueError, OSError):
            machine = float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    return max(0.0, min([machine or 4e9, *(limit - used for limit, used in _control_groups())]))


def total_memory() -> float:
    """All bytes that this process can ever use, with swap space; infinite where the system does not report it."""
    machine = _meminfo("MemTotal")
    swap = _meminfo("SwapTotal") or 0.0
    if machine is None:
        with suppress(AttributeError, ValueError, OSError):
            machine = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    if machine is None:
        return float("inf")
    return swap + min([machine, *(limit for limit, _ in _control_groups())])


def _meminfo(name: str) -> float | None:
    with suppress(OSError):
        found = re.search(rf"^{name}:\s+(\d+) kB", (PROC / "meminfo").read_text(), re.MULTILINE)
        return 1024.0 * int(found[1]) if found else None
    return None


def _control_groups() -> Iterator[tuple[float, float]]:
    """Limit and use, in bytes, of each control group of this process that has a limit.

    Pages of files that the system can drop do not count as used. Version 1 and 2 name their files differently; inside a
    container the path of the group may only exist as the root of the mount.
    """
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names, droppable = CGROUPS, ("memory.max", "memory.current"), "inactive_file"
        elif "memory" in controllers.split(","):
            root, droppable = CGROUPS / "memory", "total_inactive_file"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        here = root / path.lstrip("/")
        for folder in (here, *here.parents):
            if not folder.is_relative_to(root):
                break
            with suppress(OSError, ValueError):  # ValueError: "max" is no limit
                limit, used = (float(int((folder / name).read_text())) for name in names)
                found = re.search(rf"^{droppable} (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE)
                yield limit, used - (float(found[1]) if found else 0.0)
