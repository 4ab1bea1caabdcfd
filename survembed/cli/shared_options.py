"""Options that several commands share, and the selection of the run that a command uses."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from survembed import registry
from survembed.cli.console import say

if TYPE_CHECKING:
    from survembed.registry.component import Component
    from survembed.runs.run import Run


def names_of(kind: str) -> list[str]:
    """Names for shell completion; no component is imported."""
    return registry.names(kind)


def ids_of_runs(ctx: typer.Context) -> list[str]:
    """Ids for shell completion, from the names of the run folders."""
    folder = Path(ctx.params.get("runs_dir") or "runs")
    return sorted(path.parent.name for path in folder.glob("*/run.json"))


DEFAULT_RUNS_DIR = Path("runs")
LARGEST_SEED = 2**32 - 1
"""As in `survembed.registry.component`, which help must not import."""
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Folder that contains all runs.")]
RunName = Annotated[
    str | None,
    typer.Option(
        "--run",
        envvar="SURVEMBED_RUN",
        show_envvar=True,
        help="Run to use: its id, a unique prefix of the id, or its path. Default: the latest finished run.",
        autocompletion=ids_of_runs,
    ),
]
Cause = Annotated[
    str | None,
    typer.Option(
        "--cause",
        metavar="NAME",
        help="Competing cause whose hazard is shown, by name or number. Default: the hazard of any event.",
    ),
]
ShownChannel = Annotated[
    str | None,
    typer.Option(
        "--channel", metavar="NAME", help="Image channel shown under the lesions, such as pet. Default: the first."
    ),
]
Device = Annotated[str, typer.Option("--device", help="Device for computations: auto, cpu, cuda, cuda:1 or mps.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="TOML file with options, or folder of a run, whose options are used. Paths in it are relative to the "
        "working directory.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any option by its dotted key. Can be repeated."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print each option with its value and source, then exit.")]
Clinical = Annotated[
    Path | None, typer.Option("--clinical", help="Table of clinical data. Default: the only table in the root folder.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Exclude subjects with invalid data and list them.")]
Root = Annotated[Path | None, typer.Option("--root", help="Folder or file that contains the dataset.")]
Downstream = Annotated[
    list[str] | None,
    typer.Option(
        "--downstream",
        help="Name of a downstream model. Can be repeated. Default: all installed models.",
        autocompletion=lambda: names_of("downstream"),
    ),
]
Bootstrap = Annotated[
    int,
    typer.Option(
        "--bootstrap", min=0, max=1_000_000, help="Bootstrap resamples of the test subjects per interval; 0 for none."
    ),
]
CovariateValues = Annotated[
    list[str] | None,
    typer.Option(
        "--covariate",
        metavar="NAME=VALUE",
        help="A covariate of a clinical + image model, such as age=63. Repeatable. Default: the reference subject.",
    ),
]
NewCt = Annotated[Path | None, typer.Option("--ct", help="CT image, NIfTI.")]
NewMask = Annotated[
    Path | None,
    typer.Option("--mask", help="Label map of the CT, NIfTI. Without --ct for cohorts that consist of masks only."),
]
NewFolder = Annotated[
    Path | None,
    typer.Option(
        "--folder", help="Folder with the files of one subject: DICOM CT and SEG, or NIfTI files named by content."
    ),
]
NewImage = Annotated[Path | None, typer.Option("--image", help="2-D image: PNG or .npy.")]
Horizons = Annotated[
    str | None,
    typer.Option(
        "--horizons",
        metavar="T1,T2,…",
        help="Times of AUC, calibration and net benefit, such as 365,1095,1825, in the unit of the durations. Default: "
        "the quarters of the time grid.",
    ),
]
StartSubject = Annotated[
    str | None,
    typer.Option("--from", metavar="SUBJECT", help="Start at the latents of this subject. Default: start at zero."),
]


def finite(number: float) -> float:
    """Callback of an option: refuse infinity and NaN."""
    if not math.isfinite(number):
        raise typer.BadParameter("a finite number")
    return number


def output_file(path: Path | None) -> Path | None:
    """Callback of an option: refuse a file that cannot be written, before the work."""
    from survembed.storage.files import require_writable

    if path is not None:
        require_writable(path)
    return path


def output_folder(path: Path | None) -> Path | None:
    """Callback of an option: refuse a folder in which no file can be written, before the work."""
    from survembed.storage.files import require_writable

    if path is not None:
        require_writable(path, as_folder=True)
    return path


OutFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", callback=output_folder, help="Folder for the output files. Default: a folder inside the run."
    ),
]


def parse_horizons(text: str | None) -> tuple[float, ...]:
    """The horizons that a user typed; none for the default."""
    from survembed.survival.horizons import parse_horizons as parse

    return parse(text) if text is not None else ()


@dataclass(frozen=True)
class DatasetRequest:
    """Options of the commands that read a dataset, as typed."""

    root: Root = None
    clinical: Clinical = None
    skip_bad: SkipBad = False
    config: Config = None
    assignments: Assignments = None

    def component(self, name: str, command_line: str) -> Component:
        """The dataset `name` with its options from all sources; `command_line` is for errors."""
        from survembed.runs.settings import Setting, Settings

        typed = {"root": self.root, "clinical": self.clinical, "skip_bad": self.skip_bad or None}
        flags = {
            f"data.{key}": Setting(value, f"--{key.replace('_', '-')}", command_line)
            for key, value in typed.items()
            if value is not None
        }
        settings = Settings.gather(
            config=self.config, assignments=self.assignments or (), flags=flags, command=command_line
        )
        return settings.component("data", f"dataset {name}", registry.load("datasets", name, where=command_line))


def set_parameters(command: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> None:
    """Give a function that takes `**values` the parameters from which Typer makes its options."""
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect


def with_options_of(request_type: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command `work(ctx, ..., request, ...)`: each field of `request_type` becomes an option of it."""
    shared_hints = get_type_hints(request_type, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY

    def decorate(work: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(work, include_extras=True, localns={request_type.__name__: request_type})
        parameters = [each.replace(annotation=hints[each.name]) for each in inspect.signature(work).parameters.values()]
        (name,) = (each.name for each in parameters if each.annotation is request_type)
        shared = [
            inspect.Parameter(each.name, keyword, default=each.default, annotation=shared_hints[each.name])
            for each in fields(request_type)
        ]
        own = [each.replace(kind=keyword) for each in parameters[1:] if each.name != name]

        def command(ctx: typer.Context, **values: Any) -> None:
            request = request_type(**{each.name: values.pop(each.name) for each in fields(request_type)})
            work(ctx, **{name: request}, **values)

        command.__doc__, command.__name__ = work.__doc__, work.__name__
        set_parameters(command, [parameters[0], *own, *shared])
        return command

    return decorate


def chosen_run(name: str | None, runs_dir: Path, ability: str | None = None) -> Run:
    """The run that a command uses; its id is printed on stderr.

    Parameters
    ----------
    name
        Id, prefix or path as typed; None for the latest finished run.
    runs_dir
        Folder of all runs.
    ability
        `decode` or `hazard`: what the model of the run must be able to do.
    """
    from survembed.runs.run import Runs

    runs = Runs(runs_dir)
    run = runs.find(name, ability=ability)
    if runs.damaged:
        say(f"warning: the newest whole run is used, because {runs.damaged}")
    say(f"run {run.id} ({run.model} on {run.dataset})")
    return run
