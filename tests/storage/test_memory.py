"""Free and total memory: of the machine, and of the control groups of containers and batch jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from survembed.storage import memory

KB_FREE, KB_ALL, KB_SWAP = 8_000_000, 16_000_000, 1_000_000


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(
        f"MemTotal: {KB_ALL} kB\nMemFree: 12 kB\nMemAvailable:  {KB_FREE} kB\nSwapTotal: {KB_SWAP} kB\n"
    )
    return tmp_path


def group(folder: Path, limit: str, used: int, inactive: int, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"), 2: ("memory.max", "memory.current")}[version]
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"cache 5\ninactive_file {inactive}\ntotal_inactive_file {inactive}\n")


def test_without_control_groups_it_is_the_machines(machine: Path) -> None:
    assert memory.free_memory() == 1024 * KB_FREE
    assert memory.total_memory() == 1024 * (KB_ALL + KB_SWAP)


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_group_counts_without_files_that_can_be_dropped(machine: Path, version: int) -> None:
    lines = {1: "5:cpu,cpuacct:/\n4:hugetlb,memory:/job/step\n0::/\n", 2: "0::/job/step\n"}[version]
    root = machine / ("cgroup/memory" if version == 1 else "cgroup")
    (machine / "proc/self/cgroup").write_text(lines)
    group(root, str(2**63 - 4096) if version == 1 else "max", 7, 0, version)
    group(root / "job", "4000000000", 3_000_000_000, 1_500_000_000, version)
    group(root / "job/step", "max" if version == 2 else str(2**63 - 4096), 1, 0, version)
    assert memory.free_memory() == 2_500_000_000
    assert memory.total_memory() == 4_000_000_000 + 1024 * KB_SWAP


def test_a_container_sees_its_group_as_the_root(machine: Path) -> None:
    (machine / "proc/self/cgroup").write_text("0::/docker/0123\n")
    group(machine / "cgroup", "1000000000", 1_200_000_000, 0, 2)
    assert memory.free_memory() == 0
    assert memory.total_memory() == 1_000_000_000 + 1024 * KB_SWAP


def test_this_machine_has_memory() -> None:
    assert 1e7 < memory.free_memory() <= memory.total_memory()
