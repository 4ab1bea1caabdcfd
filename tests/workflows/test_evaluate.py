"""Evaluate: the base row by hand and against lifelines, and rows that say why they are empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from safetensors.numpy import load_file, save_file
from scipy.stats import spearmanr
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import integrated_brier_score
from sksurv.util import Surv

from survembed import registry
from survembed.downstream.base import FittedDownstream, fit_downstream
from survembed.errors import DataError, UsageError
from survembed.evaluation import predictor
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.storage.files import read_json
from survembed.storage.result import plain
from survembed.workflows.evaluate import evaluate
from survembed.workflows.train import train
from tests.cli.command import survembed
from tests.trained import Made, config


def downstream(*names: str) -> list[tuple[str, Component]]:
    return [(name, registry.load("downstream", name)()) for name in names]


class Refusing(Component):
    """Cannot be fitted."""

    def build(self, seed: int) -> object:
        class Estimator:
            def fit(self, X: object, y: object) -> None:  # noqa: N803 — scikit-learn's name
                raise ValueError("singular matrix")

        return Estimator()


def test_the_base_row(a_run: Made) -> None:
    run = a_run("image")
    found, latents = evaluate(run, [], n_resamples=50), embed(run)
    assert [row.column for row in found.rows] == ["base"]
    scores, test, r = found.rows[0].scores, latents.test, latents.log_hazard
    assert r is not None
    by_lifelines = concordance_index(latents.duration[test], -r[test], latents.event[test])
    assert scores["harrell_c"].value == pytest.approx(by_lifelines, abs=1e-12)
    assert scores["harrell_c"].low <= by_lifelines <= scores["harrell_c"].high

    # Breslow's baseline by hand: events over the summed hazards at risk, from the whole known part.
    duration, event, hazard = latents.duration[~test], latents.event[~test], np.exp(r[~test])
    cumulative = np.array(
        [sum(1 / hazard[duration >= t].sum() for t in duration[event & (duration <= end)]) for end in found.times]
    )
    survival = np.exp(-np.outer(np.exp(r[test]), cumulative))
    y = [Surv.from_arrays(latents.event[part], latents.duration[part]) for part in (~test, test)]
    assert scores["ibs"].value == pytest.approx(integrated_brier_score(*y, survival, found.times), rel=1e-6)
    theirs = BreslowEstimator().fit(r[~test], latents.event[~test], latents.duration[~test])
    functions = np.array([f(found.times) for f in theirs.get_survival_function(r[test])])
    np.testing.assert_allclose(survival, functions, rtol=1e-9)
    assert scores["ibs_scaled"].value == pytest.approx(1 - scores["ibs"].value / found.ibs_km.value)
    horizons = [name for name in scores if name.startswith("auc_")]
    assert set(scores) == {"harrell_c", "uno_c", "ibs", "ibs_scaled", *horizons}
    assert len(horizons) == 3


def test_calibration_against_lifelines(a_run: Made) -> None:
    run = a_run("image")
    found, latents = evaluate(run, [], n_resamples=20), embed(run)
    calibration = found.rows[0].calibration
    assert calibration is not None
    assert calibration.horizon in found.times
    r, test = latents.log_hazard, latents.test
    assert r is not None
    # Proportional hazards: log(−log S) is r plus a constant, so the slope is Cox's coefficient of r up to the horizon.
    duration = np.minimum(latents.duration[test], calibration.horizon)
    event = latents.event[test] & (latents.duration[test] <= calibration.horizon)
    by_lifelines = CoxPHFitter().fit(pd.DataFrame({"r": r[test], "t": duration, "e": event}), "t", "e").params_["r"]
    assert calibration.slope.value == pytest.approx(by_lifelines, rel=1e-3)
    assert calibration.d_calibration.share.sum() == pytest.approx(1)
    assert calibration.curve.n.sum() == test.sum()
    written = read_json(run.path / "metrics.json")["rows"][0]["calibration"]
    assert written == json.loads(json.dumps(plain(calibration)))


def test_facts_about_both_parts(a_run: Made) -> None:
    run = a_run("image")
    found, latents = evaluate(run, [], n_resamples=0), embed(run)
    test = latents.test
    assert (found.train.n, found.test.n) == ((~test).sum(), test.sum()) == (60, 20)
    assert found.test.n_events == latents.event[test].sum()
    assert found.title == "synthetic planted image"
    assert latents.truth is not None
    assert found.truth["harrell_c"] == pytest.approx(
        concordance_index(latents.duration[test], -latents.truth[test], latents.event[test])
    )
    expected = spearmanr(latents.truth[test], latents.log_hazard[test]).statistic  # type: ignore[index]
    assert found.truth["rank_correlation"] == pytest.approx(expected)


def test_every_downstream_model_is_a_row(a_run: Made) -> None:
    run = a_run("table")
    names = ["coxph", "rsf"]
    rows = evaluate(run, downstream(*names), n_resamples=20).rows
    assert [row.column for row in rows] == ["base", *names]
    latents = embed(run)
    test, y = latents.test, Surv.from_arrays(latents.event, latents.duration)
    for row, (_, component) in zip(rows[1:], downstream(*names), strict=True):
        risk = component.build(0).fit(latents.z[~test], y[~test]).predict(latents.z[test])
        by_lifelines = concordance_index(latents.duration[test], -risk, latents.event[test])
        assert row.scores["harrell_c"].value == pytest.approx(by_lifelines)
        assert 0 < row.scores["ibs"].value < 0.3


def test_a_vae_has_no_base(a_run: Made) -> None:
    found = evaluate(a_run("image", "vae"), downstream("coxph"), n_resamples=0)
    assert [row.column for row in found.rows] == ["coxph"]
    assert "rank_correlation" not in found.truth


def test_a_model_that_cannot_be_fitted_is_a_row_with_the_reason(a_run: Made) -> None:
    run = a_run()
    rows = evaluate(run, [("refusing", Refusing()), *downstream("coxph")], n_resamples=0).rows
    assert [row.column for row in rows] == ["base", "refusing", "coxph"]
    assert np.isnan(rows[1].scores["harrell_c"].value)
    assert "singular matrix" in rows[1].notes[0]
    written = read_json(run.path / "metrics.json")["rows"][1]
    assert written["harrell_c"]["value"] is None
    assert "singular matrix" in written["harrell_c"]["reason"]


@pytest.mark.parametrize("where", ["build", "fit", "predict"])
def test_a_plugin_that_raises_is_a_row_and_takes_no_other_with_it(a_run: Made, where: str) -> None:
    class Estimator:
        def fit(self, X: object, y: object) -> None:  # noqa: N803 - scikit-learn's name
            if where == "fit":
                raise TypeError("bad luck")

        def predict(self, X: object) -> object:  # noqa: N803
            raise KeyError("bad luck")

    class Unlucky(Component):
        """Raises what no estimator should."""

        def build(self, seed: int) -> object:
            if where == "build":
                raise ModuleNotFoundError("bad luck")
            return Estimator()

    rows = evaluate(a_run(), [("unlucky", Unlucky()), *downstream("coxph")], n_resamples=0).rows
    assert [row.column for row in rows] == ["base", "unlucky", "coxph"]
    assert rows[1].notes[0].startswith("unlucky failed: ")
    assert "bad luck" in rows[1].notes[0]
    assert np.isfinite(rows[2].scores["harrell_c"].value)


def test_metrics_are_written(a_run: Made) -> None:
    run = a_run()
    found = evaluate(run, downstream("coxph"), n_resamples=30)
    written = read_json(run.path / "metrics.json")
    assert (written["format"], written["format_version"]) == ("survembed-metrics", 1)
    assert written == found.to_dict()
    assert written["rows"][0]["harrell_c"].keys() >= {"value", "low", "high"}
    assert written["train"]["n"] == 60


def test_seed_decides(a_run: Made) -> None:
    run = a_run()
    one, again, other = (
        evaluate(run, downstream("rsf"), n_resamples=20, seed=seed).to_dict()["rows"] for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other


def test_models_are_fitted_on_the_development_set_alone(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fitted never sees the latents of the test part."""
    run, seen = a_run(), []

    class Spying(Component):
        """Remembers what it is fitted on."""

        def build(self, seed: int) -> object:
            inner = registry.load("downstream", "coxph")().build(seed)

            class Estimator:
                def fit(self, X: object, y: object) -> object:  # noqa: N803 — scikit-learn's name
                    seen.append((X, y))
                    return inner.fit(X, y)

                def __getattr__(self, name: str) -> object:
                    return getattr(inner, name)

            return Estimator()

    evaluate(run, [("spying", Spying())], n_resamples=0)
    latents = embed(run)
    np.testing.assert_array_equal(seen[0][0], latents.z[~latents.test])
    np.testing.assert_array_equal(seen[0][1]["time"], latents.duration[~latents.test])


