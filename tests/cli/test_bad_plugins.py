"""Plugins that misbehave in a command: exit code 3 and their name, a result on stdout or nothing, no child left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.command import Answer, survembed, survembed_process
from tests.packages import add_package, component

SPAWN = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'{0}]{1})\n"
"""Starts a child of the plugin that outlives it."""

AT_IMPORT = {
    "os-exit": "import os; os._exit(0)",
    "sys-exit": "import sys; sys.exit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "base": "class Odd(BaseException): pass\nraise Odd('\\x1b[31mred')",
    "generator-exit": "raise GeneratorExit",
    "typer-exit": "import typer; raise typer.Exit(0)",
    "eof": "raise EOFError",
    "broken-pipe": "raise BrokenPipeError(32, 'Broken pipe')",
    "exec": "import os; os.execv('/bin/true', ['true'])",
    "hang": "import time; time.sleep(100)",
    "deaf": "import time\nwhile True:\n    try: time.sleep(100)\n    except BaseException: pass",
    "silent-error": "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
    "no-class": "Thing = 3",
    "no-component": "class Thing: pass",
    "text-version": component(body="api_version = '2'"),
    "true-version": component(body="api_version = True"),
    "array-version": "import numpy\n" + component(body="api_version = numpy.array([2, 2])"),
    "odd-summary": component(body="summary = classmethod(lambda cls: 3)"),
    "bad-summary": component(body="summary = classmethod(lambda cls: 1 / 0)"),
}
IN_BUILD = {
    "os-exit": "import os; os._exit(0)",
    "sys-exit": "raise SystemExit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "typer-exit": "import typer; raise typer.Exit(0)",
    "abort": "import typer; raise typer.Abort",
    "eof": "raise EOFError",
    "base": "raise GeneratorExit",
    "hang": "import time; time.sleep(100)",
    "nothing": "return None",
    "no-source": "return 3",
    "at-exit": "import os, atexit; atexit.register(os._exit, 0); return 3",
}
QUICK = {"SURVEMBED_PLUGIN_TIMEOUT": "2"}
Capture = pytest.CaptureFixture[str]


ENDING = {"os-exit", "exec", "deaf", "at-exit"}
"""Cases that could end this process."""


def asked(folder: Path, code: str, *line: str) -> Answer:
    add_package(folder, "odd-one", code, {"datasets": {"odd": "Thing"}})
    return survembed_process(*line, path=folder, environment=QUICK)


def prepared(name: str, code: str, folder: Path, capsys: Capture, patch: pytest.MonkeyPatch) -> Answer:
    """The answer of a command that uses the plugin, in this process where that is safe."""
    line = ("data", "prepare", "odd", "--json")
    if name in ENDING:
        return asked(folder, code, *line)
    module = add_package(folder, f"odd-one-{folder.name}", code, {"datasets": {"odd": "Thing"}})
    patch.syspath_prepend(folder)
    patch.setenv("SURVEMBED_PLUGIN_TIMEOUT", "0.3" if name == "hang" else "20")
    try:
        return survembed(capsys, *line)
    finally:
        sys.modules.pop(module, None)


@pytest.mark.parametrize("name", AT_IMPORT)
def test_a_plugin_that_fails_at_import(
    name: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = prepared(name, AT_IMPORT[name], tmp_path, capsys, monkeypatch)
    assert (answer.code, answer.out) == (3, ""), answer.err
    assert "odd-one" in answer.err.rpartition("error: ")[2]
    assert "\x1b" not in answer.err


@pytest.mark.parametrize("name", IN_BUILD)
def test_a_plugin_that_fails_in_build(
    name: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = component().replace("return arguments", IN_BUILD[name])
    answer = prepared(name, code, tmp_path, capsys, monkeypatch)
    assert (answer.code, answer.out) == (3, ""), answer.err
    assert "odd" in answer.err.rpartition("error: ")[2]
    assert "bug in survembed" not in answer.err


MODEL = """
from survembed.models import VAE

class Thing(VAE):
    '''A model that stops.'''
    def build(self, *arguments):
        model = super().build(*arguments)
        def forward(*_, **__):
            raise KeyboardInterrupt
        model.loss = forward
        return model
"""
FIT = """
from survembed.downstream import CoxPH

class Thing(CoxPH):
    '''A model that stops.'''
    def build(self, *arguments):
        class Stopping:
            def fit(self, *_, **__):
                raise KeyboardInterrupt
        return Stopping()
