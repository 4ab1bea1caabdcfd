"""A model of image and covariates: planted weights are found, and everything behind them includes γᵀx."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lifelines import CoxPHFitter

from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.errors import DataError, UsageError
from survembed.evaluation.test_set import EvaluationSet
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.run import Run, Runs
from survembed.runs.trained_model import TrainedModel
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_newton import fit_cox
from survembed.workflows.train import train
from tests import clinical
from tests.clinical_runs import Trained, settings
from tests.datasets.preparing import RecordingReporter

pytestmark = pytest.mark.usefixtures("clinical_plugin")


@pytest.mark.parametrize("model", ["coxvae", "deepsurv"])
def test_gamma_is_that_of_a_cox_model_beside_the_image_score(trained_with: Trained, model: str) -> None:
    run = trained_with(model)
    trained, latents = TrainedModel.open(run), embed(run)
    train_part = latents.split == "train"
    score = trained.log_hazard(latents.z.astype(np.float64))
    assert latents.x is not None
    estimate = fit_cox(
        latents.x[train_part], latents.duration[train_part], latents.event[train_part], score[train_part]
    )
    record = run.record["covariates"]["fit"]
    assert list(record["gamma"]) == ["age", "age missing", "stage=III", "stage=I"]
    np.testing.assert_allclose(list(record["gamma"].values()), estimate.coefficients, atol=1e-4)
    both = fit_cox(
        np.column_stack([latents.x, score])[train_part], latents.duration[train_part], latents.event[train_part]
    )
    np.testing.assert_allclose(list(record["standard_error"].values()), both.standard_errors[:-1], rtol=1e-3)
    gamma = np.array(list(record["gamma"].values()))
    np.testing.assert_allclose(latents.log_hazard, score + latents.x @ gamma, atol=1e-5)


def test_planted_effects_are_found(trained_with: Trained) -> None:
    fit = trained_with().record["covariates"]["fit"]
    for name, truth in (("age", clinical.GAMMA_AGE), ("stage=III", clinical.GAMMA_STAGE), ("stage=I", 0.0)):
        assert abs(fit["gamma"][name] - truth) < 3 * fit["standard_error"][name], name


def test_baseline_and_survival_include_the_covariates(trained_with: Trained) -> None:
    run = trained_with()
    trained, latents = TrainedModel.open(run), embed(run)
    predicted = EvaluationSet.of(run, latents).base()
    assert predicted is not None
    assert latents.log_hazard is not None
    known = ~latents.test
    baseline = BreslowBaseline.fit(latents.log_hazard[known], latents.duration[known], latents.event[known])
    times = np.array([10.0, 100.0, 300.0])
    expected = baseline.survival(latents.log_hazard, times)
    np.testing.assert_allclose(trained.survival(latents.inputs, times), expected, atol=1e-6)
    np.testing.assert_array_equal(predicted.risk, latents.log_hazard[latents.test])


def test_the_encoding_is_that_of_the_training_part_and_stands_in_the_run(trained_with: Trained) -> None:
    run = trained_with()
    encoder = CovariateEncoder.from_dict(run.record["covariates"])
    with open_cohort(run) as cohort:
        train_part = np.flatnonzero(embed(run).split == "train")
        assert encoder == CovariateEncoder.fit(cohort.subjects.covariates, ["age", "stage"], train_part)


def test_the_downstream_models_of_a_run_see_latents_and_covariates(trained_with: Trained) -> None:
    from survembed import registry

    run = trained_with()
    subjects = EvaluationSet.of(run, embed(run))
    predicted = subjects.downstream("coxph", registry.load("downstream", "coxph").configure("coxph", {"ridge": 1e-8}))
    frame = _frame(run, ~subjects.latents.test)
    theirs = CoxPHFitter().fit(frame, "t", "e")
    risk = theirs.predict_log_partial_hazard(_frame(run, subjects.latents.test)).to_numpy()
    assert np.corrcoef(risk, predicted.risk)[0, 1] > 0.9999


def _frame(run: Run, part: np.ndarray) -> Any:
    import pandas as pd

    latents = embed(run)
    frame = pd.DataFrame(latents.inputs[part]).add_prefix("c")
    return frame.assign(t=latents.duration[part], e=latents.event[part].astype(int))


def test_an_interrupted_run_is_resumed_with_its_covariates(trained_with: Trained, tmp_path: Path) -> None:
    from survembed.workflows.train import resume

    run = trained_with()
    shutil.copytree(run.path, tmp_path / "runs" / run.id)
    copy = Run(tmp_path / "runs" / run.id)
    (copy.path / "model.safetensors").unlink()
    (copy.path / "latents.h5").unlink(missing_ok=True)
    copy.update(status="failed", outcome={**copy.record["outcome"], "end": "interrupted"})
    resume(copy)
    assert Runs(tmp_path / "runs").find().record["covariates"] == run.record["covariates"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("agee", UsageError, "no covariate 'agee' to fit on"),
        ("note", DataError, "covariate 'note' has .* different texts"),
        ("same", DataError, "covariate 'same' is constant in the training part"),
        ("vital_status", UsageError, "'vital_status' is the outcome, follow-up or a date by its name"),
        ("duration", UsageError, "'duration' is the outcome"),
    ],
)
def test_a_column_that_cannot_be_a_covariate_is_refused(tmp_path: Path, name: str, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        train(settings((name,)), runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_an_allowed_column_is_taken_and_its_association_said(tmp_path: Path) -> None:
    recorded = RecordingReporter()
    made = settings(("vital_status", "twin"), allow=("vital_status",))
    train(replace(made, train=made.train.model_copy(update={"updates": 2})), runs_dir=tmp_path, reporter=recorded)
    said = " ".join(recorded.warned)
    assert "covariate 'vital_status' may reveal the outcome: its contents determine the event" in said
    assert "no finite maximum" in said
    (run,) = Runs(tmp_path).list()
    fit = run.record["covariates"]["fit"]
    assert fit["prior_sd"] == 2
    assert max(map(abs, fit["gamma"].values())) < 6


def test_covariates_need_a_cox_head(tmp_path: Path) -> None:
    made = replace(settings(), model=settings(model="vae").model, head=None)
    with pytest.raises(UsageError, match="this model has no head"):
        train(made, runs_dir=tmp_path / "runs")


def test_a_conditional_prior_separates_what_the_covariates_say(tmp_path: Path, trained_with: Trained) -> None:
    """Age changes the image: its share in z is that of Wx, and the effects beside each other are the planted ones."""
    made = settings(("age",), share=0.5, n=600)
    component = made.model.component.model_copy(update={"prior": "conditional"})
    conditional = replace(made, model=replace(made.model, component=component))
    alone = replace(made, train=made.train.model_copy(update={"covariates": ()}))
    slopes = {}
    for name, each in (("conditional", conditional), ("alone", alone)):
        options = each.train.model_copy(update={"updates": 200})
        run = train(replace(each, train=options), runs_dir=tmp_path / name)
        trained, latents = TrainedModel.open(run), embed(run)
        with open_cohort(run) as cohort:
            hidden = np.asarray(cohort.subjects.measures["hidden"])
        score = trained.log_hazard(latents.z.astype(np.float64))
        slopes[name] = np.polyfit(hidden, score, 1)[0]
        if name == "conditional":
            assert latents.x is not None
            z = latents.z.astype(np.float64)
            residual = z - trained.prior_centre
            strongest = int(np.argmax(z.var(axis=0)))
            age = latents.x[:, 0]
            assert abs(np.corrcoef(z[:, strongest], age)[0, 1]) > 0.5
            assert abs(np.corrcoef(residual[:, strongest], age)[0, 1]) < 0.2
            np.testing.assert_allclose(trained.coordinates().deviation, residual[~latents.test].std(axis=0))
            part, fit = latents.split == "train", run.record["covariates"]["fit"]
            columns = np.column_stack([hidden, age])[part]
            oracle = fit_cox(columns, latents.duration[part], latents.event[part])  # with what the image shows, known
            assert fit["gamma"]["age"] == pytest.approx(oracle.coefficients[1], abs=0.05)
            assert fit["standard_error"]["age"] == pytest.approx(oracle.standard_errors[1], rel=0.1)
            assert abs(fit["gamma"]["age"] - clinical.GAMMA_AGE) < 3 * fit["standard_error"]["age"]
    assert slopes["conditional"] == pytest.approx(1.0, abs=0.25)
    assert slopes["alone"] == pytest.approx(1 + 0.7 * np.sqrt(0.5), abs=0.3)  # biased by what age does beside the image
    assert slopes["alone"] > slopes["conditional"] + 0.2


def test_a_conditional_prior_needs_covariates(tmp_path: Path) -> None:
    made = settings(())
    component = made.model.component.model_copy(update={"prior": "conditional"})
    with pytest.raises(UsageError, match="a conditional prior needs covariates"):
        train(replace(made, model=replace(made.model, component=component)), runs_dir=tmp_path / "runs")
