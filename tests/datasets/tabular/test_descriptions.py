"""The unit of durations is read from a data dictionary that comes with a table, if the name has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from survembed.datasets import Tabular
from survembed.datasets.tabular.clinical_table import Columns, read_clinical
from survembed.datasets.tabular.descriptions import Description, in_comments, in_sheet
from survembed.errors import DataError
from survembed.progress import QUIET
from tests.cli.command import survembed

N = 20
RNG = np.random.default_rng(8)
WEEKS = RNG.integers(30, 600, N)
"""Plausible as days."""
FRAME = pd.DataFrame({"id": [f"c{row}" for row in range(N)], "followup": WEEKS, "event": np.arange(N) % 2})
FRAME["age"] = RNG.integers(40, 80, N)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        *(("months", "months"), ("mo", "months"), ("Overall Survival (Months)", "months"), ("Wochen", "weeks")),
        *(("Overall survival in months since initial diagnosis.", "months"), ("Überleben in Tagen nach OP", "days")),
        *(("Time from surgery to death, days", "days"), ("survie globale en mois", "months"), ("m", "unclear")),
        *(("Follow-up, censored at 5 years", None), ("Survival since the day of surgery", None), ("1 = dead", None)),
        *(("in weeks (1 month is 4.35 weeks)", "weeks"), ("days or months after the operation", "unclear"), ("", None)),
    ],
)
def test_unit_of_a_description(text: str, unit: str | None) -> None:
    assert Description("here", ("NUMBER", text, "1")).unit == unit


def test_two_texts_that_differ_are_unclear() -> None:
    assert Description("here", ("time in days", "months")).unit == "unclear"


def comments(folder: Path, frame: pd.DataFrame, text: str) -> Path:
    """A table of cBioPortal."""
    lines = [["Patient", text, "Status", "Age"], ["STRING", "NUMBER", "NUMBER", "NUMBER"], ["1"] * 4]
    path = folder / "data_clinical_patient.txt"
    path.write_text("".join("#" + "\t".join(line) + "\n" for line in lines) + frame.to_csv(sep="\t", index=False))
    return path


def sidecar(folder: Path, frame: pd.DataFrame, text: str) -> Path:
    """A table of BIDS."""
    path = folder / "participants.tsv"
    frame.to_csv(path, sep="\t", index=False)
    described = {frame.columns[1]: {"Description": "follow-up", "Units": text}, "age": {"Units": "years"}}
    path.with_suffix(".json").write_text(json.dumps(described))
    return path


def sheet(folder: Path, frame: pd.DataFrame, text: str, state: str = "visible") -> Path:
    """A workbook with a sheet of variables."""
    book, path = openpyxl.Workbook(), folder / "study.xlsx"
    data = book.worksheets[0]
    for row in [list(frame.columns), *frame.to_numpy().tolist()]:
        data.append(row)
    legend = book.create_sheet("Variablen")
    legend.sheet_state = state
    for line in (
        ["Nr", "Variable", "Bedeutung"],
        [1, frame.columns[1], text],
        [2, "event", "1 = tot"],
        [3, "age", "Jahre"],
    ):
        legend.append(line)
    book.save(path)
    return path


def hidden_sheet(folder: Path, frame: pd.DataFrame, text: str) -> Path:
    return sheet(folder, frame, text, "hidden")


WRITERS = [comments, sidecar, sheet, hidden_sheet]


@pytest.mark.parametrize("write", WRITERS)
def test_the_unit_is_read_from_the_description_and_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, write: Callable[[Path, pd.DataFrame, str], Path]
) -> None:
    path = write(tmp_path, FRAME, "Overall survival (weeks)")
    clinical = read_clinical(path, Columns())
    np.testing.assert_array_equal(clinical.duration, WEEKS * 7.0)
    assert "in weeks (from its description in " in clinical.choice
    answer = survembed(capsys, "data", "prepare", "tabular", "--root", str(path))
    assert answer.code == 0
    assert "in weeks (from its description in " in answer.out + answer.err


@pytest.mark.parametrize("write", WRITERS)
def test_a_name_that_contradicts_its_description_is_refused(
    tmp_path: Path, write: Callable[[Path, pd.DataFrame, str], Path]
) -> None:
    path = write(tmp_path, FRAME.rename(columns={"followup": "os_days"}), "weeks")
    with pytest.raises(DataError, match="name of column 'os_days' says days, its description says weeks") as refused:
        read_clinical(path, Columns())
    assert "data.duration_unit=" in str(refused.value.try_)
    np.testing.assert_array_equal(read_clinical(path, Columns(unit="days")).duration, WEEKS)


def test_a_name_wins_over_an_unclear_description_and_days_are_not_assumed_beside_one(tmp_path: Path) -> None:
    path = sidecar(tmp_path, FRAME, "days or months after surgery")
    with pytest.raises(DataError, match="unit of the durations is not clear"):
        read_clinical(path, Columns())
    path = sidecar(tmp_path, FRAME.rename(columns={"followup": "os_weeks"}), "days or months after surgery")
    assert read_clinical(path, Columns()).columns.unit == "weeks"


def test_another_description_beside_a_table_is_another_cohort(tmp_path: Path) -> None:
    path = sidecar(tmp_path, FRAME, "weeks")
    source = Tabular(root=path).build()
    before = source.fingerprint(QUIET)
    path.with_suffix(".json").write_text('{"followup": "days"}')
    assert source.fingerprint(QUIET) != before
    assert read_clinical(path, Columns()).columns.unit == "days"


@pytest.mark.parametrize("content", ["{", "[1]", '{"followup": 3, "age": null}', '{"followup": {"Units": 7}}'])
def test_a_file_beside_a_table_that_describes_nothing(tmp_path: Path, content: str) -> None:
    path = sidecar(tmp_path, FRAME, "weeks")
    path.with_suffix(".json").write_text(content)
    clinical = read_clinical(path, Columns())
    assert "in days (the name has no unit)" in clinical.choice
    assert any("descriptions of the columns are not read" in note for note in clinical.notes) == (content == "{")


def test_a_sheet_with_the_names_in_a_row_is_no_dictionary(tmp_path: Path) -> None:
    assert in_sheet([["id", "time"], ["a", 3], ["b", 4]], ["id", "time"], "second") == {}
    assert in_sheet([["id", "text"], ["time"], ["x"]], ["id", "time", "event", "age", "sex"], "short") == {}
    path = tmp_path / "two.xlsx"
    with pd.ExcelWriter(path) as book:
        FRAME.to_excel(book, sheet_name="2019", index=False)
        FRAME.to_excel(book, sheet_name="2020", index=False)
    with pytest.raises(DataError, match="several sheets with data"):
        read_clinical(path, Columns())


def test_lines_of_another_width_describe_nothing() -> None:
    assert in_comments([["#made in 2020"], ["#a", "b", "c"]], ["id", "time"]) == {}
