"""Durations between two dates: every usual way to write a date, and no guess."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from survembed.datasets import Tabular
from survembed.datasets.tabular.dates import with_durations
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError
from tests.datasets.preparing import prepared

START, END = date(2019, 3, 25), date(2020, 4, 3)  # 375 days, over a leap day


def table(start: list[object], end: list[object]) -> Table:
    return Table(pd.DataFrame({"diagnosis": start, "last": end, "age": range(len(start))}, dtype=object), "t.csv")


def days(start: list[object], end: list[object], order: str | None = None) -> list[object]:
    made, name, _ = with_durations(table(start, end), "diagnosis", "last", order)  # type: ignore[arg-type]
    assert list(made.frame.columns) == ["age", name]
    return made.frame[name].tolist()


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y%m%d",
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d-%b-%Y",
        "%d %B %Y",
        "%b %d, %Y",
        "%Y-%m-%d 12:30",
        "%Y-%m-%dT12:30:00Z",
    ],
)
def test_forms(form: str) -> None:
    ends = [END.strftime(form), date(2020, 4, 30).strftime(form)]
    assert days([START.strftime(form), START.strftime(form)], list(ends)) == [375, 402]


def test_typed_dates_and_serials_of_excel() -> None:
    assert days([datetime(2019, 3, 25)], [pd.Timestamp(2020, 4, 3)]) == [375]
    assert days([43549, "43549"], [43924.75, "43924"]) == [375, 375]
    assert (date(2019, 3, 25) - date(1899, 12, 30)).days == 43549


def test_missing_dates_are_missing_durations() -> None:
    assert days(["2019-03-25", "", "2019-03-25"], ["2020-04-03", "2020-04-03", "NA"]) == [375, None, None]


def test_the_order_may_be_declared() -> None:
    assert days(["03/04/2020"], ["04/05/2020"], "day") == [31]
    assert days(["03/04/2020"], ["04/05/2020"], "month") == [32]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (["03/04/2020"], ["2020-05-01"], "can be read in two ways"),
        (["13/04/2020", "04/13/2020"], ["2020-05-01"] * 2, "'13/04/2020' and '04/13/2020'"),
        (["25/12/19"], ["2020-05-01"], "is no date"),
        (["2020-02-30"], ["2020-05-01"], "is no date"),
        (["last spring"], ["2020-05-01"], "is no date"),
        (["3 Foo 2020"], ["2020-05-01"], "is no date"),
        (["43549"], ["2020-05-01"], "serial numbers"),
        (["43549", "2020-01-01"], ["2020-05-01"] * 2, "is no date"),
    ],
)
def test_what_is_refused(start: list[object], end: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        days(start, end)


def write(folder: Path, kind: str) -> Path:
    rows = [("p1", START, END, 1, 60), ("p2", date(2018, 1, 1), date(2018, 1, 1), 0, 50), ("p3", START, START, 1, 55)]
    path = folder / f"t.{kind}"
    if kind == "xlsx":
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in [("id", "surgery", "follow_up", "event", "age"), *rows]:
            sheet.append(row)
        book.save(path)
    else:
        lines = [",".join([r[0], r[1].strftime("%d.%m.%Y"), r[2].strftime("%d.%m.%Y"), *map(str, r[3:])]) for r in rows]
        path.write_text("\n".join(["id,surgery,follow_up,event,age", *lines]) + "\n")
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_cohort(tmp_path: Path, kind: str) -> None:
    root = write(tmp_path, kind)
    options = Tabular.model_validate({"root": root, "start_column": "surgery", "end_column": "follow_up"})
    with prepared(options.build(), tmp_path) as cohort:
        assert cohort.subjects.duration.tolist() == [375, 0, 0]
        assert cohort.header.time_unit == "days"
        assert cohort.header.features == ("age",)
        assert any("Durations are the days from surgery to follow_up" in note for note in cohort.header.notes)


def test_an_end_before_the_start_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, "csv")
    options = Tabular.model_validate({"root": root, "start_column": "follow_up", "end_column": "surgery"})
    with pytest.raises(DataError, match=r"negative.*'p1' has '-375'"):
        prepared(options.build(), tmp_path)


@pytest.mark.parametrize("given", [{"start_column": "surgery"}, {"end_column": "follow_up"}])
def test_one_column_of_dates_is_not_enough(tmp_path: Path, given: dict[str, str]) -> None:
    options = Tabular.model_validate({"root": write(tmp_path, "csv"), **given})
    with pytest.raises(DataError, match="two of dates"):
        prepared(options.build(), tmp_path)


def test_the_fingerprint_of_other_tables_stays(tmp_path: Path) -> None:
    from survembed.progress import QUIET

    path = tmp_path / "t.csv"
    path.write_text("id,duration,event,age\na,1,1,2\nb,3,0,4\n")
    later = {"start_column", "end_column", "date_order", "entry_column", "causes"}
    assert not later & set(Tabular(root=path).build().fingerprint(QUIET))
