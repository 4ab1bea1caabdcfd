"""Help: complete, from the components, and light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from survembed.cli.main import COMMANDS, make_command
from survembed.models import CoxVAE
from survembed.training.options import SplitOptions, TrainOptions
from tests.cli.command import survembed

HEAVY = (
    "torch",
    "numpy",
    "pandas",
    "h5py",
    "scipy",
    "sklearn",
    "sksurv",
    "matplotlib",
    "nibabel",
    "survembed.workflows",
)

PROBE = """
import sys
from survembed.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    print("LOADED", *sys.modules)
"""


def modules_after(*arguments: str) -> set[str]:
    """What a command has imported when it ends."""
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "train --help",
        "train coxvae --help",
        "evaluate --help",
        "train coxvae --data surv-digits --dry-run",
        "train coxvea",
        "plugins list",
        "runs list",
    ],
)
def test_light(line: str) -> None:
    loaded = modules_after(*line.split())
    assert "survembed.cli.main" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("line", ["--help", "train --help", "plugins --help", "data --help", "evaluate --help"])
def test_help_needs_not_even_pydantic(line: str) -> None:
    assert not modules_after(*line.split()) & {"pydantic", "survembed.registry.component", "survembed.models"}


def test_help_leaves_out_what_of_rich_it_does_not_need_and_leaves_it_to_others() -> None:
    loaded = modules_after("train", "--help")
    assert "typer.rich_utils" in loaded
    assert not loaded & {"rich.markdown", "rich.traceback", "markdown_it", "pygments"}
    imports = "from survembed.cli.lazy_group import import_help; import_help(); from rich.markdown import Markdown"
    code = f"{imports}; Markdown('*x*')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_the_command_that_runs_is_imported() -> None:
    loaded = {name for name in modules_after("runs", "--help") if name.removeprefix("survembed.cli.") in COMMANDS}
    assert loaded == {"survembed.cli.runs"}


def test_commands_in_the_order_of_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    out = survembed(capsys, "--help").out
    places = [out.index(f"│ {name} ") for name in ("data", "train", "embed", "traverse", "evaluate", "runs", "plugins")]
    assert places == sorted(places)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says(name: str) -> None:
    assert make_command(name, "").help.partition("\n\n")[0].replace("\n", " ") == COMMANDS[name]


def test_every_option_of_a_model_is_a_flag(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    answer = survembed(capsys, "train", "coxvae", "--help")
    assert answer.code == 0
    others = ("seed", "device", "data", "root", "clinical", "skip-bad", "dry-run", "json")
    for name in (*CoxVAE.model_fields, *TrainOptions.model_fields, *others):
        assert f"--{name.replace('_', '-')} " in answer.out
    for name in SplitOptions.model_fields:
        assert f"--split-{name.replace('_', '-')} " in answer.out
    for text in ("Model ─", "Network ─", "Training ─", "[0<=x<=1]", "[default: 0.2]", "<batch|group|none>"):
        assert text in answer.out
    assert (CoxVAE.__doc__ or "").split(".")[0] in answer.out


def test_models_are_listed_with_their_summary(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert f"coxvae    {CoxVAE.summary()}" in survembed(capsys, "train", "--help").out
