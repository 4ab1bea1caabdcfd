"""Table 1 as text: rows and columns as the paper has them, in Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.cohort.captions import data_name
from survembed.storage.files import write_json, write_text
from survembed.survival.bootstrap import with_interval

if TYPE_CHECKING:
    from survembed.evaluation.benchmark_result import Benchmark

SHOWN = {"harrell_c": "C-index (higher is better)", "ibs": "IBS (lower is better)"}
"""The metrics of Table 1; the files hold all metrics."""

LATEX = {letter: f"\\{letter}" for letter in "&%_#${}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "τ": r"$\tau$",
    "×": r"$\times$",
    "–": "--",
}


def grid(benchmark: Benchmark, metric: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of one metric; `*` marks a difference from the reference whose interval excludes zero."""
    rows = []
    for row in benchmark.rows:
        texts = [row]
        for column in benchmark.columns:
            cell = benchmark.cell(row, column)
            if cell is None:
                texts.append("–")
                continue
            differs = metric in cell.differences and cell.differences[metric].excludes_zero
            texts.append(with_interval(cell.scores[metric]) + (" *" if differs else ""))
        rows.append(texts)
    return ["", *benchmark.columns], rows


def caption(benchmark: Benchmark) -> list[str]:
    """Data and methods behind the table, in sentences; synthetic data are called synthetic."""
    cohort, unit, times = benchmark.cohort, benchmark.time_unit, benchmark.times
    data = data_name(benchmark.title, benchmark.synthetic)
    median = f", median follow-up {cohort.median:.4g} {unit}" if math.isfinite(cohort.median) else ""
    division = f"{benchmark.folds} folds × {benchmark.repeats} division(s)" if benchmark.folds else "one test part"
    lines = [
        " ".join(
            filter(
                None,
                [f"Data: {data}; {cohort.n} subjects scored, {cohort.n_events} events{median}.", benchmark.counted],
            )
        ),
        f"Predictions for held-out subjects: {division}, {len(benchmark.seeds)} seed(s); "
        "95 % intervals from the bootstrap over subjects.",
        f"* differs from {benchmark.reference} in the same column (its first, where it lacks that one): "
        "the interval of the paired difference excludes zero. Not adjusted for the number of comparisons.",
        _variation_between_trainings(benchmark),
    ]
    if len(times):
        lines.insert(2, f"IBS over {times[0]:.4g} to {times[-1]:.4g} {unit}.")
    return lines


def _variation_between_trainings(benchmark: Benchmark) -> str:
    """Variation between seeds and divisions, which intervals over subjects do not show."""
    c, ibs = (
        [max(alone) - min(alone) for cell in benchmark.cells if len(alone := cell.replicates.get(name, [])) > 1]
        for name in SHOWN
    )
    if not c:
        return (
            "Intervals hold for these trained models; with one training of each, the variation between trainings is "
            "unknown."
        )
    most, most_ibs = (max(filter(math.isfinite, ranges), default=0.0) for ranges in (c, ibs))
    return (
        "Intervals hold for these trained models: between seeds and divisions, the C-index of one cell differs by up "
        f"to {most:.3f}, its IBS by up to {most_ibs:.3f}."
    )


def markdown(benchmark: Benchmark) -> str:
    """Both tables in GitHub's Markdown."""
    parts = [" ".join(caption(benchmark)), ""]
    for metric, title in SHOWN.items():
        columns, rows = grid(benchmark, metric)
        parts += [f"**{title}**", "", _line(columns), _line(["---"] * len(columns)), *map(_line, rows), ""]
    if benchmark.added_value:
        columns, rows = benchmark.added_value.grid()
        parts += [f"**{benchmark.added_value.title(benchmark.time_unit)}**", ""]
        parts += [_line(columns), _line(["---"] * len(columns)), *map(_line, rows), ""]
        parts += [*(f"- {line}" for line in benchmark.added_value.lines()), ""]
    parts += [f"- {note}" for note in benchmark.notes]
    return "\n".join(parts).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def latex(benchmark: Benchmark) -> str:
    """Both tables as one LaTeX table for the package booktabs."""
    columns = benchmark.columns
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'l' * len(columns)}}}"]
    for metric, title in SHOWN.items():
        header, rows = grid(benchmark, metric)
        lines += [
            r"\toprule",
            rf"\multicolumn{{{len(header)}}}{{l}}{{{_escaped(title)}}} \\",
            " & ".join(map(_escaped, header)) + r" \\",
            r"\midrule",
            *(" & ".join(map(_escaped, row)) + r" \\" for row in rows),
        ]
    text = _escaped(" ".join(caption(benchmark)))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", rf"\caption{{{text}}}", r"\end{table}"]) + "\n"


def _escaped(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in text)


def comma_separated(benchmark: Benchmark) -> str:
    """All numbers, one line for each row, column and metric; missing ones are empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    head = ["row", "column", "metric", "value", "low", "high", "difference", "difference_low", "difference_high"]
    writer.writerow([*head, "excludes_zero", "reference", "data", "reason"])
    for cell in benchmark.cells:
        for name, metric in cell.scores.items():
            difference = cell.differences.get(name)
            compared = [] if difference is None else [difference.value, difference.low, difference.high]
            numbers = [*(metric.value, metric.low, metric.high), *(compared or [math.nan] * 3)]
            writer.writerow(
                [
                    *(cell.row, cell.column, name),
                    *(f"{number:.6g}" if math.isfinite(number) else "" for number in numbers),
                    "" if difference is None else str(difference.excludes_zero).lower(),
                    *(benchmark.reference, benchmark.title, metric.reason),
                ]
            )
    return file.getvalue()


def save(benchmark: Benchmark, folder: Path, command: str) -> list[Path]:
    """Write `table1.csv`, `.json`, `.md` and `.tex`, with the command line, into `folder`."""
    path = folder / "table1"
    write_json(path.with_suffix(".json"), {**benchmark.to_dict(), "command": command})
    write_text(path.with_suffix(".csv"), comma_separated(benchmark))
    write_text(path.with_suffix(".md"), f"`{command}`\n\n{markdown(benchmark)}")
    write_text(path.with_suffix(".tex"), f"% {command}\n{latex(benchmark)}")
    return [path.with_suffix(suffix) for suffix in (".csv", ".json", ".md", ".tex")]
