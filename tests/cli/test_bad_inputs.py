"""Every bad input: the documented exit code, an error in the house shape with a remedy that exists, nothing written."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from survembed.cli import main
from survembed.cli.train import make_command as make_train
from tests.cli.bad_files import CLOSED, permissions_hold
from tests.cli.bad_inputs import catalogue, make_world, random_cases
from tests.cli.case import Case, words
from tests.cli.command import Answer, survembed
from tests.conftest import ROOT
from tests.studies import write_rows

PAGE = ROOT / "docs" / "bad_inputs.md"
HEAD = """# Bad inputs

What the command line does with inputs that are wrong. Every error is on stderr, with the place, the valid input and a
remedy; stdout stays empty, and nothing is written. Exit codes: 2 usage, 3 plugin, 4 data, 5 run or state. The table is
made by `tests/cli/test_bad_inputs.py` from the inputs that it tries.

| input | tried | exit code | an example: what is expected, or the remedy |
|---|---|---|---|
"""
LONGEST = 20
"""Seconds after which an input is interrupted: it hangs."""
FIELDS = ("where", "expected", "try")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run on a table, and one on pictures."""
    folder = tmp_path_factory.mktemp("trained")
    write_rows(folder / "rows.csv")
    small = "--updates 2 --width 4 --latent-dim 2 --device cpu"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SURVEMBED_CACHE", str(folder.parent / f"{folder.name}-cache"))
        for line in (f"--data tabular --root rows.csv {small}", f"--data surv-digits --runs-dir pictures {small}"):
            with pytest.raises(SystemExit) as left:
                main.main(["train", "coxvae", *line.split()])
            assert not left.value.code
        yield folder