def test_no_test_part(tmp_path: Path) -> None:
    run = train(config(split={"test": 0.0}, train={"updates": 2}), runs_dir=tmp_path)
    with pytest.raises(DataError, match="has no test part"):
        evaluate(run, [])
    assert not (run.path / "metrics.json").exists()


@pytest.mark.parametrize("n_test", [1, 2])
def test_a_test_part_too_small_for_any_score(tmp_path: Path, n_test: int) -> None:
    run = train(config(split={"test": n_test / 80}, train={"updates": 2}), runs_dir=tmp_path)
    found = evaluate(run, downstream("coxph"), n_resamples=5)
    assert found.test.n == n_test
    assert (run.path / "metrics.json").is_file()


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the estimators that are fitted."""
    fitted: list[str] = []

    def spy(estimator: Any, *arguments: Any) -> FittedDownstream:
        fitted.append(type(estimator).__name__)
        return fit_downstream(estimator, *arguments)

    monkeypatch.setattr(predictor, "fit_downstream", spy)
    return fitted


def test_stored_predictions_are_used_again(a_run: Made, fits: list[str]) -> None:
    run = a_run()
    first = evaluate(run, downstream("coxph", "rsf"), n_resamples=5)
    assert len(fits) == 2
    assert evaluate(run, downstream("coxph", "rsf"), n_resamples=5).to_dict() == first.to_dict()
    assert len(fits) == 2
    ridge = registry.load("downstream", "coxph")(ridge=3.0)
    other = evaluate(run, [("coxph", ridge)], n_resamples=5)
    assert len(fits) == 3  # with other options
    assert other.rows[1].scores["ibs"] != first.rows[1].scores["ibs"]
    evaluate(run, downstream("rsf"), n_resamples=5, seed=1)
    assert len(fits) == 4  # with another seed
    (run.path / "predictions.h5").write_bytes(b"damaged")
    assert evaluate(run, downstream("coxph", "rsf"), n_resamples=5).to_dict() == first.to_dict()
    assert len(fits) == 6


def test_predictions_of_other_weights_are_not_used(a_run: Made, fits: list[str]) -> None:
    run = a_run()
    first = evaluate(run, downstream("coxph"), n_resamples=0)
    weights = load_file(run.path / "model.safetensors")
    save_file(
        {name: value * 1.5 if value.ndim else value for name, value in weights.items()}, run.path / "model.safetensors"
    )
    assert evaluate(run, downstream("coxph"), n_resamples=0).to_dict() != first.to_dict()
    assert len(fits) == 2


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_score_can_be_computed_from_the_file_of_predictions(a_run: Made, tmp_path: Path, suffix: str) -> None:
    run, path = a_run(), tmp_path / f"predictions{suffix}"
    result = evaluate(run, downstream("coxph"), predictions=path, n_resamples=0).to_dict()
    table = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    development = table[table["part"] == "development"]
    assert (len(development), set(table["model"].dropna())) == (60, {"base", "coxph", "Kaplan-Meier"})
    curves = [name for name in table.columns if name.startswith("S_")]
    times = np.array([float(name.removeprefix("S_")) for name in curves])
    censoring = KaplanMeierFitter().fit(development["duration"], ~development["event"].astype(bool))
    expected = {row["name"]: row for row in result["rows"]}
    expected["Kaplan-Meier"] = {"ibs": result["ibs_km"], "harrell_c": {"value": 0.5}}
    for model, rows in table[table["part"] == "test"].groupby("model"):
        assert len(rows) == rows["id"].nunique() == 20
        c = concordance_index(rows["duration"], -rows["risk"], rows["event"])
        assert c == pytest.approx(expected[model]["harrell_c"]["value"], abs=1e-9)
        scores = []
        for time, name in zip(times, curves, strict=True):
            total = 0.0
            for _, row in rows.iterrows():
                if row["duration"] <= time and row["event"]:
                    just_before = np.nextafter(row["duration"], 0)
                    total += row[name] ** 2 / censoring.predict(just_before)
                elif row["duration"] > time:
                    total += (1 - row[name]) ** 2 / censoring.predict(time)
            scores.append(total / len(rows))
        ibs = np.trapezoid(scores, times) / (times[-1] - times[0])
        assert ibs == pytest.approx(expected[model]["ibs"]["value"], abs=1e-9)


def test_predictions_in_an_unknown_format_are_refused_before_anything_is_fitted(
    a_run: Made, fits: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"predictions\.xlsx") as error:
        evaluate(a_run(), downstream("coxph"), predictions=tmp_path / "predictions.xlsx")
    assert error.value.try_ is not None
    assert error.value.try_.endswith("predictions.csv")
    assert fits == []


def test_calibration_needs_a_fitted_model_and_a_time_grid(a_run: Made, tmp_path: Path) -> None:
    rows = evaluate(a_run(), [("refusing", Refusing())], n_resamples=0).rows
    assert [row.calibration is None for row in rows] == [False, True]
    run = train(config(split={"test": 1 / 80}, train={"updates": 2}), runs_dir=tmp_path / "small")
    assert evaluate(run, [], n_resamples=0).rows[0].calibration is None


def test_the_command_writes_predictions(a_run: Made, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    a_run()
    flags = ["evaluate", "--downstream", "coxph", "--bootstrap", "0", "--runs-dir", str(tmp_path / "runs")]
    answer = survembed(capsys, *flags, "--predictions", str(tmp_path / "predictions.csv"))
    assert answer.code == 0, answer.err
    assert pd.read_csv(tmp_path / "predictions.csv")["model"].nunique() == 3
    answer = survembed(capsys, *flags, "--predictions", str(tmp_path / "predictions.txt"))
    assert (answer.code, ".csv or .parquet" in answer.err) == (2, True)
