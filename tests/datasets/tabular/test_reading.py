"""Table files are read unchanged; damaged files raise only DataError."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.datasets.tabular.cells import durations, identifiers
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.reading import read_table
from survembed.errors import DataError, SurvembedError
from tests.datasets.tabular.tables import FRAME, write


def test_semicolons_and_decimal_commas_in_cp1252(tmp_path: Path) -> None:
    path = tmp_path / "study.csv"
    path.write_bytes("Fall;Größe\nMüller, A;12,5\nb;-0,25\n".encode("cp1252"))
    frame = read_table(path).frame
    assert list(frame.columns) == ["Fall", "Größe"]
    assert frame["Fall"].tolist() == ["Müller, A", "b"]
    np.testing.assert_array_equal(numbers(read_table(path), "Größe").values, [12.5, -0.25])


def test_byte_order_mark_blank_rows_and_nameless_index(tmp_path: Path) -> None:
    path = tmp_path / "study.csv"
    path.write_bytes(b"\xef\xbb\xbf,id,t\n0,a,1\n1,b,2\n,,\n")
    frame = read_table(path).frame
    assert list(frame.columns) == ["id", "t"]
    assert len(frame) == 2


def test_parquet_with_a_named_index(tmp_path: Path) -> None:
    path = write(FRAME.set_index("id"), tmp_path / "study.parquet")
    assert list(read_table(path).frame.columns) == ["id", "time", "event"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"  \n\n", "is empty"),
        ("a.csv", b"id,time\n", "no rows"),
        ("a.csv", b"id,time,id\n1,2,3\n", "two columns are named 'id'"),
        ("a.csv", b"id,time\n1,2,3,4\n", "line 2 has 4 cells"),
        ("a.csv", b"i\0d,t\n1,2\n", "not plain text"),
        ("a.docx", b"id\n1\n", "not a table"),
        ("a.xlsx", b"PK\x03\x04 cut", "cannot read a.xlsx"),
        ("a.parquet", b"PAR1 cut", "cannot read a.parquet"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert caught.value.where is not None


def test_missing_file(tmp_path: Path) -> None:
    for suffix in ("csv", "xlsx", "parquet"):
        with pytest.raises(DataError, match=f"no file study.{suffix}"):
            read_table(tmp_path / f"study.{suffix}")


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
        table = read_table(path)
        for column in table.frame.columns:
            numbers(table, column)
            durations(table, column, identifiers(table, column))
    except SurvembedError:
        pass


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(alphabet=st.sampled_from("ab01.-,;\t\n\r\"' é#\x00")))
def test_any_text_raises_nothing_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        frame = read_table(path).frame
    except SurvembedError:
        return
    assert len(frame) > 0
