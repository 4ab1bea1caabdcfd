"""`survembed`: every command, each in the file of its name."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from survembed import __version__
from survembed.cli import completion
from survembed.cli.failures import exit_code_of
from survembed.cli.lazy import import_help, lazy_group

COMMANDS = {
    "data": "List datasets; check, segment, prepare and show their subjects.",
    "train": "Train a model on a dataset.",
    "embed": "Embed the subjects of a run's cohort; latents that are still right are kept.",
    "traverse": "Draw what a run decodes along its latent dimensions, or along the hazard.",
    "explore": "Explore a run by hand: a local page with a slider for each latent dimension. Ctrl-C ends it.",
    "predict": "Predict hazard and survival of a new scan, picture or table, and say what drives it and whether to "
    "trust it.",
    "explain": "Show a subject at lower and at higher risk: its own image, moved along the hazard.",
    "evaluate": "Fit survival models on the latents of the training part and score them on the test part.",
    "importance": "Show weight, hazard ratio, stability over seeds and correlates of each latent dimension.",
    "figure": "Draw a figure of a run, of several runs, or of a sweep, as PNG and PDF.",
    "report": "Write one self-contained HTML file about a run or a sweep: data, scores, figures, checklist, model "
    "card.",
    "sweep": "Train models over tau, seeds and folds; what is done already stays done.",
    "benchmark": "Train the paper's models over folds and seeds, and print its Table 1 with intervals and baselines.",
    "tau": "Train over values of tau and recommend one, from C, IBS, reconstruction and order of the latent space.",
    "runs": "List runs, or show one.",
    "plugins": "List components, ours and those of other packages; show, check or begin one.",
}
"""Every command with the first line of its help, in the order in which a study needs them.

The lines stand here, too, so that `survembed --help` need not import every command; a test holds them to its own.
"""


def make_command(name: str, command_line: str) -> Any:
    """The command of a name: the group `app`, or the function of that name, in the file of that name."""
    if name not in COMMANDS:
        return None
    module = import_module(f"survembed.cli.{name}")
    group = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(add_completion=False)
        group.command(name)(getattr(module, name))
    return get_command(group)


app = typer.Typer(
    name="survembed",
    cls=lazy_group(lambda: COMMANDS, COMMANDS.__getitem__, make_command),
    help="Survival-oriented embeddings: train, embed, traverse and evaluate; every command acts on the latest run.",
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
    if "--help" in given and not completion.asked():
        if arguments is None:  # the process is ours, and soon over
            gc.disable()
        import_help()

    def work() -> object:
        return command.main(given, prog_name="survembed", standalone_mode=False, obj=line)

    if completion.asked():
        completion.quietly(work)
    sys.exit(exit_code_of(work, line))
