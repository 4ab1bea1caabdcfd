"""Importance: the head's weights, refitted hazard ratios, stability and correlates of each dimension."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from survembed.figures.importance import draw_importance
from survembed.runs.embedding import embed
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import Run
from survembed.workflows.importance import importance, siblings
from tests.trained import Made


def run_of(swept: Sweep, model: str, tau: float | None, seed: int = 0, fold: int = 0) -> Run:
    return next(
        run
        for cell, run in swept.runs().items()
        if (cell.model, cell.tau, cell.seed, cell.fold) == (model, tau, seed, fold)
    )


def test_weights_ratios_and_correlates(swept: Sweep, tmp_path: Path) -> None:
    run = run_of(swept, "coxvae", 0.1)
    found = importance(run, device="cpu")
    psi = load_file(run.path / "model.safetensors")["head.psi.weight"][0]
    latents = embed(run, device="cpu")
    deviation = latents.z[~latents.test].std(axis=0)
    for each in found.dimensions:
        assert each.psi == pytest.approx(psi[each.number], rel=1e-5)
        assert each.hazard_ratio == pytest.approx(np.exp(psi[each.number]), rel=1e-5)
        assert each.psi_sd == pytest.approx(psi[each.number] * deviation[each.number], rel=1e-4)
        assert each.train is not None
        assert each.train.low < each.train.value < each.train.high
        assert {"tumour_ml", "organ_ml", "age", "sex=male"} <= set(each.correlations)
        assert "note" not in "".join(each.correlations)
    strongest = max(found.dimensions, key=lambda each: abs(each.correlations["tumour_ml"]))
    assert abs(strongest.correlations["tumour_ml"]) > 0.5  # the blob is all that is there to see
    assert found.to_dict()["dimensions"][0]["train"]["value"] > 0
    assert [path.suffix for path in draw_importance(found, tmp_path / "importance.png")] == [".png", ".pdf"]


def test_stability_is_judged_by_siblings_of_the_same_model_and_tau(swept: Sweep) -> None:
    run = run_of(swept, "coxvae", 0.1)
    others = siblings(run)
    assert len(others) == 3
    assert all(other.model == "coxvae" and other.read("config.json")["model"]["tau"] == 0.1 for other in others)
    found = importance(run, device="cpu")
    assert set(found.others) == {other.id for other in others}
    for each in found.dimensions:
        assert each.stability is not None
        assert 0 <= each.stability.similarity <= 1
        assert each.stability.same_sign in (0, 1 / 3, 2 / 3, 1)
        assert each.stability.psi_sd_spread is not None
        assert each.stability.psi_sd_spread > 0


def test_a_copy_of_a_run_is_perfectly_stable(a_run: Made, tmp_path: Path) -> None:
    run = a_run()
    shutil.copytree(run.path, run.path.with_name("copy"))
    found = importance(run, device="cpu")
    assert found.others == ("copy",)
    for each in found.dimensions:
        assert each.stability is not None
        assert each.stability.similarity == pytest.approx(1, abs=1e-6)
        assert each.stability.same_sign == 1
        assert each.stability.psi_sd == pytest.approx(each.psi_sd)
        assert each.stability.psi_sd_spread is None  # one other run has no spread


@pytest.mark.parametrize(("model", "tau"), [("vae", None), ("deepsurv", None)])
def test_models_without_head_or_decoder(swept: Sweep, model: str, tau: float | None) -> None:
    found = importance(run_of(swept, model, tau), device="cpu")
    for each in found.dimensions:
        assert (each.psi is None) == (model == "vae")
        assert each.stability is not None
        assert (each.stability.same_sign is None) == (model == "vae")


def test_an_mlp_head_gives_its_gradient(a_run: Made) -> None:
    found = importance(a_run("image", "coxvae", "deepsurv"), device="cpu")
    assert all(each.psi is not None and np.isfinite(each.psi) for each in found.dimensions)
    assert found.others == ()
    assert all(each.stability is None for each in found.dimensions)
