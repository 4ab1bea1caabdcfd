"""The owner of a lock: a process, told apart from every other by machine, PID namespace, process id and start time."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock, as the file of the lock describes it.

    Attributes
    ----------
    host, process
        For messages. Containers may share a host name, and each counts its own processes.
    machine, namespace
        The boot of the machine and the PID namespace, in which `process` is valid; empty if unknown.
    started
        Start time of the process by the system's own count; a later process with the same id has another one.
    since
        UTC time of the lock, by the clock of the host.
    token
        Random; two locks of one process differ in it.
    """

    host: str
    process: int
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    machine: str = ""
    namespace: str = ""
    started: str = ""
    since: str = ""

    @classmethod
    def this_process(cls) -> Self:
        """This process, with a new token."""
        machine, namespace = _place()
        process = os.getpid()
        return cls(
            socket.gethostname(),
            process,
            machine=machine,
            namespace=namespace,
            started=_start_time(process) or "",
            since=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        )

    @classmethod
    def from_dict(cls, values: Any) -> Self | None:
        """The owner in a file of a lock; None where it describes none. Other fields are ignored."""
        if not isinstance(values, Mapping):
            return None
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        texts = [value for name, value in known.items() if name != "process"]
        if not {"host", "process", "token"} <= set(known) or not all(isinstance(text, str) for text in texts):
            return None
        return cls(**known) if isinstance(known["process"], int) else None

    def to_dict(self) -> dict[str, Any]:
        """Inverse of `from_dict`."""
        return asdict(self)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}" + (f", since {self.since}" if self.since else "")

    def is_alive(self) -> bool | None:
        """Whether the process runs; None where this process cannot see it: on another machine or in a container."""
        if not self.machine:  # a lock of an earlier version
            return False if self.host == socket.gethostname() and not process_exists(self.process) else None
        if (self.machine, self.namespace) != _place():
            return None
        return process_exists(self.process) and (not self.started or _start_time(self.process) in (self.started, None))


def process_exists(process: int) -> bool:
    """Whether this host has a process with this id, as this process sees it; maybe a later one with the same id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return _start_time(process) != ""


def signature() -> str:
    """Machine, PID namespace and id of this process, for names of its temporary files: `3f2a91c0-4711`."""
    return f"{sha256(repr(_place()).encode()).hexdigest()[:8]}-{os.getpid()}"


def is_of_dead_process(name: str) -> bool:
    """Whether a name begins with the `signature` of a process of this machine and namespace that no longer runs."""
    place = signature().rpartition("-")[0]
    found = re.match(rf"{place}-(\d+)\b", name)
    return found is not None and _place() != ("", "") and not process_exists(int(found[1]))


def _place() -> tuple[str, str]:
    """Machine and PID namespace of this process; empty where they cannot be known for certain."""
    try:
        if str(Path("/proc/self").readlink()) == str(os.getpid()):  # else /proc is that of another namespace
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(
                Path("/proc/self/ns/pid").readlink()
            )
    except OSError:
        pass
    address = uuid.getnode()
    is_random = bool(address >> 40 & 1)
    return ("", "") if sys.platform != "darwin" or is_random else (f"{address:012x}", "")


def _start_time(process: int) -> str | None:
    """Start of a process in clock ticks since boot; empty for a zombie, None where it cannot be read."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = status.rpartition(")")[2].split()
    return "" if values[0] in "ZX" else values[19]
