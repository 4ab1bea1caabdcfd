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
from survembed.workflows.explore import Explorer
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
    frame.iloc[:1].to_csv(path.parent / "one.csv", index=False)
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
    assert [(each["model"], each["cause"]) for each in scored["causes"]] == [("base", "recurrence"), ("base", "death")]
    assert scored["counted"] == "An event of any cause counts: recurrence, death."
    for each in scored["causes"]:
        assert each["c"]["value"] > 0.7
        assert each["ibs"]["value"] < each["ibs_null"]["value"]
        predicted, observed = (np.array(each["calibration"][part], float) for part in ("predicted", "observed"))
        assert np.nanmax(np.abs(predicted - observed)) < 0.35  # none where the follow-up of a group ends before
    for name, extra in (("survival", "incidence"), ("calibration", "incidence-calibration")):
        drawn = said(f"figure {name} --bootstrap 0 --out {tmp_path / 'figures'}")
        assert (tmp_path / "figures" / f"{extra}.png").is_file()
        assert set(drawn["numbers"]["causes"]) == {"base, recurrence", "base, death"}
    written = said(f"report --bootstrap 0 --out {tmp_path / 'report.html'}")
    assert {"survival", "calibration"} <= set(written["figures"])
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("Aalen-Johansen IBS", "Incidence by", "base, recurrence", "An event of any cause counts"):
        assert text in html
    effects = said("importance")
    assert effects["counted"] == scored["counted"]
    frame = pd.read_csv(table).set_index("id")
    trained = TrainedModel.open(Runs(tmp_path).find())
    hazards = trained.cause_log_hazards(trained.latents.z.astype(np.float64))
    for number, column in enumerate("ab"):
        true = frame.loc[trained.latents.id, column]
        assert spearmanr(hazards[:, number], true).statistic > 0.9
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
    new = pd.read_csv(tmp_path / "out" / "predictions.csv")
    names = ("survival", "incidence_of_recurrence", "incidence_of_death")
    curves = [new.filter(regex=f"^{name}_at_").to_numpy() for name in names]
    assert curves[0].shape == (3, 3)
    np.testing.assert_allclose(np.sum(curves, axis=0), 1.0, atol=1e-5)
    rows = [trained.latents.position(name) for name in new["id"]]
    for number, cause in enumerate(("recurrence", "death")):
        of_cause = said(f"predict --table {table.parent / 'new.csv'} --out {tmp_path / cause} --cause {cause}")
        assert of_cause["cause"] == cause
        for subject, other, row in zip(of_cause["subjects"], predicted["subjects"], rows, strict=True):
            assert subject["log_hazard"] == pytest.approx(hazards[row, number], rel=1e-5)
            share = np.mean(hazards[~trained.latents.test, number] <= hazards[row, number])
            assert subject["log_hazard_percentile"] == pytest.approx(100 * share, abs=1)
            assert subject["survival"] == other["survival"]
            assert subject["survival_bound"] == other["survival_bound"]
            assert sum(subject["contributions"]) == pytest.approx(np.log(subject["hazard_ratio"]), abs=1e-5)
    both = [Explorer(TrainedModel.open(Runs(tmp_path).find(), cause=cause)) for cause in (None, "death")]
    assert [each.describe()["cause"] for each in both] == [None, "death"]
    assert both[1].describe()["causes"] == ("recurrence", "death")
    scenes = [each.scene(trained.latents.z[0].astype(np.float64)).numbers for each in both]
    assert scenes[1]["log_hazard"] == pytest.approx(hazards[0, 1], rel=1e-4)
    assert scenes[0]["survival"] == scenes[1]["survival"]
    total = np.sum([scenes[1]["survival"][0], *scenes[1]["incidence"].values()], axis=0)
    np.testing.assert_allclose(total, 1.0, atol=1e-4)
    page = survembed(capsys, *f"predict --table {table.parent / 'one.csv'} --pages --runs-dir {tmp_path}".split())
    assert "incidence of death" in page.out, page.err
    wrong = survembed(capsys, "traverse", "--cause", "deth", "--runs-dir", str(tmp_path))
    assert (wrong.code, "--cause death" in wrong.err) == (2, True)
    text = survembed(capsys, "evaluate", "--downstream", "coxph", "--bootstrap", "0", "--runs-dir", str(tmp_path))
    assert "Aalen-Johansen IBS" in text.out
    assert "predicted / observed" in text.out
    assert survembed(capsys, "importance", "--runs-dir", str(tmp_path)).code == 0
    run = Runs(tmp_path).find().id
    assert said(f"runs export {run} {tmp_path / 'alone.zip'}")
    without = survembed(capsys, "runs", "import", str(tmp_path / "alone.zip"), "--runs-dir", str(tmp_path / "alone"))
    assert without.code == 0, without.err
    for cause in ("", " --cause death"):
        line = f"predict --table {table.parent / 'new.csv'} --out {tmp_path / 'again'} --json{cause} --runs-dir"
        answers = [survembed(capsys, *line.split(), str(folder)) for folder in (tmp_path, tmp_path / "alone")]
        own, imported = (json.loads(answer.out)["subjects"] for answer in answers)
        for one, other in zip(own, imported, strict=True):
            assert one["incidence"] == other["incidence"]
            assert one["log_hazard_percentile"] == other["log_hazard_percentile"]
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
    sweep = f"--set {CAUSES} --models deepsurv --folds 0 --set train.updates=3 --sweep-dir {tmp_path / 'sweep'}"
    tabled = survembed(
        capsys, *f"benchmark --data tabular --root {table} {sweep} --downstream coxph --bootstrap 0".split()
    )
    assert "An event of any cause counts: recurrence, death." in tabled.out, tabled.err
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


