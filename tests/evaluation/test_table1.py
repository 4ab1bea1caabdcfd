"""Table 1 as text."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from survembed.evaluation.benchmark_result import Benchmark
from survembed.evaluation.scores import ModelScores
from survembed.evaluation.table1 import caption, comma_separated, grid, latex, markdown, save
from survembed.survival.bootstrap import Metric
from survembed.survival.kaplan_meier import FollowUp


def table(synthetic: bool = False) -> Benchmark:
    scores = {name: Metric(0.7, 0.6, 0.8) for name in ("harrell_c", "ibs")}
    missing = {name: Metric(np.nan, reason="no & pair") for name in scores}
    apart, same = Metric(0.2, 0.1, 0.3), Metric(0.0, -0.1, 0.1)
    return Benchmark(
        title="liver_study",
        synthetic=synthetic,
        time_unit="days",
        cohort=FollowUp(100, 20, np.nan),
        times=np.array([1.0, 9.0]),
        seeds=(0, 1),
        folds=5,
        repeats=1,
        reference="coxvae",
        cells=(
            ModelScores("coxvae", "base", scores),
            ModelScores("coxvae", "coxph", scores),
            ModelScores("vae", "coxph", scores, differences={"harrell_c": apart, "ibs": same}),
            ModelScores("deepsurv τ=0.5", "coxph", missing, differences={"harrell_c": same, "ibs": same}),
        ),
        notes=("fold 2 has no event",),
    )


def test_differences_are_marked_and_gaps_are_shown() -> None:
    columns, rows = grid(table(), "harrell_c")
    assert columns == ["", "base", "coxph"]
    assert rows[0] == ["coxvae", "0.700 (0.600 to 0.800)", "0.700 (0.600 to 0.800)"]
    assert rows[1] == ["vae", "–", "0.700 (0.600 to 0.800) *"]
    assert rows[2] == ["deepsurv τ=0.5", "–", "none: no & pair"]
    assert grid(table(), "ibs")[1][1][2] == "0.700 (0.600 to 0.800)"


def test_synthetic_data_are_called_that_everywhere(tmp_path: Path) -> None:
    made = table(synthetic=True)
    assert "synthetic: liver_study" in caption(made)[0]
    assert "synthetic: liver_study" in markdown(made)
    assert r"synthetic: liver\_study" in latex(made)
    assert "synthetic" not in markdown(table())
    assert "20 events" in caption(made)[0]
    assert "median" not in caption(made)[0]


def test_latex_is_escaped() -> None:
    text = latex(table())
    assert r"none: no \& pair" in text
    assert r"deepsurv $\tau$=0.5" in text
    assert "–" not in text
    assert text.count(r"\toprule") == 2
    odd = latex(replace(table(), title=r"a\b{c}~d^e"))
    assert r"a\textbackslash{}b\{c\}\textasciitilde{}d\textasciicircum{}e" in odd


def test_the_caption_says_what_intervals_leave_out() -> None:
    assert any("one training of each" in line for line in caption(table()))
    cells = list(table().cells)
    cells[1] = replace(cells[1], replicates={"harrell_c": [0.6, 0.75, 0.7], "ibs": [0.1, 0.12, 0.11]})
    cells[2] = replace(cells[2], replicates={"harrell_c": [np.nan, np.nan], "ibs": [0.1, 0.1]})
    (line,) = (line for line in caption(replace(table(), cells=tuple(cells))) if "seeds" in line and "differs" in line)
    assert "by up to 0.150, its IBS by up to 0.020" in line
    assert any("Not adjusted" in line for line in caption(table()))


def test_files_hold_every_number(tmp_path: Path) -> None:
    files = save(table(), tmp_path, "survembed benchmark")
    assert [path.name for path in files] == ["table1.csv", "table1.json", "table1.md", "table1.tex"]
    rows = list(csv.DictReader(io.StringIO(comma_separated(table()))))
    assert len(rows) == 8
    assert rows[4] | {} == rows[4]
    assert (rows[4]["value"], rows[4]["difference"], rows[4]["excludes_zero"]) == ("0.7", "0.2", "true")
    assert (rows[6]["value"], rows[6]["reason"]) == ("", "no & pair")
    assert json.loads(files[1].read_text())["command"] == "survembed benchmark"
    assert "fold 2 has no event" in files[2].read_text()
