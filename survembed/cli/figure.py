"""`survembed figure`: figures of a run, of several runs, or of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from survembed.cli.console import say, show_json, show_lines
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Assignments,
    Bootstrap,
    Config,
    Device,
    Horizons,
    RunsDir,
    ShownChannel,
    ids_of_runs,
    names_of,
    output_folder,
    parse_horizons,
)
from survembed.errors import UsageError
from survembed.figures import FIGURES, require_figure

if TYPE_CHECKING:
    from survembed.runs.jobs.sweep import Sweep
    from survembed.runs.run import Run

Downstream = Annotated[
    list[str] | None,
    typer.Option(
        "--downstream",
        help="Name of a downstream model to draw in addition to the model of the run. Can be repeated.",
        autocompletion=lambda: names_of("downstream"),
    ),
]
SweepDir = Annotated[Path | None, typer.Option("--sweep-dir", help="Use the runs of the sweep in this folder.")]


def figure(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=", ".join(FIGURES) + ".", autocompletion=lambda: list(FIGURES))
    ],
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            "--runs",
            envvar="SURVEMBED_RUN",
            show_envvar=True,
            help="Run to draw: id, unique prefix or path. Repeat to compare runs. Default: the latest finished run.",
            autocompletion=ids_of_runs,
        ),
    ] = None,
    sweep_dir: SweepDir = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    out: Annotated[
        Path | None,
        typer.Option("--out", callback=output_folder, help="Output folder. Default: 'figures' in the run or sweep."),
    ] = None,
    method: Annotated[
        Literal["pca", "umap"], typer.Option("--method", help="Projection of the latents to two dimensions.")
    ] = "pca",
    downstream: Downstream = None,
    groups: Annotated[int, typer.Option("--groups", min=1, max=4, help="Number of risk groups in 'survival'.")] = 3,
    bootstrap: Bootstrap = 500,
    horizons: Horizons = None,
    channel: ShownChannel = None,
    config: Config = None,
    assignments: Assignments = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Draw a figure of a run, of several runs, or of a sweep, as PNG and PDF."""
    from survembed.cli.evaluate import resolve
    from survembed.runs.settings import Settings

    command = str(ctx.obj)
    require_figure(name, command)
    settings = Settings.gather(config=config, assignments=assignments or (), command=command)
    models, at = resolve(settings, downstream, command) if downstream else [], parse_horizons(horizons)
    runs, sweep = chosen(ctx, run or [], runs_dir, sweep_dir)

    from survembed.cli.reporter import reporter
    from survembed.figures.draw import figure as work
    from survembed.figures.request import FigureRequest

    folder = out or (sweep_dir if sweep_dir else runs[0].path if len(runs) == 1 else runs_dir) / "figures"
    request = FigureRequest(
        runs, folder, sweep, method, models, groups, bootstrap, device=device, horizons=at, channel=channel
    )
    drawn = work(name, request, reporter())
    if as_json:
        show_json(drawn.to_dict())
    else:
        say(drawn.caption)
        show_lines(drawn.files)


def chosen(
    ctx: typer.Context, names: list[str], runs_dir: Path, sweep_dir: Path | None
) -> tuple[list[Run], Sweep | None]:
    """The runs to draw: those given, the latest, or one of each kind in a sweep; their ids are printed on stderr.

    A sweep has priority over `SURVEMBED_RUN`; together with a typed `--run` it is an error.
    """
    from survembed.cli.shared_options import chosen_run

    if sweep_dir is None:
        return [chosen_run(name, runs_dir) for name in names] or [chosen_run(None, runs_dir)], None
    source = ctx.get_parameter_source("run")
    if source is not None and source.name == "COMMANDLINE":
        raise UsageError("--run and --sweep-dir exclude each other", where=str(ctx.obj), expected="one, not both")

    from survembed.runs.jobs.sweep import Sweep

    sweep = Sweep.open(sweep_dir)
    runs = list(sweep.examples().values())
    say(f"sweep {sweep_dir} ({sweep.title}): {len(sweep.runs())} finished runs; figures of one run show {runs[0].id}")
    return runs, sweep