def test_a_name_without_a_subject_has_a_remedy_that_works(table: Path, tmp_path: Path) -> None:
    for causes, remedy in (
        ("1=recurrence,3=death", "1=recurrence,2=NAME"),
        ("1=recurrence,2=death,7=other", "1=recurrence,2=death"),
    ):
        with pytest.raises(DataError, match="does not contain") as raised:
            read(table, causes)
        assert raised.value.try_ == f"--set data.causes={remedy}"
        read(table, remedy)
    pd.read_csv(table).replace({"event": {2: 0}}).to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(DataError, match="does not contain '2'") as raised:
        read(tmp_path / "one.csv", "1=recurrence,2=death")
    assert "data.event_value=1 in place" in (raised.value.try_ or "")


def test_a_cause_without_an_event_in_a_part_is_named(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One death: either the training part lacks it, or the test part, whose scores of it are empty with a reason."""
    frame = pd.read_csv(table).head(60).replace({"event": {2: 0}})
    frame.loc[0, "event"] = 2
    frame.to_csv(tmp_path / "one.csv", index=False)
    seen = set()
    for seed in range(12):
        where = f"--runs-dir {tmp_path / str(seed)}"
        line = f"--data tabular --root {tmp_path / 'one.csv'} --set {CAUSES} --head cause-specific --updates 2"
        split = f"--set split.test={0.3 + seed % 2 * 0.4} --set split.validation=0 --seed {seed}"
        trained = survembed(capsys, *f"train deepsurv {line} {split} {where}".split())
        if trained.code == 4:
            assert "no training event of the cause 'death'" in trained.err
        elif 0 not in seen:
            scored = survembed(capsys, *f"evaluate --downstream coxph --bootstrap 5 --json {where}".split())
            death = json.loads(scored.out)["causes"][1]
            assert (death["cause"], death["events"]) == ("death", 0)
            for metric in ("c", "auc"):
                assert (death[metric]["value"], death[metric]["reason"] != "") == (None, True)
        seen.add(trained.code)
        if seen == {0, 4}:
            return
    raise AssertionError(f"the parts of all seeds are all alike: {seen}")


def test_a_code_without_a_name_is_refused(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[:5, "event"] = 4
    frame.to_csv(tmp_path / "four.csv", index=False)
    with pytest.raises(DataError, match=r"code '4', which data\.causes does not name") as raised:
        read(tmp_path / "four.csv", "1=recurrence,2=death")
    assert "4=NAME" in (raised.value.try_ or "")
