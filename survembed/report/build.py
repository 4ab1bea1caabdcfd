"""One page about a run or a sweep: data, training, scores, figures, what the dimensions show, checklist, model card."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.captions import data_name
from survembed.cohort.subjects import SPLITS, CohortHeader, Subjects
from survembed.errors import SurvembedError
from survembed.evaluation.benchmark_result import Benchmark
from survembed.evaluation.table1 import SHOWN, caption, grid
from survembed.evaluation.test_set import EvaluationSet
from survembed.figures import FIGURES
from survembed.figures.draw import FigureRequest, figure, header_of
from survembed.progress import QUIET, Reporter
from survembed.report.card import model_card
from survembed.report.facts import Facts
from survembed.report.page import write_page
from survembed.report.participants import Flow, flow, participants
from survembed.report.privacy import hide_command_paths, option_rows
from survembed.report.slider_images import STEPS, Strip, strips
from survembed.report.tripod import checklist
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.run import Run
from survembed.survival.bootstrap import Metric, with_interval
from survembed.survival.kaplan_meier import follow_up
from survembed.workflows.benchmark import benchmark
from survembed.workflows.evaluate import Evaluation, assess
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
SCORES = {"harrell_c": "Harrell's C", "uno_c": "Uno's C", "ibs": "IBS", "ibs_scaled": "scaled IBS"}


@dataclass(frozen=True)
class Reported:
    """A report that was written.

    Attributes
    ----------
    path, n_bytes
        The file and its size.
    figures
        Names of the figures in it.
    absent
        Names of those that could not be drawn, each with the reason.
    n_open
        Items of the checklist that the authors must answer.
    """

    path: Path
    n_bytes: int
    figures: tuple[str, ...]
    absent: dict[str, str]
    n_open: int


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its name, a key of its own, what it shows, the PNG, and its width on screen in pixels."""

    name: str
    key: str
    caption: str
    png: bytes
    width: int


@dataclass(frozen=True)
class Scores:
    """What was scored: tables as texts, remarks, tiles for the top, and the same in sentences."""

    tables: list[dict[str, Any]]
    notes: list[str]
    tiles: list[tuple[str, str, str]]
    sentences: tuple[str, ...]
    calibration: str = ""


def report(asked: FigureRequest, path: Path, *, command: str, reporter: Reporter = QUIET) -> Reported:
    """Write a report to `path` as one HTML file that needs nothing else.

    Parameters
    ----------
    asked
        A run, or a sweep; its first run is then shown where a figure is of one run. `folder` is not used.
    path
        The file.
    command
        Kept in the report.

    Raises
    ------
    RunError
        When the run is damaged, or its cohort can no longer be prepared as it was.
    """
    run = asked.runs[0]
    header = header_of(run)
    latents = embed(run, device=asked.device, reporter=reporter)
    with open_cohort(run, reporter) as cohort:
        subjects = cohort.subjects
    with tempfile.TemporaryDirectory() as folder:
        pictures, absent = _pictures(replace(asked, folder=Path(folder)), reporter)
    scores = _of_sweep(asked, reporter) if asked.sweep else _of_run(asked, EvaluationSet.of(run, latents), reporter)
    walks: list[Strip] = []
    if run.can("decode"):
        walks = strips(traverse(run, risk=run.can("hazard"), n_steps=STEPS, reporter=reporter))
    followed = flow(header.notes, header.exclusions, subjects.id.tolist(), len(subjects))
    facts = _facts(asked, header, subjects, followed, scores)
    items = checklist(facts)
    n_open = sum(not item.answer for item in items)
    content = {
        "heading": f"Sweep: {header.title}" if asked.sweep else f"{run.model} on {header.title}",
        "subject": f"sweep {asked.sweep.folder.path.name}, showing run {run.id}" if asked.sweep else f"run {run.id}",
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
        "strips": walks,
        "volumes": len(header.shape) == 3,
        "card": model_card(facts),
        "items": items,
        "n_open": n_open,
        "n_partly": sum(bool(item.answer and item.missing) for item in items),
        "command": hide_command_paths(command, asked.downstream),
        "provenance": _provenance(run),
        "options": option_rows(run.read("config.json")),
        "versions": [[name, str(version)] for name, version in run.record.get("versions", {}).items()],
        "sweep": asked.sweep is not None,
    }
    write_page(content, path, _paths(asked, path))
    names = tuple(dict.fromkeys(picture.name for picture in pictures))
    return Reported(path, path.stat().st_size, names, absent, n_open)


