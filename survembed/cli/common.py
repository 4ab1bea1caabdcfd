"""Options that several commands share, and how a command finds its run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed import registry
from survembed.cli.console import say

if TYPE_CHECKING:
    from survembed.registry.component import Component
    from survembed.runs.run import Run


def names_of(kind: str) -> list[str]:
    """Names for shell completion; nothing is imported for them."""
    return registry.names(kind)


def ids_of_runs(ctx: typer.Context) -> list[str]:
    """Ids for shell completion, from the names of folders."""
    folder = Path(ctx.params.get("runs_dir") or "runs")
    return sorted(path.parent.name for path in folder.glob("*/run.json"))


AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Folder of all runs.")]
RunName = Annotated[
    str | None,
    typer.Option(
        "--run",
        envvar="SURVEMBED_RUN",
        show_envvar=True,
        help="Id, unique prefix or path of a run; the latest finished one where not given.",
        autocompletion=ids_of_runs,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file with options; paths inside are relative to the working directory."),
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any option by its dotted key; may be repeated.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print every resolved value and where it came from; do nothing.")
]
Clinical = Annotated[
    Path | None, typer.Option("--clinical", help="Clinical table; the only one in root where not given.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out subjects with a problem; they are named.")]
Root = Annotated[Path | None, typer.Option("--root", help="Folder or file that the dataset reads.")]
DEFAULT_RUNS_DIR = Path("runs")


def sign(command: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> None:
    """Give a function that takes `**values` the parameters of which Typer makes its options."""
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect


def chosen_run(name: str | None, runs_dir: Path, ability: str | None = None) -> Run:
    """The run to act on; says on stderr which one it is.

    Parameters
    ----------
    name
        What the user typed; None for the latest finished one.
    runs_dir
        Folder of all runs.
    ability
        `decode` or `hazard`: what the run's model must be able to do.
    """
    from survembed.runs.run import Runs

    run = Runs(runs_dir).find(name, ability=ability)
    say(f"run {run.id} ({run.model} on {run.dataset})")
    return run


def configured_dataset(
    command: str,
    name: str,
    given: Mapping[str, Path | bool | None],
    config: Path | None,
    assignments: list[str] | None,
) -> Component:
    """A dataset with its options from all sources.

    Parameters
    ----------
    command
        The command line, for errors.
    name
        The dataset.
    given
        Values of flags by option: `skip_bad` of `--skip-bad`; None where not given.
    config, assignments
        Of `--config` and `--set`.
    """
    from survembed.runs.settings import Setting, Settings

    flags = {
        f"data.{key}": Setting(value, f"--{key.replace('_', '-')}", command)
        for key, value in given.items()
        if value is not None
    }
    settings = Settings.gather(config=config, assignments=assignments or (), flags=flags, command=command)
    return settings.component("data", f"dataset {name}", registry.load("datasets", name, where=command))
