"""The command `survembed` with all its commands; each is in the module of its name."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from survembed import __version__
from survembed.cli import completion
from survembed.cli.app import App
from survembed.cli.console import flush_stdout
from survembed.cli.error_messages import exit_code_of
from survembed.cli.interrupts import INTERRUPTED, end_interrupted
from survembed.cli.lazy_group import import_help, lazy_group
from survembed.registry.foreign_code import command_running

COMMANDS = {
    "data": "List datasets; check, segment, prepare and show them.",
    "train": "Train a model on a dataset.",
    "embed": "Compute the latents of the cohort of a run, or with --root of another; up-to-date latents are reused.",
    "traverse": "Draw the images that a run decodes along its latent dimensions or along the hazard.",
    "explore": "Open a local web page with a slider for each latent dimension of a run. Ctrl-C stops it.",
    "predict": "Predict hazard and survival for a new scan, image or table, with the contribution of each latent "
    "dimension.",
    "explain": "Show how the image of a subject, or of a new scan, changes towards lower and higher hazard.",
    "evaluate": "Fit survival models on the latents of the training part and evaluate them on the test part.",
    "importance": "Show weight, hazard ratio, stability over seeds and correlates of each latent dimension.",
    "figure": "Draw a figure of a run, of several runs, or of a sweep, as PNG and PDF.",
    "report": "Write one self-contained HTML file about a run or a sweep: data, scores, figures, checklist, model "
    "card.",
    "sweep": "Train models over values of tau, seeds and folds; finished runs are not trained again.",
    "benchmark": "Train models over folds and seeds and print Table 1 of the paper, with intervals and baselines.",
    "tau": "Train with several values of tau and recommend one, by discrimination, error and reconstruction.",
    "runs": "List, show, compare and delete runs, or exchange them as archives.",
    "plugins": "List components, including those of other packages; show, check or create one.",
}
"""Each command with the first line of its help, in the order of a study.

The lines are repeated here so that `survembed --help` does not import the commands; a test compares them.
"""


def make_command(name: str, command_line: str) -> Any:
    """The command `name`: the group `app` or the function `name` in the module `name`."""
    if name not in COMMANDS:
        return None
    module = import_module(f"survembed.cli.{name}")
    group = getattr(module, "app", None)
    if group is None:
        group = App(add_completion=False)
        group.command(name)(getattr(module, name))
    return get_command(group)


app = App(
    name="survembed",
    cls=lazy_group(lambda: COMMANDS, COMMANDS.__getitem__, make_command),
    help="Survival analysis of images by variational autoencoders. Commands use the latest run by default.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
    """Survival analysis of images by variational autoencoders. Commands use the latest run by default."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its exit code.

    Parameters
    ----------
    arguments
        Arguments after the name of the program; None for those of the process.
    """
    os.environ.setdefault(
        "PYDANTIC_DISABLE_PLUGINS", "__all__"
    )  # pydantic fails if the metadata of any package is damaged
    given = sys.argv[1:] if arguments is None else arguments
    line = shlex.join(["survembed", *given])
    command = get_command(app)
    if "--help" in given and not completion.requested():
        if arguments is None:  # the process ends after printing
            gc.disable()
        import_help()

    if completion.requested():
        completion.complete_and_exit(lambda: command.main(given, prog_name="survembed", obj=line))

    def work() -> object:
        try:
            with command.make_context("survembed", list(given), obj=line) as context:
                result = command.invoke(context)
        except typer.Exit:  # after help
            flush_stdout()
            raise
        flush_stdout()
        return result

    with command_running(divert="--help" not in given):
        code = exit_code_of(work, line)
    if arguments is None:  # the work is done, and Ctrl-C cannot change the exit code while Python ends
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if code == INTERRUPTED:
            end_interrupted()
    sys.exit(code)
