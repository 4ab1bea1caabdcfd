"""Evaluate: the base row by hand and against lifelines, and rows that say why they are empty."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.utils import concordance_index
from scipy.stats import spearmanr
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import integrated_brier_score
from sksurv.util import Surv

from survembed import registry
from survembed.errors import DataError
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.storage.files import read_json
from survembed.workflows.evaluate import evaluate
from survembed.workflows.train import train
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
    assert [row.name for row in found.rows] == ["base"]
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


def test_calibration_stands_beside_discrimination(a_run: Made) -> None:
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
    assert written == json.loads(json.dumps(calibration.to_dict()))


def test_what_stands_above_the_table(a_run: Made) -> None:
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
    assert [row.name for row in rows] == ["base", *names]
    latents = embed(run)
    test, y = latents.test, Surv.from_arrays(latents.event, latents.duration)
    for row, (_, component) in zip(rows[1:], downstream(*names), strict=True):
        risk = component.build(0).fit(latents.z[~test], y[~test]).predict(latents.z[test])
        by_lifelines = concordance_index(latents.duration[test], -risk, latents.event[test])
        assert row.scores["harrell_c"].value == pytest.approx(by_lifelines)
        assert 0 < row.scores["ibs"].value < 0.3


def test_a_vae_has_no_base(a_run: Made) -> None:
    found = evaluate(a_run("image", "vae"), downstream("coxph"), n_resamples=0)
    assert [row.name for row in found.rows] == ["coxph"]
    assert "rank_correlation" not in found.truth


def test_what_cannot_be_fitted_is_a_row_with_the_reason(a_run: Made) -> None:
    run = a_run()
    rows = evaluate(run, [("refusing", Refusing()), *downstream("coxph")], n_resamples=0).rows
    assert [row.name for row in rows] == ["base", "refusing", "coxph"]
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
    assert [row.name for row in rows] == ["base", "unlucky", "coxph"]
    assert rows[1].notes[0].startswith("unlucky failed: ")
    assert "bad luck" in rows[1].notes[0]
    assert np.isfinite(rows[2].scores["harrell_c"].value)


def test_metrics_are_written(a_run: Made) -> None:
    run = a_run()
    found = evaluate(run, downstream("coxph"), n_resamples=30)
    written = read_json(run.path / "metrics.json")
    assert (written["format"], written["format_version"]) == ("survembed-metrics", 1)
    assert {name: value for name, value in written.items() if not name.startswith("format")} == found.to_dict()
    assert written["rows"][0]["harrell_c"].keys() >= {"value", "low", "high"}
    assert written["train"]["n"] == 60


def test_seed_decides(a_run: Made) -> None:
    run = a_run()
    one, again, other = (
        evaluate(run, downstream("rsf"), n_resamples=20, seed=seed).to_dict()["rows"] for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other


def test_test_subjects_teach_nothing(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
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
