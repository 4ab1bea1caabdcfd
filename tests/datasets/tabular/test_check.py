"""`data check tabular`: types, missing, constant and repeated columns, and columns that reveal the outcome."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from survembed.cohort.study_check import StudyCheck
from survembed.datasets import Tabular
from survembed.workflows.check import check
from tests.cli.command import survembed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """40 subjects, one feature of each kind."""
    rng = np.random.default_rng(0)
    rows = ["id,time_days,event,age,sex,site,weight,age_again,log_time,visit"]
    for number in range(40):
        days, age = int(rng.integers(30, 900)), int(rng.integers(40, 80))
        weight = "" if number % 3 == 0 else str(60 + number)
        rows.append(
            f"p{number},{days},{int(rng.random() < 0.6)},{age},{'mf'[number % 2]},A,{weight},{age},"
            f"{np.log(days):.4f},2020-01-{1 + number % 28:02d}"
        )
    rows.append(rows[-1].replace("p39", "p40"))
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "table.csv"


def checked(path: Path, **options: object) -> StudyCheck:
    return check(Tabular.model_validate({"root": path, **options}), "tabular")


def test_every_column_has_a_kind_and_a_use(path: Path) -> None:
    columns = {each.name: each for each in checked(path).columns}
    assert [columns[name].use for name in ("id", "time_days", "event", "age", "sex")] == [
        *("id", "duration", "event", "feature", "feature")
    ]
    assert [columns[name].kind for name in ("age", "sex", "visit", "site")] == ["numbers", "text", "dates", "text"]
    assert columns["weight"].missing == 15
    assert columns["sex"].distinct == 2
    assert columns["visit"].use.startswith("left out: ")
    assert columns["log_time"].use.startswith("left out: ")


def test_problems_and_doubts(path: Path) -> None:
    found = checked(path)
    problems = [problem.message for problem in found.problems]
    assert any("column 'log_time' may reveal the outcome" in text for text in problems)
    assert any("15 subject(s) miss a feature" in text for text in problems)
    assert "column 'site' is constant" in found.warnings
    assert "column 'age_again' repeats 'age'" in found.warnings
    assert "column 'weight' is missing in 15 of 41 rows" in found.warnings
    assert "1 row(s) repeat another in all columns but the id" in found.warnings
    assert len(checked(path, missing="drop").problems) == 1


def test_bad_rows_do_not_hide_the_rest(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[3] = ",".join([lines[3].split(",")[0], "-5", *lines[3].split(",")[2:]])
    path.write_text("\n".join(lines) + "\n")
    found = checked(path)
    assert any("p2" in problem.message for problem in found.problems)
    assert found.follow_up is not None
    assert found.follow_up.subjects == 40


def test_without_an_outcome_the_columns_are_shown(path: Path) -> None:
    path.write_text("id,weight\np1,3\np2,4\n")
    found = checked(path)
    assert found.n_bad == 1
    assert [each.use for each in found.columns] == ["unknown", "unknown"]


def test_as_a_user_sees_it(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    answer = survembed(capsys, "data", "check", "tabular", "--root", str(path))
    assert answer.code == 4
    assert "log_time" in answer.out
    assert "warning: column 'site' is constant" in answer.out
    assert "skip_bad" not in answer.err
    answer = survembed(capsys, "data", "check", "tabular", "--root", str(path), "--json")
    assert json.loads(answer.out)["columns"][0] == {
        "name": "id", "kind": "text", "missing": 0, "distinct": 41, "use": "id"
    }  # fmt: skip
