"""Numbers of a validation against a plain calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from survembed.training import validation as module
from survembed.training.validation import VALUES_AT_ONCE, batch_size_without_gradient, explained, validation
from tests.small import network, study


@pytest.mark.parametrize("kind", ["image", "volume", "table"])
def test_explained_variance_is_r2_over_all_voxels(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "batch_size_without_gradient", lambda shape: 7)  # parts of unequal size
    data, model = study(kind), network("vae", kind).eval()
    data.fit_statistics(model, 16)
    images = data.images[data.validation]
    with torch.no_grad():
        mu = model.posterior(images)[0]
        decoded = model.decode(mu)
    truth, found = (values.flatten(2).numpy().astype(np.float64) for values in (images, decoded))
    for channel, value in enumerate(explained(model, data, mu)):
        known = r2_score(truth[:, channel], found[:, channel], multioutput="variance_weighted")
        assert value == pytest.approx(known, rel=1e-5)


def test_a_channel_that_never_varies_has_no_number() -> None:
    data, model = study(), network("vae").eval()
    data.images._held[:] = data.images._held[:1].clone()
    data.fit_statistics(model, 16)
    mu = model.posterior(data.images[data.validation])[0]
    assert np.isnan(explained(model, data, mu)).all()


def test_a_model_that_does_not_decode_has_none() -> None:
    data, model = study(), network("deepsurv")
    data.fit_statistics(model, 16)
    assert validation(model, data).explained is None


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 12), 1024), ((1, 28, 28), 1024), ((2, 64, 64, 64), 32), ((1, 512, 512), 64), ((3, 2048, 2048), 1)],
)
def test_batch_size(shape: tuple[int, ...], expected: int) -> None:
    assert batch_size_without_gradient(shape) == expected
    assert expected == 1 or expected * math.prod(shape) <= VALUES_AT_ONCE
