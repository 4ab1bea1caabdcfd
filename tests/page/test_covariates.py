"""What a covariate does on the page: with a conditional prior it moves the image, else the hazard alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.runs.embedding import encoder_of_run
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explore import Explorer
from survembed.workflows.train import train
from tests.clinical_runs import settings
from tests.page.served import Served

SUBJECT = "s0003"


@pytest.fixture
def page(tmp_path: Path, clinical_plugin: None) -> Iterator[Callable[[str], tuple[TrainedModel, Served]]]:
    opened: list[Served] = []

    def make(prior: str) -> tuple[TrainedModel, Served]:
        made = settings(("age", "stage"), share=0.5)
        component = made.model.component.model_copy(update={"prior": prior})
        options = made.train.model_copy(update={"updates": 30})
        made = replace(made, model=replace(made.model, component=component), train=options)
        run: Run = train(made, runs_dir=tmp_path / "runs")
        trained = TrainedModel.open(run)
        opened.append(Served.of(Explorer(trained)))
        return trained, opened[-1]

    yield make
    for each in opened:
        each.stop()


def decoded(served: Served, **asked: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Numbers and voxels of a place."""
    status, body = served.post("/api/decode", asked)
    assert status == 200, body
    (length,) = struct.unpack("<I", body[:4])
    return json.loads(body[4 : 4 + length]), np.frombuffer(body[4 + length :], np.uint8)


def test_with_a_conditional_prior_a_covariate_moves_the_image_by_w_x(
    page: Callable[[str], tuple[TrainedModel, Served]],
) -> None:
    trained, served = page("conditional")
    own = Explorer(trained).subject(SUBJECT)
    row, encoder = trained.latents.position(SUBJECT), encoder_of_run(trained.run)
    assert encoder is not None
    z = trained.latents.z[[row]].astype(np.float64)
    numbers, there = decoded(served, z=own["z"], covariates=own["covariates"])
    np.testing.assert_array_equal(there, np.rint(trained.decode(z) * 255).ravel())  # the subject's own place
    older = {**own["covariates"], "age": own["covariates"]["age"] + 20}
    weight = dict(trained.model.named_parameters())["prior_mean.weight"].detach().double().numpy()
    step = np.zeros(len(encoder.names))
    step[encoder.names.index("age")] = 20 / encoder.columns[0].sd  # type: ignore[union-attr]
    moved = z + step @ weight.T
    after, image = decoded(served, z=own["z"], covariates=older)
    np.testing.assert_allclose(image, np.rint(trained.decode(moved) * 255).ravel(), atol=1)
    assert np.abs(image.astype(float) - there).max() > 5
    assert after["z"] == numbers["z"] == own["z"]
    x = trained.latents.x[[row]] + step  # type: ignore[index]
    assert after["log_hazard"] == pytest.approx(trained.log_hazard(np.hstack([moved, x]))[0], abs=1e-5)
    walked, _ = decoded(served, z=own["z"], hazard=1, covariates=older)
    along = trained.coordinates().along_hazard(moved[0], trained.gradient, np.array([1.0])) - x @ weight.T
    np.testing.assert_allclose(walked["z"], along[0], atol=1e-6)


def test_without_one_the_image_stays(page: Callable[[str], tuple[TrainedModel, Served]]) -> None:
    trained, served = page("normal")
    own = Explorer(trained).subject(SUBJECT)
    np.testing.assert_allclose(own["z"], trained.latents.z[trained.latents.position(SUBJECT)])
    before, there = decoded(served, z=own["z"], covariates=own["covariates"])
    after, image = decoded(served, z=own["z"], covariates={**own["covariates"], "age": 90})
    np.testing.assert_array_equal(image, there)
    assert after["log_hazard"] > before["log_hazard"] + 0.1