"""


def test_an_interrupt_of_a_plugin_while_it_works_is_not_ctrl_c(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    model = add_package(tmp_path / "packages", "odd-model", MODEL, {"models": {"odd": "Thing"}})
    fitted = add_package(tmp_path / "packages", "odd-fit", FIT, {"downstream": {"stopping": "Thing"}})
    small = "--data surv-digits --updates 1 --width 4 --latent-dim 2 --device cpu"
    try:
        answer = survembed(capsys, "train", "odd", *small.split())
        assert (answer.code, answer.out) == (3, ""), answer.err
        assert "error: odd-model 1.0 failed: KeyboardInterrupt" in answer.err
        assert survembed(capsys, "train", "coxvae", *small.split()).code == 0
        answer = survembed(capsys, "evaluate", "--downstream", "stopping", "--bootstrap", "0")
        assert (answer.code, answer.out) == (3, ""), answer.err
        assert "error: odd-fit 1.0 failed: KeyboardInterrupt" in answer.err
    finally:
        for module in (model, fitted):
            sys.modules.pop(module, None)


@pytest.mark.parametrize("place", ["import", "build"])
def test_ctrl_c_in_a_plugin_is_ctrl_c(place: str, tmp_path: Path) -> None:
    wait = f"open({str(tmp_path / 'began')!r}, 'w'); import time; time.sleep(300)"
    code = wait if place == "import" else component().replace("return arguments", wait)
    add_package(tmp_path, "odd-one", code, {"datasets": {"odd": "Thing"}})
    process = subprocess.Popen(
        [sys.executable, "-m", "survembed", "data", "prepare", "odd"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert until((tmp_path / "began").exists)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


def test_the_command_goes_on_as_it_was(tmp_path: Path) -> None:
    """A plugin prints, closes stdout, moves away and forks, and its texts have escapes: the result is JSON."""
    work = """
        import os, sys, locale, logging, warnings
        print('loud'); os.write(1, b'loud'); sys.stdout.close(); os.chdir('/'); os.umask(0)
        warnings.simplefilter('error'); logging.disable(50); sys.path.insert(0, '/nowhere'); os.fork()
        from tests.planted import Planted
        return Planted(kind='table').build()"""
    code = component("A \\x1b[31mred\\x07 thing.").replace(
        "return arguments", f"import sys; path = list(sys.path){work}"
    )
    code = code.replace("sys.path.clear()", "sys.path.insert(0, '/nowhere')")
    answer = asked(tmp_path, code, "data", "prepare", "odd", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["subjects"] > 0
    assert "loud" in answer.err


@pytest.mark.parametrize("code", [AT_IMPORT["os-exit"], AT_IMPORT["base"]])
def test_a_check_that_ends_early_is_no_success(code: str, tmp_path: Path) -> None:
    answer = asked(tmp_path, code, "plugins", "check", "odd", "--json")
    (row,) = json.loads(answer.out)
    assert (answer.code, row["result"]) == (3, "failed")
    listed = survembed_process("plugins", "list", "--kind", "datasets", "--json", path=tmp_path)
    assert [row["state"] for row in json.loads(listed.out) if row["name"] == "odd"] == ["broken"]


def test_escapes_do_not_reach_the_terminal(tmp_path: Path) -> None:
    body = "pick: int = option(1, help='a \\x1b]0;title\\x07 help')"
    code = component("A \\x1b[31mred\\x9b thing.", body)
    add_package(tmp_path, "odd-one", code, {"models": {"od\x1b[1md": "Thing"}})
    for line in ("plugins show od[1md", "train --help", "train od[1md --help", "train od\x1b[1m"):
        answer = survembed_process(*line.split(), path=tmp_path)
        assert not {"\x1b", "\x07", "\x9b"} & set(answer.out + answer.err), line


def test_an_import_leaves_the_process_alone(tmp_path: Path) -> None:
    answer = asked(tmp_path, "import shutil; shutil.which = print\n" + component(), "plugins", "check", "odd", "--json")
    (row,) = (row for row in json.loads(answer.out) if row["check"] == "light")
    assert (row["result"], "changes shutil.which" in row["reason"]) == ("failed", True)


@pytest.mark.parametrize(
    ("ending", "start"),
    [(signal.SIGTERM, ", start_new_session=True"), (signal.SIGKILL, ""), (signal.SIGINT, ", start_new_session=True")],
)
def test_no_child_outlives_a_check(ending: signal.Signals, start: str, tmp_path: Path) -> None:
    mark = f"'mark-{tmp_path.name}-{ending}'"
    code = SPAWN.format(f", {mark}", start) + f"open({str(tmp_path / 'began')!r}, 'w')\nimport time; time.sleep(300)"
    add_package(tmp_path, "odd-one", code, {"datasets": {"odd": "Thing"}})
    process = subprocess.Popen(
        [sys.executable, "-m", "survembed", "plugins", "check", "odd"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert until((tmp_path / "began").exists)
    process.send_signal(ending)
    assert process.wait(20) != 0
    assert until(lambda: not processes_with(mark.strip("'")))


def test_output_without_end_is_kept_short(tmp_path: Path) -> None:
    code = "import sys\nfor _ in range(100): sys.stderr.write('x' * 10**6 + '\\n')\nraise ValueError('y' * 10**6)"
    answer = asked(tmp_path, code, "plugins", "check", "odd", "--json")
    assert answer.code == 3
    assert len(answer.out + answer.err) < 5000


def until(condition: object) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def processes_with(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if mark.encode() in words and b"time.sleep" in words:
            found.append(path.parent.name)
    return found
