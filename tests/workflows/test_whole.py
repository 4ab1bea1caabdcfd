"""The whole way, as a user goes it: train, embed, evaluate, traverse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from survembed import registry
from survembed.figures.traversal import draw_traversal
from survembed.runs.configuration import Chosen, TrainConfig
from survembed.runs.embedding import embed
from survembed.runs.run import Runs
from survembed.storage.files import cache_folder, read_json
from survembed.training.options import TrainOptions
from survembed.workflows.evaluate import evaluate
from survembed.workflows.train import train
from survembed.workflows.traverse import traverse


def test_digits(tmp_path: Path) -> None:
    network = registry.load("models", "coxvae").configure(
        "coxvae", {"tau": 0.1, "latent_dim": 3, "width": 8, "blocks": 2}
    )
    config = TrainConfig(
        data=Chosen("surv-digits", registry.load("datasets", "surv-digits")()),
        model=Chosen("coxvae", network),
        head=Chosen("linear", registry.load("heads", "linear")()),
        train=TrainOptions(updates=120, batch_size=128, rate=1e-2, average=0.8),
    )
    assert train(config, runs_dir=tmp_path / "runs").status == "finished"
    run = Runs(tmp_path / "runs").find(ability="decode")
    latents = embed(run)
    assert latents.z.shape == (1797, 3)
    assert latents.test.sum() == 539  # the dataset's own split

    coxph = registry.load("downstream", "coxph")()
    found = evaluate(run, [("coxph", coxph)], n_resamples=20)
    base, refitted = (row.scores["harrell_c"].value for row in found.rows)
    assert found.truth["harrell_c"] == pytest.approx(0.818, abs=0.02)
    assert base > 0.7, "the ceiling is 0.818, chance 0.5"
    assert refitted > 0.7
    assert found.rows[0].scores["ibs"].value < found.ibs_km.value
    assert found.truth["rank_correlation"] > 0.7

    walked = traverse(run, [0, 2], risk=True, low=-2, high=2, n_steps=5)
    assert {walk.name for walk in walked.walks} == {"risk", "z0", "z2"}
    hazard = walked.walks[0].log_hazard
    assert hazard is not None
    assert (np.diff(hazard) > 0).all()
    written = draw_traversal(walked, run.path / "traversal" / "traversal")
    assert read_json(walked.save(run.path / "traversal" / "traversal.json"))["synthetic"] is True
    assert [path.stat().st_size > 1000 for path in written] == [True, True]
    assert str(cache_folder()).startswith(str(tmp_path.parent))  # nothing of the user's was touched
