"""`Embedder`: scikit-learn's and scikit-survival's conventions, on real tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.ensemble import RandomSurvivalForest
from sksurv.metrics import concordance_index_censored, integrated_brier_score
from sksurv.util import Surv

from survembed import Embedder
from survembed.cohort.prepare import prepare
from survembed.cohort.subjects import Channel
from survembed.errors import DataError, PluginError, UsageError
from survembed.runs.configuration import Chosen, TrainConfig, choose_model
from survembed.runs.embedding import embed
from survembed.runs.settings import Settings
from survembed.training.options import SplitOptions, TrainOptions
from survembed.workflows.train import train
from tests.planted import Planted, planted

QUICK: dict[str, Any] = {"width": 4, "blocks": 2, "latent_dim": 3, "updates": 15, "batch_size": 64, "device": "cpu"}

Table = tuple[NDArray[np.float32], NDArray[np.void]]


@pytest.fixture(scope="module")
def whas() -> Table:
    x, y = load_whas500()
    return x.to_numpy(np.float32), y


def outcome(kind: str, n: int) -> tuple[NDArray[np.float32], NDArray[np.void]]:
    images, subjects = planted(kind, n)
    return images, Surv.from_arrays(subjects.event, subjects.duration)


@pytest.fixture(scope="module")
def fitted(whas: Table) -> Embedder:
    return Embedder("coxvae", tau=0.2, **QUICK).fit(*whas)


def test_parameters_and_clone() -> None:
    one = Embedder("deepsurv", validation=0.2, rate=3e-3, latent_dim=4, channels=[Channel("x", "gaussian")])
    params = one.get_params()
    assert params["rate"] == 3e-3
    assert params["model"] == "deepsurv"
    copy = clone(one)
    assert copy is not one
    assert copy.get_params() == params
    copy.set_params(latent_dim=7, seed=3)
    assert copy.get_params()["latent_dim"] == 7
    assert copy.seed == 3
    assert one.get_params() == params
    assert "latent_dim" in repr(one)


def test_shapes(fitted: Embedder, whas: Table) -> None:
    x, _ = whas
    z = fitted.transform(x)
    assert z.shape == (500, 3)
    assert z.dtype == np.float32
    assert fitted.n_features_in_ == x.shape[1]
    assert fitted.get_feature_names_out().tolist() == ["embedder0", "embedder1", "embedder2"]
    back = fitted.inverse_transform(z)
    assert back.shape == x.shape
    r = fitted.predict(x)
    assert r.shape == (500,)
    assert r.dtype == np.float64
    np.testing.assert_allclose(z @ fitted.psi_, r, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fitted.transform(x[:1]), z[:1], rtol=1e-5, atol=1e-6)  # one subject alone


def test_decoded_columns_come_in_their_units(fitted: Embedder, whas: Table) -> None:
    x, _ = whas
    back = fitted.inverse_transform(fitted.transform(x).mean(0, keepdims=True))[0]
    spread = np.maximum(x.std(0), 1e-6)
    assert (np.abs(back - x.mean(0)) < spread).all()


def test_a_pipeline_before_a_forest(whas: Table) -> None:
    x, y = whas
    pipeline = make_pipeline(
        Embedder("coxvae", **{**QUICK, "updates": 60}), RandomSurvivalForest(20, max_depth=4, random_state=0)
    )
    pipeline.fit(x, y)
    assert concordance_index_censored(y["fstat"], y["lenfol"], pipeline.predict(x))[0] > 0.7
    assert len(pipeline.predict_survival_function(x[:4])) == 4


def test_a_search_over_options(whas: Table) -> None:
    x, y = whas
    quick = {**QUICK, "updates": 4}
    search = GridSearchCV(Embedder("deepsurv", **quick), {"latent_dim": [2, 4]}, cv=2)
    search.fit(x, y)
    assert search.best_params_["latent_dim"] in (2, 4)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_deepsurv_on_gbsg2() -> None:
    x, y = load_gbsg2()
    encoder = make_pipeline(OneHotEncoder(drop="if_binary", sparse_output=False))
    text = x.select_dtypes(exclude="number").columns
    table = np.hstack([encoder.fit_transform(x[text]), x.drop(columns=text).to_numpy(np.float64)])
    train = np.arange(len(table)) % 4 != 0
    options = {**QUICK, "width": 16, "blocks": 1, "latent_dim": 8, "updates": 80, "rate": 1e-2, "average": 0.8}
    model = Embedder("deepsurv", **options).fit(table[train], y[train])
    risk = model.predict(table[~train])
    assert concordance_index_censored(y["cens"][~train], y["time"][~train], risk)[0] > 0.6
    assert model.score(table[~train], y[~train]) > 0.6
    # Its curves can be scored with scikit-survival's own metric, over the whole follow-up.
    inside = (y["time"] < y["time"][train].max()) & ~train
    times = np.linspace(*np.percentile(y["time"][inside], [1, 99]), 50)
    curves = np.array([curve(times) for curve in model.predict_survival_function(table[inside])])
    assert 0 < integrated_brier_score(y[train], y[inside], curves, times) < 0.25


def test_survival_functions(fitted: Embedder, whas: Table) -> None:
    x, y = whas
    array = fitted.predict_survival_function(x[:30], return_array=True)
    assert array.shape == (30, len(fitted.unique_times_))
    np.testing.assert_array_equal(fitted.unique_times_, np.unique(y["lenfol"]))
    assert ((array >= 0) & (array <= 1)).all()
    assert (np.diff(array, axis=1) <= 0).all()
    functions = fitted.predict_survival_function(x[:30])
    assert functions.shape == (30,)
    for curve, row in zip(functions, array, strict=True):
        np.testing.assert_array_equal(curve(fitted.unique_times_), row)
        assert curve(0) == 1  # before the first event
        assert curve(y["lenfol"].max()) == row[-1]
    order = fitted.predict(x[:30]).argsort()
    assert (np.diff(array[order, 200]) <= 0).all()  # a higher log-hazard dies sooner


def test_survival_is_one_before_the_first_event() -> None:
    x, y = outcome("table", 40)
    early = np.quantile(y["time"], 0.3)
    y["event"] = y["time"] > early
    model = Embedder("deepsurv", **QUICK).fit(x[:, 0], y)
    curve = model.predict_survival_function(x[:1, 0])[0]
    assert curve(np.linspace(0, early, 9)).tolist() == [1.0] * 9
    assert curve(y["time"].max()) < 1


@pytest.mark.parametrize("kind", ["image", "volume"])
def test_images(kind: str) -> None:
    images, y = outcome(kind, 40)
    model = Embedder("coxvae", validation=0, **QUICK).fit(images, y)
    assert model.transform(images).shape == (40, 3)
    decoded = model.inverse_transform(np.zeros((2, 3)))
    assert decoded.shape == (2, *images.shape[1:])
    assert ((decoded >= 0) & (decoded <= 1)).all()
    if kind == "image":
        grey = Embedder("coxvae", validation=0, **QUICK).fit(images[:, 0], y)
        np.testing.assert_array_equal(grey.transform(images[:, 0]), model.transform(images))


def test_seed_decides_and_the_callers_chance_is_left_alone() -> None:
    x, y = outcome("image", 40)
    state = torch.get_rng_state()
    one, again, other = (Embedder("coxvae", seed=seed, **QUICK).fit(x, y).transform(x) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_constant_column_and_columns_of_any_scale() -> None:
    x, y = outcome("table", 60)
    table = np.hstack([x[:, 0] * [1, 1e6, 1e-6, 1, 1], np.full((60, 1), 3.3)])
    model = Embedder("coxvae", **QUICK).fit(table, y)
    table[0, -1] = 3.4  # what was constant in training need not be so later
    assert np.abs(model.transform(table)[0] - model.transform(table)[1]).max() < 10


@pytest.mark.parametrize("method", ["transform", "predict", "predict_survival_function"])
def test_not_fitted(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(Embedder(), method)(np.zeros((2, 3)))


def test_what_a_model_cannot_do() -> None:
    x, y = outcome("image", 30)
    vae = Embedder("vae", **QUICK).fit(x, y)
    for method in (vae.predict, vae.predict_survival_function):
        with pytest.raises(UsageError, match="predicts no hazard"):
            method(x)
    deepsurv = Embedder("deepsurv", **QUICK).fit(x, y)
    with pytest.raises(UsageError, match="does not decode"):
        deepsurv.inverse_transform(deepsurv.transform(x))
    assert not hasattr(vae, "psi_")


def test_options_of_the_head() -> None:
    x, y = outcome("image", 30)
    given: dict[str, Any] = {"hidden": (5,), "head__dropout": 0.0, "dropout": 0.3}
    model = Embedder("coxvae", head="deepsurv", **given, **QUICK)
    assert clone(model).get_params()["head__dropout"] == 0.0
    head = model.fit(x, y).model_.head
    assert head is not None
    assert {tuple(value.shape) for value in head.parameters() if value.ndim == 2} == {(5, 3), (1, 5)}
    assert {module.p for module in head.modules() if isinstance(module, torch.nn.Dropout)} <= {0.0}
    dropouts = [
        module.p for module in model.model_.modules() if isinstance(module, torch.nn.modules.dropout._DropoutNd)
    ]
    assert 0.3 in dropouts  # a name that model and head share means the model
    head = model.set_params(hidden=(7, 2)).fit(x, y).model_.head
    assert head is not None
    assert {tuple(value.shape) for value in head.parameters() if value.ndim == 2} == {(7, 3), (2, 7), (1, 2)}


def test_the_same_model_as_a_training_with_the_same_options(tmp_path: Path, plugin: None) -> None:
    """Both resolve model, head and their defaults alike."""
    data = Planted(kind="image")
    with prepare(data, "planted") as cohort:
        images, subjects = cohort.stored(np.arange(80)) * np.float32(cohort.scale), cohort.subjects
    options = {**QUICK, "tau": 0.3, "precision": "float32"}
    model = Embedder("coxvae", head="deepsurv", hidden=(5,), validation=0.25, **options)
    model.fit(images, Surv.from_arrays(subjects.event, subjects.duration))
    assigned = [
        f"{'train' if name in TrainOptions.model_fields else 'model'}.{name}={value}"
        for name, value in options.items()
        if name != "device"
    ]
    settings = Settings.gather(assignments=[*assigned, "model.head=deepsurv", "head.hidden=5"])
    chosen, head = choose_model(settings, "coxvae")
    config = TrainConfig(
        Chosen("planted", data),
        chosen,
        head,
        settings.component("train", "training", TrainOptions),
        SplitOptions(test=0, validation=0.25),
        device="cpu",
    )
    z = embed(train(config, runs_dir=tmp_path), device="cpu").z
    np.testing.assert_allclose(model.transform(images), z, rtol=1e-4, atol=1e-5)


def test_a_second_fit_forgets_the_first() -> None:
    x, y = outcome("image", 30)
    model = Embedder("coxvae", **QUICK).fit(x, y)
    assert hasattr(model, "psi_")
    model.set_params(model="vae").fit(x, y)
    for name in ("psi_", "unique_times_"):
        assert not hasattr(model, name)
    model.set_params(model="coxvae", head="deepsurv").fit(x, y)
    assert not hasattr(model, "psi_")
    assert hasattr(model, "unique_times_")


def y_of(event: list[bool], time: list[float]) -> NDArray[np.void]:
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


GOOD = y_of([True, False] * 10, list(range(1, 21)))
X = np.random.default_rng(0).normal(size=(20, 3))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, 0], GOOD, "1 axes"),
        (X[:9], GOOD, "9 images for 20 outcomes"),
        (np.where(X > 1, np.nan, X), GOOD, "not finite"),
        (X * 1e300, GOOD, "not finite"),
        ([["a", "b"]] * 20, GOOD, "not an array of numbers"),
        (X[:0], GOOD[:0], "is empty"),
        (X[:, :0], GOOD, "is empty"),
        (X[:1], GOOD[:1], "1 subject"),
        (X.reshape(20, 3, 1) * 9, GOOD, "images between"),
        (X, y_of([False] * 20, list(range(20))), "no event at all"),
        (X, y_of([True] * 20, [-1.0, *range(19)]), "not a survival outcome"),
        (X, y_of([True] * 20, [np.nan, *range(19)]), "not a survival outcome"),
        (X, np.arange(20.0), "not a survival outcome"),
        (X, [1] * 20, "not a survival outcome"),
        (X, y_of([True] * 20, list(range(20)))[["time", "event"]], "not a survival outcome"),
    ],
)
def test_bad_data(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Embedder("coxvae", **QUICK).fit(x, y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tua": 0.2}, UsageError, "no option 'tua'"),
        ({"tau": 1.2}, UsageError, "tau"),
        ({"updates": -1}, UsageError, "updates"),
        ({"validation": 1.5}, UsageError, "validation"),
        ({"validation": -0.1}, UsageError, "validation"),
        ({"validation": 0.99}, DataError, "the training part has 0 subjects"),
        ({"head__hiden": (8,), "head": "deepsurv"}, UsageError, "no option 'hiden'"),
        ({"hidden": (8,)}, UsageError, "no option 'hidden'"),
        ({"model": "vae", "head__ties": "efron"}, UsageError, "the model vae has no head"),
        ({"model": "coxva"}, PluginError, "no model named 'coxva'"),
        ({"head": "linaer"}, PluginError, "no head named 'linaer'"),
        ({"device": "cuda:99"}, UsageError, "no device"),
        ({"channels": [Channel("a", "gaussian")] * 2}, DataError, "2 channels declared for 1"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Embedder(**{**QUICK, **options}).fit(X, GOOD)


def test_images_unlike_those_of_fit(fitted: Embedder, whas: Table) -> None:
    x, _ = whas
    for other in (x[:, :-1], np.hstack([x, x]), x[:, None, :, None]):
        with pytest.raises(DataError, match="images of shape"):
            fitted.transform(other)
    for latents in (np.zeros((2, 4)), np.zeros(3)):
        with pytest.raises(DataError, match="latents of shape"):
            fitted.inverse_transform(latents)


def test_an_embedder_takes_no_covariates() -> None:
    with pytest.raises(UsageError, match="Embedder takes images alone"):
        Embedder(covariates="age", updates=2).fit(np.zeros((20, 3)), outcome("table", 20)[1])
