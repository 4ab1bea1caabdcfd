"""Competing causes from the table to the commands, on planted hazards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from survembed.datasets import Tabular
from survembed.datasets.tabular.columns import Columns
from survembed.datasets.tabular.outcome import read_outcome
from survembed.datasets.tabular.reading import read_table
from survembed.errors import DataError, UsageError
from survembed.runs.run import Runs
from survembed.runs.trained_model import TrainedModel
from tests.cli.command import survembed

N = 500
CAUSES = "data.causes=1=recurrence,2=death"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 4))
    lives = np.column_stack([rng.exponential(np.exp(-1.5 * x[:, :2])), rng.exponential(2.0, N)])
    frame = pd.DataFrame(x, columns=list("abcd")).assign(
        time=np.ceil(lives.min(axis=1) * 300), event=(lives.argmin(axis=1) + 1) % 3
    )
    frame.insert(0, "id", [f"s{row}" for row in range(N)])
    path = tmp_path_factory.mktemp("causes") / "study.csv"
    frame.to_csv(path, index=False)
    frame.iloc[:3].to_csv(path.parent / "new.csv", index=False)
    return path


def test_from_the_table_to_the_commands(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(line: str) -> Any:
        answer = survembed(capsys, *line.split(), "--runs-dir", str(tmp_path), "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    said(
        f"train coxvae --data tabular --root {table} --set {CAUSES} --head cause-specific --latent-dim 4 --updates 400 "
        "--rate 0.01 --tau 0.1"
    )
    scored = said("evaluate --downstream coxph --bootstrap 10")
    assert [each["cause"] for each in scored["causes"]] == ["recurrence", "death"]
    for each in scored["causes"]:
        assert each["c"]["value"] > 0.7
        assert each["ibs"]["value"] < each["ibs_null"]["value"]
    frame = pd.read_csv(table).set_index("id")
    trained = TrainedModel.open(Runs(tmp_path).find())
    hazards = trained.cause_log_hazards(trained.latents.z.astype(np.float64))
    for number, column in enumerate("ab"):
        true = frame.loc[trained.latents.id, column]
        assert spearmanr(hazards[:, number], true).statistic > 0.9
    effects = said("importance")
    assert 60 < effects["angles"]["recurrence and death"] < 120
    assert set(effects["causes"]) == {"recurrence", "death"}
    ends = {}
    for cause in ("recurrence", "2"):
        walk = said(f"traverse --risk --dim 0 --steps 3 --cause {cause} --out {tmp_path / cause}")["rows"][0]
        assert walk["log_hazard"] == sorted(walk["log_hazard"])
        ends[cause] = TrainedModel.open(Runs(tmp_path).find(), cause=cause).gradient(np.zeros(4))
    np.testing.assert_allclose(ends["2"], trained.model.head.psi.weight.detach().numpy()[1], rtol=1e-5)  # type: ignore[union-attr]
    predicted = said(f"predict --table {table.parent / 'new.csv'} --out {tmp_path / 'out'}")
    for subject in predicted["subjects"]:
        total = np.sum([subject["survival"], *subject["incidence"].values()], axis=0)
        np.testing.assert_allclose(total, 1.0, atol=1e-9)
    wrong = survembed(capsys, "traverse", "--cause", "deth", "--runs-dir", str(tmp_path))
    assert (wrong.code, "--cause death" in wrong.err) == (2, True)
    text = survembed(capsys, "evaluate", "--downstream", "coxph", "--bootstrap", "0", "--runs-dir", str(tmp_path))
    assert "Aalen-Johansen IBS" in text.out
    assert survembed(capsys, "importance", "--runs-dir", str(tmp_path)).code == 0
    run = Runs(tmp_path).find().id
    archive = survembed(capsys, "runs", "export", run, str(tmp_path / "run.zip"), "--runs-dir", str(tmp_path))
    assert (archive.code, "--with-latents" in archive.err) == (5, True)
    assert said(f"runs export {run} {tmp_path / 'run.zip'} --with-latents")
    taken = survembed(capsys, "runs", "import", str(tmp_path / "run.zip"), "--runs-dir", str(tmp_path / "taken"))
    assert taken.code == 0, taken.err
    same = TrainedModel.open(Runs(tmp_path / "taken").find(), cause="death")
    np.testing.assert_array_equal(same.latents.event, trained.latents.cause == 2)
    np.testing.assert_allclose(same.latents.log_hazard, hazards[:, 1], rtol=1e-5)  # type: ignore[arg-type]


def test_a_head_without_causes_says_what_it_counts(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"train deepsurv --data tabular --root {table} --updates 3 --runs-dir {tmp_path} --set"
    any_event = survembed(capsys, *line.split(), CAUSES)
    assert any_event.code == 0
    assert "counts an event of any cause as the event: recurrence, death" in any_event.err
    one = survembed(capsys, *line.split(), "data.event_value=1")
    assert one.code == 0
    assert "counts '1' as the event, '0', '2' as censored" in one.err
    none = survembed(capsys, *line.split(), "data.event_value=1,2", "--head", "cause-specific")
    assert (none.code, "one kind of event" in none.err) == (2, True)
    beside = survembed(capsys, *line.split(), CAUSES, "--head", "cause-specific", "--covariates", "c")
    assert (beside.code, "which is no Cox head" in beside.err) == (2, True)
    three = survembed(capsys, *line.split(), CAUSES, "--head", "cause-specific", "--set", "head.causes=3")
    assert (three.code, "--set head.causes=2" in three.err) == (2, True)


@pytest.mark.parametrize(
    ("causes", "error", "message"),
    [
        ("1=recurrence,3=death", DataError, "does not contain '3'"),
        ("1=recurrence", UsageError, "two or more"),
        ("1=a,1=b", UsageError, "two or more"),
        ("1=a,2=a", UsageError, "two or more"),
        ("1,2", UsageError, "two or more"),
        ("1=,2=b", UsageError, "two or more"),
    ],
)
def test_causes_that_do_not_fit(table: Path, causes: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        read(table, causes)
    assert message in str(raised.value) + str(getattr(raised.value, "expected", ""))


def read(table: Path, causes: str) -> None:
    options = Tabular.configure("data", {"root": table, "causes": causes})
    read_outcome(read_table(table, None, None, ()), Columns.of(options), needs_id=False, converted=False)


def test_a_code_without_a_name_is_refused(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[:5, "event"] = 4
    frame.to_csv(tmp_path / "four.csv", index=False)
    with pytest.raises(DataError, match=r"code '4', which data\.causes does not name") as raised:
        read(tmp_path / "four.csv", "1=recurrence,2=death")
    assert "4=NAME" in (raised.value.try_ or "")
