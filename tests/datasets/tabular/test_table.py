"""Tables: cells as they stand, columns by name, and only errors of ours whatever the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.datasets.tabular import table
from survembed.errors import DataError, SurvembedError

FRAME = pd.DataFrame({"id": ["007", "8", "x 9"], "time": ["1", "2.5", "0"], "event": ["1", "0", "1"]})


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_ids_stay_strings(tmp_path: Path, suffix: str) -> None:
    frame = table.read_table(write(FRAME, tmp_path / f"study{suffix}"))
    assert table.identifiers(frame, "id", "here").tolist() == ["007", "8", "x 9"]
    assert table.durations(frame, "time", FRAME["id"].to_numpy(), "here").tolist() == [1, 2.5, 0]
    assert table.events(frame, "event", FRAME["id"].to_numpy(), "here").tolist() == [True, False, True]


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_numeric_ids_have_no_decimal_point(tmp_path: Path, suffix: str) -> None:
    path = write(pd.DataFrame({"id": [1.0, 2.0, 1e6]}), tmp_path / f"study{suffix}")
    assert table.identifiers(table.read_table(path), "id", "here").tolist() == ["1", "2", "1000000"]


def test_semicolons_and_decimal_commas_in_cp1252(tmp_path: Path) -> None:
    path = tmp_path / "study.csv"
    path.write_bytes("Fall;Größe\nMüller, A;12,5\nb;-0,25\n".encode("cp1252"))
    frame = table.read_table(path)
    assert list(frame.columns) == ["Fall", "Größe"]
    assert frame["Fall"].tolist() == ["Müller, A", "b"]
    np.testing.assert_array_equal(table.numbers(frame["Größe"]), [12.5, -0.25])


def test_byte_order_mark_blank_rows_and_nameless_index(tmp_path: Path) -> None:
    path = tmp_path / "study.csv"
    path.write_bytes(b"\xef\xbb\xbf,id,t\n0,a,1\n1,b,2\n,,\n")
    frame = table.read_table(path)
    assert list(frame.columns) == ["id", "t"]
    assert len(frame) == 2


def test_parquet_with_a_named_index(tmp_path: Path) -> None:
    path = write(FRAME.set_index("id"), tmp_path / "study.parquet")
    assert list(table.read_table(path).columns) == ["id", "time", "event"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"  \n\n", "is empty"),
        ("a.csv", b"id,time\n", "no rows"),
        ("a.csv", b"id,time,id\n1,2,3\n", "two columns are named 'id'"),
        ("a.csv", b"id,time\n1,2,3,4\n", "cannot read a.csv"),
        ("a.csv", b"i\0d,t\n1,2\n", "no plain text"),
        ("a.docx", b"id\n1\n", "no table"),
        ("a.xlsx", b"PK\x03\x04 cut", "cannot read a.xlsx"),
        ("a.parquet", b"PAR1 cut", "cannot read a.parquet"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        table.read_table(path)
    assert caught.value.where is not None


def test_missing_file(tmp_path: Path) -> None:
    for suffix in ("csv", "xlsx", "parquet"):
        with pytest.raises(DataError, match=f"no file study.{suffix}"):
            table.read_table(tmp_path / f"study.{suffix}")


def test_columns_by_name() -> None:
    frame = pd.DataFrame(columns=["Case ID", "OS", "OS.time", "T"])
    duration = table.find_column(frame, None, table.DURATION_NAMES, "duration_column", "here")
    assert duration == "OS.time"
    assert table.find_column(frame, None, table.EVENT_NAMES, "event_column", "here", taken=(duration,)) == "OS"
    assert table.guess_column(frame, table.ID_NAMES) == "Case ID"
    assert table.guess_column(frame, ("t",), taken=("T",)) is None


def test_a_column_that_is_not_there() -> None:
    frame = pd.DataFrame(columns=["survival_tme", "died"])
    with pytest.raises(DataError, match="no column 'survival_time'") as caught:
        table.find_column(frame, "survival_time", table.DURATION_NAMES, "duration_column", "here")
    assert caught.value.try_ == "'survival_tme'"
    with pytest.raises(DataError, match="which column is the duration") as caught:
        table.find_column(frame, None, table.DURATION_NAMES, "duration_column", "here")
    assert "--set data.duration_column" in str(caught.value)


IDS = np.array(["a", "b"])


@pytest.mark.parametrize("cell", ["", "NA", "nan", "-1", "inf", "soon"])
def test_bad_durations(cell: str) -> None:
    with pytest.raises(DataError, match="subject 'b' has"):
        table.durations(pd.DataFrame({"time": ["0", cell]}), "time", IDS, "here")


@pytest.mark.parametrize("cell", ["", "2", "-1", "0.5", "dead", "nan"])
def test_events_that_are_not_0_or_1(cell: str) -> None:
    with pytest.raises(DataError, match="subject 'b' has") as caught:
        table.events(pd.DataFrame({"e": ["1", cell]}), "e", IDS, "here")
    assert "data.event_value" in str(caught.value)


def test_events_by_word() -> None:
    frame = pd.DataFrame({"status": ["Dead", "censored"]})
    assert table.events(frame, "status", IDS, "here", "dead").tolist() == [True, False]
    with pytest.raises(DataError, match="never says 'ded'") as caught:
        table.events(frame, "status", IDS, "here", "ded")
    assert caught.value.try_ == "--set data.event_value=Dead"
    with pytest.raises(DataError, match="cannot be read"):
        table.events(pd.DataFrame({"status": ["dead", ""]}), "status", IDS, "here", "dead")


@pytest.mark.parametrize("cells", [["1", "0"], ["True", "false"], [1.0, 0.0], [True, False]])
def test_events_as_written_by_all_sorts(cells: list[object]) -> None:
    assert table.events(pd.DataFrame({"e": cells}), "e", IDS, "here").tolist() == [True, False]


@pytest.mark.parametrize(("cells", "message"), [(["a", "a"], "'a' appears 2 times"), (["a", ""], "row 2 has no id")])
def test_bad_ids(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        table.identifiers(pd.DataFrame({"id": cells}), "id", "here")


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from([".csv", ".tsv", ".xlsx", ".parquet"]))
    whole = tmp_path / f"whole{suffix}"
    if not whole.exists():
        write(FRAME, whole)
    content = bytearray(whole.read_bytes())
    for position, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content)), st.integers(0, 255)), max_size=6)):
        content[position : position + 1] = bytes([byte])
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        frame = table.read_table(path)
        for column in frame.columns:
            table.numbers(frame[column])
            table.durations(frame, column, table.identifiers(frame, column, "here"), "here")
    except SurvembedError:
        pass


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(alphabet=st.sampled_from("ab01.-,;\t\n\r\"' é#\x00")))
def test_any_text_raises_nothing_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        frame = table.read_table(path)
    except SurvembedError:
        return
    assert len(frame) > 0
