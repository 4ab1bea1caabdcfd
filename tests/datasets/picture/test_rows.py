"""Tables with a row for each picture."""

from __future__ import annotations

import pandas as pd
import pytest

from survembed.datasets.picture.rows import find_image_column, find_subject_column, one_row_each
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError


def a_table(**columns: list[object]) -> Table:
    return Table(pd.DataFrame(columns), "t.csv")


def test_the_column_of_pictures() -> None:
    table = a_table(age=[1, 2, 3], path=["a.png", "b.JPG", ""], other=["x", "y.png", "z"])
    assert find_image_column(table, None) == "path"
    assert find_image_column(table, "other") == "other"
    assert find_image_column(a_table(id=["a", "b"]), None) is None
    with pytest.raises(DataError, match="no column 'pth'"):
        find_image_column(table, "pth")
    with pytest.raises(DataError, match="'one' and 'two' may both") as refused:
        find_image_column(a_table(one=["a.png"], two=["b.png"]), None)
    assert "data.image_column" in str(refused.value.try_)


def test_the_column_of_subjects() -> None:
    files: list[object] = ["a.png", "b.png", "c.png"]
    assert find_subject_column(a_table(patient_id=["p", "p", "q"], file=files), None, "file") == "patient_id"
    assert find_subject_column(a_table(file=files, age=[1, 2, 3]), None, "file") == "file"
    same = a_table(patient_id=["p", "p", "q"], subject=[7, 7, 8], file=files)
    assert find_subject_column(same, None, "file") == "patient_id"
    differ = a_table(image_id=["i", "j", "k"], patient_id=["p", "p", "q"], file=files)
    with pytest.raises(DataError, match="may both be the subject") as refused:
        find_subject_column(differ, None, "file")
    assert "data.id_column" in str(refused.value.try_)
    assert find_subject_column(differ, "patient_id", "file") == "patient_id"


def test_one_row_of_each_subject_and_the_columns_that_differ() -> None:
    table = a_table(id=["b", "a", "b", ""], age=[1, 2, 1, 5], view=["x", "y", "z", "z"])
    rows, differing = one_row_each(table, "id")
    assert rows.frame["id"].tolist() == ["b", "a", ""]
    assert rows.frame["view"].tolist() == ["x", "y", "z"]
    assert differing == {"view"}