@pytest.fixture
def world(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with finished runs and every bad file."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (run,) = (tmp_path / "runs").glob("*/run.json")
    make_world(tmp_path, run.parent)
    yield tmp_path
    for name in CLOSED:
        (tmp_path / name).chmod(0o700)  # pytest removes them


def test_every_bad_input_has_its_error(world: Path, capsys: Capture) -> None:
    rows, violations, tried = [], [], 0
    for kind, cases in catalogue():
        shown = []
        for case in cases:
            answer = tried_case(capsys, world, case)
            tried += 1
            violations += [
                f"{' '.join(case.line)[:150]!r}: {problem}" for problem in problems(case.line, {case.code}, *answer)
            ]
            shown.append(remedy(answer[0].err))
        codes = "/".join(map(str, sorted({case.code for case in cases})))
        rows.append(f"| {kind} | {len(cases)} | {codes} | {_cell(next(filter(None, shown), ''))} |")
    assert not violations, f"{len(violations)} of {tried}:\n" + "\n".join(violations)
    assert tried >= 400
    text = HEAD + "\n".join(rows) + "\n"
    if os.environ.get("UPDATE_BAD_INPUTS"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "UPDATE_BAD_INPUTS=1 pytest tests/cli/test_bad_inputs.py writes it"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
def test_random_bad_inputs(seed: int, world: Path, capsys: Capture) -> None:
    """Each of 100 ends with 0 or a documented code, an error in the house shape, and no file of a failed command."""
    violations = []
    for case in random_cases(world, 100, seed):
        answer, written = tried_case(capsys, world, case)
        if answer.code:
            found = problems(case.line, {2, 3, 4, 5}, answer, written)
            violations += [f"{case.line!r} {case.environment}: {problem}" for problem in found]
    assert not violations, f"{len(violations)}:\n" + "\n".join(violations)


@pytest.mark.parametrize("line", ["plugins list --json", "train coxvae --help", "--version", "runs list"])
def test_a_full_disk_behind_stdout(line: str, world: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "survembed", *line.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert re.match(r"error: cannot write.*: No space left on device\n  where: ", done.stderr)


@pytest.mark.parametrize("line", ["train coxvae --help", "plugins list"])
def test_a_closed_stdout_is_quiet(line: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m survembed {line}"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}; {command} >&-; echo $?"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["0", "0"], "")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.h5"), 4, "cannot write a.h5: No space left on device"),
        (OSError(errno.EACCES, "Permission denied", "a.h5"), 4, "cannot use a.h5: Permission denied"),
        (MemoryError(), 5, "out of memory: an allocation failed"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes"),
            5,
            "out of memory: 4096 bytes cannot be allocated",
        ),
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has"),
            5,
            "out of memory: 2.50 GiB cannot be allocated",
        ),
    ],
)
def test_limits_of_the_machine(
    error: BaseException, code: int, text: str, world: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("survembed.workflows.training_run.fit", fail)
    line = words("train coxvae --data tabular --root rows.csv --updates 1 --width 4 --runs-dir new")
    answer, written = tried_case(capsys, world, Case(line, code))
    assert f"error: {text}\n" in answer.err
    assert not list(problems(line, {code}, answer, [path for path in written if not path.endswith("/new")]))
    assert ("--batch-size" in answer.err) == (code == 5)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """This process can allocate 4 GiB more."""
    limits, used = resource.getrlimit(resource.RLIMIT_AS), int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (used * resource.getpagesize() + 2**32, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux limits the memory of a process")
def test_an_allocation_that_fails(world: Path, capsys: Capture, little_memory: None) -> None:
    line = words("train coxvae --data tabular --root rows.csv --updates 1 --latent-dim 2000000000 --runs-dir new")
    answer, written = tried_case(capsys, world, Case(line, 5))
    assert not list(problems(line, {5}, answer, written))
    assert re.search(r"error: out of memory: [\d.]+ ?\w+ cannot be allocated", answer.err)


def _cell(text: str) -> str:
    return "`" + re.sub(r"\s+", " ", text).replace("|", "\\|").replace("`", "'")[:120] + "`"


def tried_case(capsys: Capture, world: Path, case: Case) -> tuple[Answer, list[str]]:
    """The answer, and the names of files that it made, changed or removed."""
    before = tree(world)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in case.environment.items():
            patch.setenv(name, value)
        state = (Path.cwd(), os.umask(0o22))
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.alarm(LONGEST)
        try:
            with permissions_hold():
                answer = survembed(capsys, *case.line)
        finally:
            signal.alarm(0)
        assert state == (Path.cwd(), os.umask(0o22))
    after = tree(world)
    return answer, sorted(path for path in {**before, **after} if before.get(path) != after.get(path))


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file and link; the latents of a run are kept for the next command."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            status = os.lstat(os.path.join(path, name))  # noqa: PTH118 - a thousand paths per case
            kept = name in folders and "runs/" in f"{path}/"
            found[f"{path}/{name}"] = (0, 0) if kept or name in folders else (status.st_size, status.st_mtime_ns)
    return {path: at for path, at in found.items() if not path.endswith(("latents.h5", "predictions.h5"))}


def problems(line: tuple[str, ...], codes: set[int], answer: Answer, written: list[str]) -> Iterator[str]:
    """What is wrong with an answer to a bad input."""
    if answer.code not in codes:
        yield f"exit code {answer.code}, not {codes}: {answer.err[-300:]!r}"
    if "Traceback" in answer.err or "bug in survembed" in answer.err:
        yield f"traceback: {answer.err[-300:]!r}"
    if answer.out and not _is_json(answer.out):
        yield f"stdout: {answer.out[:80]!r}"
    if written:
        yield f"written: {written[:4]}"
    start = re.search(r"^error: .+", answer.err, re.M)
    if not start:
        yield f"no error: {answer.err!r}"
        return
    following = answer.err[start.end() :].splitlines()[1:]
    if not all(re.match(rf"  ({'|'.join(FIELDS)}): +\S|    \S", each) for each in following):
        yield f"shape: {answer.err!r}"
    if not re.search(r"^  (expected|try):", answer.err, re.M):
        yield f"no remedy: {answer.err!r}"
    if re.search(r"\x1b|object at 0x|Errno", answer.err):
        yield f"text: {answer.err!r}"
    yield from _missing_flags(line, answer.err)


def remedy(err: str) -> str:
    """The remedy of an error, or what it expects."""
    found = dict(re.findall(r"^  (expected|try): +(.*)", err, re.M))
    return found.get("expected") or found.get("try", "")


def _missing_flags(line: tuple[str, ...], err: str) -> Iterator[str]:
    """Flags that an error proposes and its command does not have."""
    for text in re.findall(r"^  try: +(.*)", err, re.M):
        start = re.search(r"survembed [a-z].*", text)
        if text.startswith("pip "):
            continue
        typed = (start[0].partition(", ")[0] if start else "").split()
        command = typed[1:] if typed else [word for word in line if word]
        flags = _flags(command)
        if flags is None:
            if typed:
                yield f"try names no command: {text!r}"
            continue
        proposed = re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", text)
        wrong = [flag for flag in proposed if flag not in flags and flag != "--help"]
        if wrong and not any(word in line or f"{word}=" in " ".join(line) for word in wrong):
            yield f"try has no option {wrong}: {text!r}"


def _flags(command: list[str]) -> set[str] | None:
    """All flags of a command and its group; None if there is no such command."""
    if not command or command[0] not in main.COMMANDS:
        return None if command and command[0] != "--help" else set()
    found: Any = main.make_command(command[0], "survembed")
    flags = {flag for param in found.params for flag in (*param.opts, *param.secondary_opts)}
    if command[0] == "train" and len(command) > 1 and command[1] in ("coxvae", "vae", "deepsurv"):
        found = make_train(command[1], "survembed")
    elif len(command) > 1 and getattr(found, "commands", {}).get(command[1]):
        found = found.commands[command[1]]
    return flags | {flag for param in found.params for flag in (*param.opts, *param.secondary_opts)}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
