"""`survembed report`: one HTML file about a run or a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survembed.cli.console import say, show_json, show_lines
from survembed.cli.figure import SweepDir, chosen
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Assignments,
    Bootstrap,
    Config,
    Device,
    Horizons,
    RunName,
    RunsDir,
    ShownChannel,
    names_of,
    output_file,
    parse_horizons,
)

DOWNSTREAM = ["coxph", "rsf"]


def report(
    ctx: typer.Context,
    run: RunName = None,
    sweep_dir: SweepDir = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.html",
            callback=output_file,
            help="Output file. Default: report.html in the run or sweep.",
        ),
    ] = None,
    downstream: Annotated[
        list[str] | None,
        typer.Option(
            "--downstream",
            help="Name of a downstream model. Can be repeated. Default: coxph and rsf.",
            autocompletion=lambda: names_of("downstream"),
        ),
    ] = None,
    bootstrap: Bootstrap = 500,
    horizons: Horizons = None,
    channel: ShownChannel = None,
    config: Config = None,
    assignments: Assignments = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML file about a run or a sweep: data, scores, figures, checklist, model card."""
    from survembed.cli.evaluate import resolve
    from survembed.runs.settings import Settings

    command = str(ctx.obj)
    settings = Settings.gather(config=config, assignments=assignments or (), command=command)
    models, at = resolve(settings, downstream or DOWNSTREAM, command), parse_horizons(horizons)
    runs, sweep = chosen(ctx, [] if run is None else [run], runs_dir, sweep_dir)

    from survembed.cli.reporter import reporter
    from survembed.figures.request import FigureRequest
    from survembed.report.build import report as work
    from survembed.runs.command import training_command

    path = out or (sweep_dir or runs[0].path) / "report.html"
    request = FigureRequest(
        runs, path.parent, sweep, downstream=models, n_resamples=bootstrap, device=device, horizons=at, channel=channel
    )
    written = work(request, path, command=command, reporter=reporter())
    if as_json:
        show_json(written.to_dict())
        return
    for name, reason in written.absent.items():
        say(f"figure {name} is missing: {reason}")
    say(f"trained by: {training_command(runs[0].read('config.json'))}")
    say(f"{len(written.figures)} figures, {written.n_bytes / 1e6:.1f} MB")
    say(f"{written.n_open} TRIPOD+AI items must be completed by the authors")
    show_lines([written.path])
