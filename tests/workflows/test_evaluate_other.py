"""Another cohort: prepared as the run's, scored without a fit; its errors are named and leave nothing behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from sksurv.metrics import concordance_index_ipcw, cumulative_dynamic_auc, integrated_brier_score

from survembed.cli.other_cohort import OtherRequest
from survembed.datasets import Liver
from survembed.evaluation.external import ExternalModel, score_external
from survembed.evaluation.predictions import PredictedCohort
from survembed.runs.configuration import Chosen
from survembed.runs.run import Run
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.outcome import Outcome, to_structured
from survembed.workflows.evaluate_other import evaluate_other
from survembed.workflows.train import train
from tests.cli.command import survembed
from tests.hospitals import SIZE
from tests.trained import config


def test_another_hospital(hospitals: dict[str, Path], hospital_run: Run) -> None:
    """C holds; calibration in the large fails, and holds after recalibration."""
    other = OtherRequest(None, hospitals["south"]).component(hospital_run)
    found = evaluate_other(hospital_run, other, by=("sex", "centre"), horizons=(100.0, 200.0), n_resamples=100)
    base, intercept, slope = found.rows
    assert base.scores.scores["harrell_c"].value > 0.7
    assert base.in_the_large.low > 0  # more die than predicted
    assert intercept.in_the_large.value == pytest.approx(0, abs=1e-9)
    assert intercept.in_the_large.low < 0 < intercept.in_the_large.high
    assert slope.slope.value == pytest.approx(1, abs=1e-6)
    assert slope.scores.scores["ibs"].value < base.scores.scores["ibs"].value
    assert {each.by for each in found.groups} == {"sex", "centre"}
    assert sum(each.n for each in found.groups if each.by == "sex") == 60
    assert all(each.scores["harrell_c"].reason for each in found.groups if each.n_events < 10)
    kept = json.loads(next((hospital_run.path / "external").glob("metrics-*.json")).read_text())
    assert [row["name"] for row in kept["rows"]] == [row.scores.column for row in found.rows]


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_other_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, horizon = int(rng.integers(80, 160)), 1.0
    risk = rng.normal(size=n) * rng.uniform(0.3, 1.5)
    time, censoring = rng.exponential(np.exp(-risk * rng.uniform(0.3, 1.3)) * 1.5), rng.exponential(4.0, n)
    outcome = Outcome(np.minimum(time, censoring), time <= censoring)
    train = rng.exponential(np.exp(-risk))
    baseline = BreslowBaseline.fit(risk, train, np.ones(n, bool))
    ids = np.arange(n).astype(str)
    model = ExternalModel(
        "x",
        "base",
        0,
        risk,
        is_log_hazard=True,
        survival=lambda rows, times: baseline.survival(risk[rows], times),
        last_time=baseline.last_time,
    )
    found = score_external(PredictedCohort("f", ids, outcome, np.empty(0)), [model], [horizon], n_resamples=0)
    y = to_structured(*outcome)
    for row, predicted in zip(found.rows, found.predictions, strict=True):
        scores = {name: metric.value for name, metric in row.scores.scores.items()}
        on_grid = predicted.on(found.grid, found.cohort.times).survival
        assert scores["harrell_c"] == pytest.approx(
            concordance_index(outcome.duration, -predicted.risk, outcome.event), abs=1e-9
        )
        assert scores["uno_c"] == pytest.approx(
            concordance_index_ipcw(y, y, predicted.risk, tau=found.grid[-1])[0], abs=1e-9
        )
        assert scores["ibs"] == pytest.approx(integrated_brier_score(y, y, on_grid, found.grid), abs=1e-9)
        assert scores["auc_1"] == pytest.approx(cumulative_dynamic_auc(y, y, predicted.risk, [horizon])[0][0], abs=1e-9)
        frame = pd.DataFrame({"r": predicted.risk, "t": outcome.duration, "e": outcome.event})
        if baseline.last_time >= outcome.duration.max():
            fitted = CoxPHFitter().fit(frame, "t", "e", fit_options={"precision": 1e-12})
            assert row.slope.value == pytest.approx(fitted.params_["r"], abs=1e-6)
        curve = KaplanMeierFitter().fit(outcome.duration, outcome.event)
        assert row.at_horizons[0].observed == pytest.approx(1 - curve.predict(horizon), abs=1e-9)
        assert row.at_horizons[0].predicted == pytest.approx(1 - predicted.survival[:, found.cohort.times == 1].mean())
    own = np.array(
        [baseline.survival(risk[[i]], [min(outcome.duration[i], baseline.last_time)])[0, 0] for i in range(n)]
    )
    observed = (outcome.event & (outcome.duration <= baseline.last_time)).sum()
    assert found.rows[0].in_the_large.value == pytest.approx(np.log(observed / -np.log(own).sum()), abs=1e-9)


def test_through_the_command_line(
    hospitals: dict[str, Path], hospital_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exported predictions give the printed scores; `embed` and `predict` take the same folder."""
    runs = ["--runs-dir", str(hospital_run.path.parent)]
    root, table = ["--root", str(hospitals["south"])], tmp_path / "predictions.csv"
    told = survembed(
        capsys, "evaluate", "--data", "liver", *root, *runs, "--json", "--bootstrap", "20", "--horizons", "365,1095",
        "--by", "sex", "--predictions", str(table),
    )  # fmt: skip
    assert told.code == 0, told.err
    first = json.loads(told.out)["rows"][0]
    rows = pd.read_csv(table).query("model == 'base'")
    c = concordance_index(rows["duration"], -rows["risk"], rows["event"])
    assert first["harrell_c"]["value"] == pytest.approx(c, abs=1e-9)
    shown = survembed(capsys, "evaluate", *root, *runs, "--bootstrap", "20", "--horizons", "365,1095", "--by", "centre")
    assert "AUC at 1 year" in shown.out
    assert "3 years" in shown.out
    assert "net benefit" in shown.out
    embedded = survembed(capsys, "embed", *root, *runs, "--json")
    assert json.loads(embedded.out)["subjects"] == 60
    answer = survembed(capsys, "predict", *root, *runs, f"--out={tmp_path}/all.csv")
    assert answer.code == 0, answer.err
    predicted = pd.read_csv(tmp_path / "all.csv").set_index("id")
    np.testing.assert_allclose(predicted.loc[rows["id"], "log_hazard"], rows["risk"], atol=1e-4)
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".png", ".pdf")] == []


