"""The section of a report with the scores of a run or a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from survembed.evaluation.cause_scores import calibration_table, calibration_title, cause_table
from survembed.evaluation.latent_space import latent_space_where_images_are
from survembed.evaluation.predictions import BASE, KAPLAN_MEIER
from survembed.evaluation.score_tables import decision_table, horizon_table, score_table, with_reasons_below
from survembed.evaluation.scores import ModelScores
from survembed.evaluation.table1 import SHOWN, caption, grid
from survembed.evaluation.test_set import EvaluationSet
from survembed.figures.request import FigureRequest, header_of
from survembed.progress import Reporter
from survembed.report.conclusion import conclusion_of_run, conclusion_of_sweep
from survembed.runs.jobs.sweep import Sweep
from survembed.survival.bootstrap import Metric, with_interval
from survembed.workflows.benchmark import benchmark
from survembed.workflows.evaluate import Evaluation, score_run


@dataclass(frozen=True)
class ScoreSection:
    """Scores in the report: tables, remarks, tiles and conclusion for the top of the page, sentences for the card."""

    tables: list[dict[str, Any]]
    notes: list[str]
    tiles: list[tuple[str, str, str]]
    sentences: tuple[str, ...]
    calibration: str = ""
    conclusion: tuple[str, ...] = ()


def scores_of_run(request: FigureRequest, subjects: EvaluationSet, reporter: Reporter) -> ScoreSection:
    """Scores of the run's own head and of the downstream models on its test set."""
    evaluation, _ = score_run(
        subjects, request.downstream, n_resamples=request.n_resamples, seed=request.seed, reporter=reporter
    )
    times, unit = evaluation.times, evaluation.time_unit
    columns, rows, reasons = with_reasons_below(*score_table(evaluation.rows))
    rows.insert(0, ["Kaplan–Meier", "–", "–", with_interval(evaluation.ibs_km), "–"])
    over = f" over {times[0]:.4g} to {times[-1]:.4g} {unit}" if len(times) else ""
    counted = f"{evaluation.counted} " if evaluation.counted else ""
    text = (
        f"Held-out subjects: {evaluation.test.n} with {evaluation.test.n_events} events. {counted}95 % intervals from "
        f"{request.n_resamples} bootstrap resamples. IBS{over}; lower is better. 'base' is the run's own head."
    )
    tables: list[dict[str, Any]] = [{"columns": columns, "rows": rows, "caption": text}]
    horizons = horizon_table(evaluation.rows, unit)
    if horizons:
        about = (
            "Discrimination at three horizons, and calibration: a slope of 1 is right; a small p means not calibrated."
        )
        tables.append({"columns": horizons[0], "rows": horizons[1], "caption": about})
    curves = [(row.column, row.decision) for row in evaluation.rows if row.decision]
    if curves:
        benefit = decision_table(curves, unit)
        about_benefit = "Net benefit of treating by the predicted risk, with censoring; treating nobody has 0."
        tables.append({"columns": benefit[0], "rows": with_reasons_below(*benefit)[1], "caption": about_benefit})
    tables += _of_causes(evaluation)
    space = latent_space_where_images_are(subjects.run, subjects.latents, device=request.device, reporter=reporter)
    about = (
        "Latent space. Explained variance: 0 for a decoder that ignores its input, 1 for a perfect one. Re-encoding "
        "slope: hazard of decoded images, encoded again, on that of the images; 1 if they show their hazard."
    )
    if space:
        measured = [list(row) for row in space.texts().items()]
        tables.append({"columns": ["", "value"], "rows": measured, "caption": about})
    notes = [*reasons, *(f"{row.column}: {note}" for row in evaluation.rows for note in row.notes)]
    if "harrell_c" in evaluation.truth:
        notes.append(
            f"The true log-hazard reaches C = {evaluation.truth['harrell_c']:.3f} on these subjects; no model can be "
            "expected to exceed it."
        )
    conclusion = conclusion_of_run(evaluation, synthetic=header_of(request.runs[0]).synthetic)
    if not evaluation.rows:
        return ScoreSection(tables, notes, [], *_sentences(evaluation), conclusion=conclusion)
    first = evaluation.rows[0]
    if len(evaluation.rows) > 1:
        notes.insert(0, about_the_best(first.column, "the first model", len(evaluation.rows)))
    tiles = _score_tiles(first, first.column, evaluation.ibs_km)
    return ScoreSection(tables, list(dict.fromkeys(notes)), tiles, *_sentences(evaluation), conclusion=conclusion)


