"""`survembed`: every command, each in the file of its name."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated

import typer
from typer.main import get_command

from survembed import __version__
from survembed.cli import (
    benchmark,
    completion,
    data,
    embed,
    evaluate,
    explain,
    explore,
    figure,
    importance,
    plugins,
    predict,
    report,
    runs,
    sweep,
    tau,
    train,
    traverse,
)
from survembed.cli.failures import exit_code_of
from survembed.cli.lazy import MainGroup

app = typer.Typer(
    name="survembed",
    cls=MainGroup,
    help="Survival-oriented embeddings: train, embed, traverse and evaluate; every command acts on the latest run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(train.app, name="train")
app.command()(embed.embed)
app.command()(traverse.traverse)
app.command()(predict.predict)
app.command()(explain.explain)
app.command()(explore.explore)
app.command()(evaluate.evaluate)
app.command()(importance.importance)
app.command()(figure.figure)
app.command()(report.report)
app.command()(sweep.sweep)
app.command()(benchmark.benchmark)
app.command()(tau.tau)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"survembed {__version__}")
        raise typer.Exit


@app.callback()
def survembed(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Survival-oriented embeddings: train, embed, traverse and evaluate; every command acts on the latest run."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    arguments
        After the program's name; those of the process where not given.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # pydantic fails on damaged metadata of any package
    given = sys.argv[1:] if arguments is None else arguments
    line = shlex.join(["survembed", *given])
    command = get_command(app)

    def work() -> object:
        return command.main(given, prog_name="survembed", standalone_mode=False, obj=line)

    sys.exit(completion.quietly(work) if completion.asked() else exit_code_of(work, line))
