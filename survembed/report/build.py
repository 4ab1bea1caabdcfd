"""One page about a run or a sweep: data, training, scores, figures, what the dimensions show, checklist, model card."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

from survembed.errors import SurvembedError
from survembed.figures import FIGURES
from survembed.figures.draw import figure
from survembed.figures.request import FigureRequest, header_of
from survembed.figures.slices import overlay_text
from survembed.progress import QUIET, Reporter
from survembed.report.card import model_card
from survembed.report.facts import Facts
from survembed.report.gathered import gather
from survembed.report.page import write_page
from survembed.report.privacy import hide_command_paths, option_rows, without_paths
from survembed.report.run_facts import shown_model
from survembed.report.scores import ScoreSection
from survembed.report.slider_images import STEPS, Strip, strips
from survembed.report.tripod import checklist
from survembed.runs.command import training_command
from survembed.runs.run import Run
from survembed.storage.files import require_writable
from survembed.storage.result import Result
from survembed.storage.scratch import scratch_folder
from survembed.workflows.traverse import traverse

SECTIONS = {
    "data": "Data",
    "training": "Model and training",
    "performance": "Performance",
    "latents": "Latent space",
    "traversal": "What the dimensions show",
    "card": "Model card",
    "tripod": "TRIPOD+AI",
    "reproduce": "Reproduce",
}

OF_SEVERAL_RUNS = ("latents", "tau")
"""Figures that show several runs of a sweep; the others show its first run."""


@dataclass(frozen=True)
class WrittenReport(Result):
    """A written report.

    Attributes
    ----------
    path, n_bytes
        The file and its size.
    figures
        Names of the figures in it.
    absent
        Names of those that could not be drawn, each with the reason.
    n_open
        Items of the checklist left for the authors.
    """

    path: Path
    n_bytes: int
    figures: tuple[str, ...]
    absent: dict[str, str]
    n_open: int


@dataclass(frozen=True)
class Picture:
    """A figure in the page: name, unique key, caption, PNG, and width on screen in pixels."""

    name: str
    key: str
    caption: str
    png: bytes
    width: int


def report(request: FigureRequest, path: Path, *, command: str, reporter: Reporter = QUIET) -> WrittenReport:
    """Write a report to `path` as one self-contained HTML file.

    Parameters
    ----------
    request
        A run, or a sweep: all its models are described and scored, and figures of one run show the first run and say
        so. `folder` is not used.
    path
        The file.
    command
        Command line, shown in the report.

    Raises
    ------
    RunError
        When the run is damaged, or its cohort can no longer be prepared as it was.
    DataError
        When `path` cannot be written, before the work.
    """
    require_writable(path)
    run = request.runs[0]
    header, config = header_of(run).showing(request.channel), run.read("config.json")
    found = gather(request, reporter)
    facts, scores, table = found.facts, found.scores, found.table
    with scratch_folder() as folder:
        pictures, absent = _pictures(replace(request, folder=folder), reporter)
    sliders: list[Strip] = []
    if run.can("decode"):
        hazard, channel = run.can("hazard"), request.channel
        sliders = strips(traverse(run, risk=hazard, n_steps=STEPS, channel=channel, reporter=reporter))
    items = checklist(facts)
    n_open = sum(not item.answer for item in items)
    content = {
        "heading": f"Sweep: {header.title}" if request.sweep else f"{run.model} on {header.title}",
        "subject": f"sweep {request.sweep.folder.path.name}, figures of one run show {facts.shown} (run {run.id})"
        if request.sweep
        else f"run {run.id}",
        "facts": facts,
        "badges": [f"trained {run.record['created'][:10]}"],
        "tiles": _tiles(facts, scores),
        "sections": list(SECTIONS.items()),
        "flow": found.followed,
        "parts": table["parts"],
        "table": table,
        "scores": scores.tables,
        "score_notes": scores.notes,
        "drawn": pictures,
        "absent": list(absent.items()),
        "strips": sliders,
        "colours": overlay_text(header),
        "volumes": len(header.shape) == 3,
        "card": model_card(facts),
        "items": items,
        "n_open": n_open,
        "n_partly": sum(bool(item.answer and item.missing) for item in items),
        "command": hide_command_paths(command, request.downstream),
        "trained_by": training_command(without_paths(config)),
        "provenance": _provenance(run),
        "options": option_rows(config),
        "versions": [[name, str(version)] for name, version in run.record.get("versions", {}).items()],
        "sweep": request.sweep is not None,
    }
    write_page(content, path, _paths(request, path))
    names = tuple(dict.fromkeys(picture.name for picture in pictures))
    return WrittenReport(path, path.stat().st_size, names, absent, n_open)


def _pictures(request: FigureRequest, reporter: Reporter) -> tuple[list[Picture], dict[str, str]]:
    """All figures of the runs, and the reason for each that cannot be drawn; `tau` needs a sweep.

    Net benefit is a table of the scores.
    """
    pictures, absent = [], {}
    shown = f" Shown: {shown_model(request.sweep)}." if request.sweep else ""
    names = [name for name in FIGURES if name != "decision" and (request.sweep or name != "tau")]
    with reporter.task("drawing", len(names), "figures") as task:
        for name in names:
            try:
                drawn = figure(name, request)
            except SurvembedError as error:
                absent[name] = error.message
            else:
                for file in drawn.files:
                    if file.suffix == ".png":
                        png = file.read_bytes()
                        width = struct.unpack(">I", png[16:20])[0]  # of the PNG's header
                        caption = drawn.caption + ("" if name in OF_SEVERAL_RUNS else shown)
                        pictures.append(Picture(name, file.stem, caption, png, width * 96 // 150))
            task.advance(1, figure=name)
    return pictures, absent


def _tiles(facts: Facts, scores: ScoreSection) -> list[tuple[str, str, str]]:
    share = f"{facts.n_events / facts.n:.0%} of subjects"
    return [
        ("Subjects", str(facts.n), f"median follow-up {facts.follow_up}"),
        ("Events", str(facts.n_events), share),
        *scores.tiles,
    ]


def _provenance(run: Run) -> list[list[str]]:
    record, outcome = run.record, run.record["outcome"]
    return [
        ["run", run.id],
        ["trained", f"{record['created']} to {record.get('finished', '')}"],
        ["seed", str(record["seed"])],
        ["training time", f"{outcome['seconds']:.0f} s, {outcome['precision']}"],
        ["cohort fingerprint", record["cohort"]["fingerprint"]],
        ["SHA-256 of the weights", run.weights_hash()],
    ]


def _paths(request: FigureRequest, path: Path) -> list[Path]:
    """Paths of this report, which an error or a note may contain."""
    folders = [path, *(run.path for run in request.runs), *([request.sweep.folder.path] if request.sweep else [])]
    data = request.runs[0].read("config.json")["data"].get("root")
    folders += [Path(data)] if isinstance(data, str) else []
    known = [Path.cwd(), Path.home(), *folders, *(folder.absolute() for folder in folders)]
    return [each for each in known if len(each.parts) > 1]
