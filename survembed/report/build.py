"""One page about a run or a sweep: data, training, scores, figures, what the dimensions show, checklist, model card."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.captions import data_name
from survembed.cohort.subjects import SPLITS, CohortHeader, Subjects
from survembed.errors import SurvembedError
from survembed.evaluation.test_set import EvaluationSet
from survembed.figures import FIGURES
from survembed.figures.draw import figure
from survembed.figures.request import FigureRequest, header_of
from survembed.progress import QUIET, Reporter
from survembed.report.card import model_card
from survembed.report.facts import Facts
from survembed.report.page import write_page
from survembed.report.participants import Flow, flow, participants
from survembed.report.privacy import hide_command_paths, option_rows
from survembed.report.scores import ScoreSection, scores_of_run, scores_of_sweep
from survembed.report.slider_images import STEPS, Strip, strips
from survembed.report.tripod import checklist
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import Run
from survembed.storage.files import require_writable
from survembed.storage.result import Result
from survembed.storage.scratch import scratch_folder
from survembed.survival.kaplan_meier import follow_up
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
    header = header_of(run)
    latents = embed(run, device=request.device, reporter=reporter)
    with open_cohort(run, reporter) as cohort:
        subjects = cohort.subjects
    with scratch_folder() as folder:
        pictures, absent = _pictures(replace(request, folder=folder), reporter)
    if request.sweep:
        scores = scores_of_sweep(request, request.sweep, reporter)
    else:
        scores = scores_of_run(request, EvaluationSet.of(run, latents, reporter), reporter)
    sliders: list[Strip] = []
    if run.can("decode"):
        sliders = strips(traverse(run, risk=run.can("hazard"), n_steps=STEPS, reporter=reporter))
    followed = flow(header.notes, header.exclusions, subjects.id.tolist(), len(subjects))
    facts = _facts(request, header, subjects, followed, scores)
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
        "flow": followed,
        "parts": _parts(latents.split, subjects.event),
        "table": _table(latents.split, subjects, header.time_unit),
        "scores": scores.tables,
        "score_notes": scores.notes,
        "drawn": pictures,
        "absent": list(absent.items()),
        "strips": sliders,
        "volumes": len(header.shape) == 3,
        "card": model_card(facts),
        "items": items,
        "n_open": n_open,
        "n_partly": sum(bool(item.answer and item.missing) for item in items),
        "command": hide_command_paths(command, request.downstream),
        "provenance": _provenance(run),
        "options": option_rows(run.read("config.json")),
        "versions": [[name, str(version)] for name, version in run.record.get("versions", {}).items()],
        "sweep": request.sweep is not None,
    }
    write_page(content, path, _paths(request, path))
    names = tuple(dict.fromkeys(picture.name for picture in pictures))
    return WrittenReport(path, path.stat().st_size, names, absent, n_open)


def _pictures(request: FigureRequest, reporter: Reporter) -> tuple[list[Picture], dict[str, str]]:
    """All figures of the runs, and the reason for each that cannot be drawn; `tau` needs a sweep."""
    pictures, absent = [], {}
    shown = f" Shown: {_shown(request.sweep)}." if request.sweep else ""
    names = [name for name in FIGURES if request.sweep or name != "tau"]
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


def _parts(split: NDArray[np.str_], event: NDArray[np.bool_]) -> list[tuple[str, int, int]]:
    return [
        (name, int((split == name).sum()), int(event[split == name].sum())) for name in SPLITS if (split == name).any()
    ]


def _table(split: NDArray[np.str_], subjects: Subjects, unit: str) -> dict[str, Any]:
    test = split == "test"
    parts = {"all": np.ones(len(split), dtype=bool), "training and validation": ~test, "held out": test}
    return {"columns": ["", *parts], "rows": participants(subjects, parts, unit)}


def _facts(
    request: FigureRequest, header: CohortHeader, subjects: Subjects, followed: Flow, scores: ScoreSection
) -> Facts:
    run, n = request.runs[0], len(subjects)
    record = run.record
    followed_up = follow_up(*subjects.outcome)
    median = "not reached" if np.isnan(followed_up.median) else f"{followed_up.median:.4g} {header.time_unit}"
    channels = ", ".join(channel.name for channel in header.channels)
    size = " × ".join(map(str, header.shape))
    spacing = f" at {header.spacing_mm[0]:.3g} mm" if header.spacing_mm else ""
    table, grid_of = len(header.shape) == 1, "pixels" if len(header.shape) == 2 else "voxels"
    config, models = run.read("config.json"), request.sweep.examples() if request.sweep else {}
    return Facts(
        title=data_name(header.title, header.synthetic),
        synthetic=header.synthetic,
        model=run.model,
        head=record["head"] or "",
        dataset=run.dataset,
        n=n,
        n_events=followed_up.n_events,
        follow_up=median,
        division=_division(request, config["split"]),
        inputs=f"{size} columns of a table." if table else f"Images of {size} {grid_of}{spacing}: {channels}.",
        predictors=f"{'Columns' if table else 'Images'} only; the model uses no other data of a subject.",
        training=_training(run),
        latent_dim=int(record["latent_dim"]),
        parameters=int(record["parameters"]),
        scores=scores.sentences,
        calibration=scores.calibration,
        columns=tuple(name for name, _ in request.downstream),
        n_left_out=followed.found - n,
        n_resamples=request.n_resamples,
        decodes=run.can("decode"),
        version=str(record["versions"]["survembed"]),
        shown=_shown(request.sweep) if request.sweep else "",
        models=tuple(_description(name, each) for name, each in models.items()),
        conclusion=scores.conclusion,
    )


def _shown(sweep: Sweep) -> str:
    """Name of the model of a sweep whose run is in the figures of one run."""
    return next(iter(sweep.examples()))


def _training(run: Run) -> str:
    outcome = run.record["outcome"]
    rule = f": {outcome['rule']}" if "rule" in outcome else ""  # runs of version 0.1.0 did not record it
    return (
        f"Trained for {outcome['updates']} updates ({outcome['end']}); the weights of update "
        f"{outcome['best_update']} were kept{rule}."
    )


def _description(name: str, run: Run) -> str:
    """One model of a sweep, by its first finished run."""
    record = run.record
    head = f"head {record['head']}" if record["head"] else "without a head"
    size = f"{record['latent_dim']} latent dimensions and {record['parameters']:,} parameters"
    return f"{name}: {size}, {head}. First run: {_training(run)}"


def _division(request: FigureRequest, split: dict[str, Any]) -> str:
    if request.sweep and split["folds"]:
        return f"Scored by cross-validation in {split['folds']} folds; the run in the figures held out one of them."
    return "Scored on a held-out part that was not used for training."


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