Change = Callable[[Path], list[str]]


def _table(edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def change(root: Path) -> list[str]:
        edit(pd.read_csv(root / "clinical.csv")).to_csv(root / "clinical.csv", index=False)
        return []

    return change


def _masks_only(root: Path) -> list[str]:
    for path in (root / "imagesTr").iterdir():
        path.unlink()
    (root / "imagesTr").rmdir()
    return []


def _other_labels(root: Path) -> list[str]:
    for path in (root / "labelsTr").iterdir():
        image = nib.load(path)
        labels = np.asarray(image.dataobj)
        nib.save(nib.Nifti1Image(np.where(labels == 2, 7, labels).astype(np.uint8), image.affine), path)
    return []


BAD: dict[str, tuple[Change, int, str]] = {
    "no events": (_table(lambda t: t.assign(event=0)), 4, "event"),
    "one event": (_table(lambda t: t.assign(event=[1] + [0] * (len(t) - 1))), 4, "1 event among"),
    "columns": (_table(lambda t: t.rename(columns={"time_days": "wz", "event": "q"})), 4, "column"),
    "labels": (_other_labels, 4, "label 7, whose meaning is not known"),
    "channels": (_masks_only, 4, "channels of this cohort"),
    "window": (lambda root: ["--set", "data.window=-100,200"], 4, "window"),
    "size": (lambda root: ["--set", "data.size=8"], 4, "size of this cohort"),
    "horizon": (lambda root: ["--horizons", "365,99999"], 2, "nothing is known at 99999"),
    "horizon text": (lambda root: ["--horizons", "soon"], 2, "no list of horizons"),
    "dataset": (lambda root: ["--data", "tabular"], 2, "trained on 'liver'"),
    "group": (lambda root: ["--by", "sexx"], 2, "no covariate 'sexx'"),
    "no folder": (lambda root: ["--root", str(root / "none")], 4, "none"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_cohorts(
    hospitals: dict[str, Path], hospital_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, code, message = BAD[name]
    root = tmp_path / "other"
    shutil.copytree(hospitals["south"], root)
    more = change(root)
    where = [] if "--root" in more else ["--root", str(root)]
    answer = survembed(
        capsys, "evaluate", "--runs-dir", str(hospital_run.path.parent), "--bootstrap", "0", *where, *more
    )
    assert answer.code == code, answer.err
    assert message in " ".join(answer.err.split())
    assert not list(hospital_run.path.glob("external/metrics*"))


@pytest.fixture(scope="module")
def run_with_sex(hospitals: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A clinical + image model on `north`, hardly trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        made = config("volume", "deepsurv", train={"updates": 5, "covariates": ("sex",)}, split={"test": 0.3})
        made = replace(made, data=Chosen("liver", Liver(root=hospitals["north"], size=SIZE)))
        return train(made, runs_dir=tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (_table(lambda t: t.assign(sex=["x"] * 3 + list(t["sex"][3:]))), 0, "3 subject(s) have 'x' in 'sex', which"),
        (_table(lambda t: t.assign(sex=(t["sex"] == "f") + 1)), 4, "'sex' holds numbers, where training had text"),
        (_table(lambda t: t.drop(columns="sex")), 4, "covariate 'sex' of the model is missing"),
        (_table(lambda t: t.rename(columns={"sex": "gender"})), 4, "covariate 'sex' of the model is missing"),
    ],
)
def test_covariates_of_another_cohort_that_training_never_saw(
    hospitals: dict[str, Path],
    run_with_sex: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    code: int,
    message: str,
) -> None:
    root = tmp_path / "other"
    shutil.copytree(hospitals["south"], root)
    change(root)
    before = set(run_with_sex.path.rglob("*"))
    answer = survembed(capsys, "evaluate", "--run", str(run_with_sex.path), "--bootstrap", "0", "--root", str(root))
    assert answer.code == code, answer.err
    assert message in " ".join(answer.err.split())
    assert code == 0 or set(run_with_sex.path.rglob("*")) == before


def test_months_are_made_the_days_of_the_run(
    hospitals: dict[str, Path], hospital_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_days, root = hospitals["south"], tmp_path / "other"
    shutil.copytree(in_days, root)
    table = pd.read_csv(root / "clinical.csv")
    table = table.assign(time_months=table["time_days"] / 30.4375).drop(columns="time_days")
    table.to_csv(root / "clinical.csv", index=False)
    curves = []
    for each in (in_days, root):
        command = ["evaluate", "--run", str(hospital_run.path), "--bootstrap", "0", "--json", "--root", str(each)]
        told = survembed(capsys, *command)
        assert told.code == 0, told.err
        curves.append(json.loads(told.out))
    np.testing.assert_allclose(curves[1]["times"], curves[0]["times"], rtol=1e-3)
    ibs = [each["rows"][0]["ibs"]["value"] for each in curves]
    assert ibs[1] == pytest.approx(ibs[0], rel=1e-3)


def test_subjects_of_the_training_are_refused(
    hospitals: dict[str, Path], hospital_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by their image, whatever they are called now."""
    root = tmp_path / "other"
    shutil.copytree(hospitals["south"], root)
    for kind, end in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        shutil.copy(hospitals["north"] / kind / f"s07{end}", root / kind / f"s03{end}")
    command = ["evaluate", "--runs-dir", str(hospital_run.path.parent), "--bootstrap", "0", "--root", str(root)]
    refused = survembed(capsys, *command)
    assert refused.code == 4
    assert "1 of 60 subjects" in refused.err
    assert "s03" in refused.err
    allowed = survembed(capsys, *command, "--allow-overlap")
    assert allowed.code == 0, allowed.err
    assert "are also in the cohort of the run" in allowed.err


def test_other_columns_and_labels(
    hospitals: dict[str, Path], hospital_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns with other names, in another table."""
    root: Any = tmp_path / "other"
    shutil.copytree(hospitals["south"], root)
    table = pd.read_csv(root / "clinical.csv").rename(columns={"time_days": "wz", "event": "dead"})
    (root / "clinical.csv").unlink()
    table.to_csv(tmp_path / "table.csv", index=False)
    answer = survembed(
        capsys, "evaluate", "--runs-dir", str(hospital_run.path.parent), "--bootstrap", "0", "--root", str(root),
        "--clinical", str(tmp_path / "table.csv"), "--set", "data.duration_column=wz",
        "--set", "data.duration_unit=days", "--set", "data.event_column=dead",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "duration_column wz (in the run none)" in answer.err


def test_one_centre_is_left_out(hospitals: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`train` leaves out one centre; scores by group, at fixed horizons, with net benefit."""
    runs, root = ["--runs-dir", str(tmp_path)], ["--root", str(hospitals["north"]), "--set", "data.size=16"]
    small = ["--set", "train.updates=10", "--set", "model.width=4", "--set", "model.blocks=2", "--device", "cpu"]
    small += ["--set", "model.latent_dim=2"]
    command = ["train", "deepsurv", "--data", "liver", *root, *runs, *small]
    answer = survembed(capsys, *command, "--set", "split.by=centre", "--set", "split.fold=1")
    assert answer.code == 0, answer.err
    assert "left out for the test part: centre = south" in answer.err
    table = pd.read_csv(hospitals["north"] / "clinical.csv").set_index("case_id")
    run = Run(next(tmp_path.glob("*-deepsurv-*")))
    division = run.read("split.json")
    assert set(table.loc[division["test"], "centre"]) == {"south"}
    assert "south" not in set(table.loc[division["train"] + division["validation"], "centre"])
    told = survembed(
        capsys, "evaluate", *runs, "--by", "sex,centre", "--downstream", "coxph", "--bootstrap", "20", "--json",
        "--horizons", "365",
    )  # fmt: skip
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert {(each["by"], each["group"]) for each in result["groups"]} >= {
        ("sex", "f"),
        ("sex", "m"),
        ("centre", "south"),
    }
    assert result["rows"][0]["calibration"]["horizon"] == 365
    assert "auc_365" in result["rows"][0]
    assert len(result["rows"][0]["decision"]["net_benefit"]) == 99
    drawn = survembed(capsys, "figure", "decision", *runs, "--horizons", "365", "--json")
    assert drawn.code == 0, drawn.err
    for wrong, code, message in (
        (["--set", "split.by=centr"], 2, "no covariate 'centr'"),
        (["--set", "split.by=centre", "--set", "split.fold=7"], 4, "no fold 7"),
    ):
        answer = survembed(capsys, *command, *wrong)
        assert answer.code == code, answer.err
        assert message in answer.err