def _of_causes(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Scores and calibration of each competing cause; none for one kind of event."""
    causes, unit = evaluation.causes, evaluation.time_unit
    if not causes:
        return []
    about = (
        "Competing causes, each on its own: C counts the pairs in which the subject with an event of the cause has the "
        "higher risk; the IBS is that of the cumulative incidence, beside that of Aalen and Johansen's estimate."
    )
    columns, rows, _ = with_reasons_below(*cause_table(causes, unit))
    tables: list[dict[str, Any]] = [{"columns": columns, "rows": rows, "caption": about}]
    groups = calibration_table(causes)
    if groups:
        caption = f"{calibration_title(causes[0].horizon, unit)}."
        tables.append({"columns": groups[0], "rows": groups[1], "caption": caption})
    return tables


def _score_tiles(row: ModelScores, name: str, null: Metric | None) -> list[tuple[str, str, str]]:
    compared = f"; Kaplan–Meier {with_interval(null)}" if null else ""
    return [
        (f"Harrell's C, {name}", *_value_and_interval(row.scores["harrell_c"])),
        (f"IBS, {name}", *_value_and_interval(row.scores["ibs"], compared)),
    ]


def _sentence(name: str, row: ModelScores) -> str:
    return f"{name}: Harrell's C {with_interval(row.scores['harrell_c'])}, IBS {with_interval(row.scores['ibs'])}."


def _value_and_interval(metric: Metric, more: str = "") -> tuple[str, str]:
    value, _, interval = with_interval(metric).partition(" ")
    return value, interval.strip("()") + more


def _sentences(evaluation: Evaluation) -> tuple[tuple[str, ...], str]:
    scores = tuple(_sentence(row.column, row) for row in evaluation.rows)
    slopes = [f"{row.column} {with_interval(row.calibration.slope)}" for row in evaluation.rows if row.calibration]
    calibration = f"Calibration slope: {'; '.join(slopes)}." if slopes else ""
    return (*scores, f"Kaplan–Meier null model: IBS {with_interval(evaluation.ibs_km)}."), calibration


def scores_of_sweep(request: FigureRequest, sweep: Sweep, reporter: Reporter) -> ScoreSection:
    """Table 1 of a sweep."""
    table = benchmark(
        sweep,
        request.downstream,
        n_resamples=request.n_resamples,
        seed=request.seed,
        device=request.device,
        reporter=reporter,
    )
    tables, missing = [], []
    for number, (metric, title) in enumerate(SHOWN.items()):
        columns, rows, reasons = with_reasons_below(*grid(table, metric))
        missing += reasons
        about = f"{title}. " + (" ".join(caption(table)[1:]) if number == 0 else "As above.")
        tables.append({"columns": [columns[0] or "features", *columns[1:]], "rows": rows, "caption": about})
    if table.added_value:
        columns, rows = table.added_value.grid()
        about = f"{table.added_value.title(table.time_unit)}. {' '.join(table.added_value.lines())}"
        tables.append({"columns": [columns[0] or "features", *columns[1:]], "rows": rows, "caption": about})
    scored = [cell for cell in table.cells if np.isfinite(cell.scores["harrell_c"].value)]
    first, null = table.cells[0], table.cell(KAPLAN_MEIER, BASE)
    tiles = _score_tiles(first, f"{first.row}, {first.column}", null.scores["ibs"] if null else None)
    scores = tuple(_sentence(f"{cell.row}, {cell.column}", cell) for cell in table.cells)
    notes = [about_the_best(f"{first.row}, {first.column}", "the first model of the sweep", len(scored)), *table.notes]
    notes += [*missing, *(f"{cell.row}, {cell.column}: {note}" for cell in table.cells for note in cell.notes)]
    return ScoreSection(tables, list(dict.fromkeys(notes)), tiles, scores, conclusion=conclusion_of_sweep(table))


def about_the_best(shown: str, why: str, n: int) -> str:
    """Warning that the best of `n` models, scored on the same test subjects, is optimistic."""
    return (
        f"The scores at the top are those of {shown}, {why}, whatever the others reach. The {n} models are compared on "
        f"the same test subjects: the best of {n} is optimistic, and needs another test set to be confirmed."
    )