def _pictures(asked: FigureRequest, reporter: Reporter) -> tuple[list[Picture], dict[str, str]]:
    """Every figure that these runs can give, and why there is none of the others; several τ are of a sweep alone."""
    pictures, absent = [], {}
    names = [name for name in FIGURES if asked.sweep or name != "tau"]
    with reporter.task("drawing", len(names), "figures") as task:
        for name in names:
            try:
                drawn = figure(name, asked)
            except SurvembedError as error:
                absent[name] = error.message
            else:
                for file in drawn.files:
                    if file.suffix == ".png":
                        png = file.read_bytes()
                        width = struct.unpack(">I", png[16:20])[0]  # of the PNG's header
                        pictures.append(Picture(name, file.stem, drawn.caption, png, width * 96 // 150))
            task.advance(1, figure=name)
    return pictures, absent


def _of_run(asked: FigureRequest, held_out: EvaluationSet, reporter: Reporter) -> Scores:
    found = assess(asked.runs[0], held_out, asked.downstream, **asked.options, reporter=reporter)
    times, unit = found.times, found.time_unit
    rows = [["Kaplan–Meier", "–", "–", with_interval(found.ibs_km), "–"]]
    rows += [[row.name, *(with_interval(row.scores[name]) for name in SCORES)] for row in found.rows]
    over = f" over {times[0]:.4g} to {times[-1]:.4g} {unit}" if len(times) else ""
    text = (
        f"Held-out subjects: {found.test.n} with {found.test.n_events} events. 95 % intervals from {asked.n_resamples} "
        f"bootstrap resamples. IBS{over}; lower is better. 'base' is the run's own head."
    )
    tables = [{"columns": ["model", *SCORES.values()], "rows": rows, "caption": text}]
    calibrated = [row for row in found.rows if row.calibration]
    if calibrated:
        tables.append(_horizons(calibrated, unit))
    notes = [f"{row.name}: {note}" for row in found.rows for note in row.notes]
    if "harrell_c" in found.truth:
        notes.append(
            f"The true log-hazard reaches C = {found.truth['harrell_c']:.3f} on these subjects; no model can be "
            "expected to exceed it."
        )
    first = found.rows[0] if found.rows else None
    return Scores(tables, notes, _score_tiles(first, found.ibs_km), *_sentences(found))


def _horizons(rows: Sequence[Any], unit: str) -> dict[str, Any]:
    """Discrimination at each horizon and calibration at the middle one."""
    names = [name for name in rows[0].scores if name.startswith("auc_")]
    middle = rows[0].calibration.horizon
    columns = ["model", *(f"AUC at {float(name.removeprefix('auc_')):.4g} {unit}" for name in names)]
    texts = [
        [
            row.name,
            *(with_interval(row.scores[name]) for name in names),
            with_interval(row.calibration.slope),
            f"{row.calibration.d_calibration.p_value:.3f}",
        ]
        for row in rows
    ]
    about = "Discrimination at three horizons, and calibration: a slope of 1 is right; a small p says not calibrated."
    columns += [f"calibration slope at {middle:.4g} {unit}", "D-calibration p"]
    return {"columns": columns, "rows": texts, "caption": about}


def _score_tiles(row: Any, null: Metric) -> list[tuple[str, str, str]]:
    if row is None:
        return []
    return [
        (f"Harrell's C, {row.name}", *_value_and_interval(row.scores["harrell_c"])),
        (f"IBS, {row.name}", *_value_and_interval(row.scores["ibs"], f"; Kaplan–Meier {with_interval(null)}")),
    ]


def _value_and_interval(metric: Metric, more: str = "") -> tuple[str, str]:
    value, _, interval = with_interval(metric).partition(" ")
    return value, interval.strip("()") + more


def _sentences(found: Evaluation) -> tuple[tuple[str, ...], str]:
    scores = tuple(
        f"{row.name}: Harrell's C {with_interval(row.scores['harrell_c'])}, IBS {with_interval(row.scores['ibs'])}."
        for row in found.rows
    )
    slopes = [f"{row.name} {with_interval(row.calibration.slope)}" for row in found.rows if row.calibration]
    calibration = f"Calibration slope: {'; '.join(slopes)}." if slopes else ""
    return (*scores, f"Kaplan–Meier null model: IBS {with_interval(found.ibs_km)}."), calibration


def _of_sweep(asked: FigureRequest, reporter: Reporter) -> Scores:
    assert asked.sweep is not None
    table = benchmark(
        asked.sweep,
        asked.downstream,
        n_resamples=asked.n_resamples,
        seed=asked.seed,
        device=asked.device,
        reporter=reporter,
    )
    tables = []
    for number, (metric, title) in enumerate(SHOWN.items()):
        columns, rows = grid(table, metric)
        about = f"{title}. " + (" ".join(caption(table)[1:]) if number == 0 else "As above.")
        tables.append({"columns": [columns[0] or "features", *columns[1:]], "rows": rows, "caption": about})
    best = _best(table)
    tiles = [] if best is None else [(f"best C: {best[0]}", *_value_and_interval(best[1]))]
    first = table.cells[0]
    scores = tuple(
        f"{first.row}, {first.column}: {title} {with_interval(first.scores[metric])}."
        for metric, title in (("harrell_c", "Harrell's C"), ("ibs", "IBS"))
    )
    notes = [*table.notes, *(f"{cell.row}, {cell.column}: {note}" for cell in table.cells for note in cell.notes)]
    return Scores(tables, list(dict.fromkeys(notes)), tiles, scores)


def _best(table: Benchmark) -> tuple[str, Metric] | None:
    known = [cell for cell in table.cells if np.isfinite(cell.scores["harrell_c"].value)]
    if not known:
        return None
    best = max(known, key=lambda cell: cell.scores["harrell_c"].value)
    return f"{best.row}, {best.column}", best.scores["harrell_c"]


def _tiles(facts: Facts, scores: Scores) -> list[tuple[str, str, str]]:
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


def _facts(asked: FigureRequest, header: CohortHeader, subjects: Subjects, followed: Flow, scores: Scores) -> Facts:
    run, n = asked.runs[0], len(subjects)
    record, outcome = run.record, run.record["outcome"]
    known = follow_up(subjects.duration, subjects.event)
    median = "not reached" if np.isnan(known.median) else f"{known.median:.4g} {header.time_unit}"
    channels = ", ".join(channel.name for channel in header.channels)
    size = " × ".join(map(str, header.shape))
    spacing = f" at {header.spacing_mm[0]:.3g} mm" if header.spacing_mm else ""
    table, grid_of = len(header.shape) == 1, "pixels" if len(header.shape) == 2 else "voxels"
    rule = f": {outcome['rule']}" if "rule" in outcome else ""  # runs of version 0.1.0 did not record it
    config = run.read("config.json")
    return Facts(
        title=data_name(header.title, header.synthetic),
        synthetic=header.synthetic,
        model=run.model,
        head=record["head"] or "",
        dataset=run.dataset,
        n=n,
        n_events=known.n_events,
        follow_up=median,
        division=_division(asked, config["split"]),
        inputs=f"{size} columns of a table." if table else f"Images of {size} {grid_of}{spacing}: {channels}.",
        predictors=f"{'Columns' if table else 'Images'} only; the model sees nothing else of a subject.",
        training=f"Trained for {outcome['updates']} updates ({outcome['end']}); the weights of update "
        f"{outcome['best_update']} were kept{rule}.",
        latent_dim=int(record["latent_dim"]),
        parameters=int(record["parameters"]),
        scores=scores.sentences,
        calibration=scores.calibration,
        columns=tuple(name for name, _ in asked.downstream),
        n_left_out=followed.found - n,
        n_resamples=asked.n_resamples,
        decodes=run.can("decode"),
        version=str(record["versions"]["survembed"]),
    )


def _division(asked: FigureRequest, split: dict[str, Any]) -> str:
    if asked.sweep and split["folds"]:
        return f"Scored by cross-validation in {split['folds']} folds; the run that is shown held out one of them."
    return "Scored on a held-out part that training never saw."


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


def _paths(asked: FigureRequest, path: Path) -> list[Path]:
    """Paths of this report, which an error or a note may contain."""
    folders = [path, *(run.path for run in asked.runs), *([asked.sweep.folder.path] if asked.sweep else [])]
    data = asked.runs[0].read("config.json")["data"].get("root")
    folders += [Path(data)] if isinstance(data, str) else []
    known = [Path.cwd(), Path.home(), *folders, *(folder.absolute() for folder in folders)]
    return [each for each in known if len(each.parts) > 1]
