"""Numbers on a latent space, against a brute-force computation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from survembed.evaluation import latent_space as module
from survembed.evaluation.latent_space import FILE, LatentSpace, effective_dimensions, latent_space
from survembed.runs.embedding import embed, load_model, open_cohort
from survembed.training.validation import median_correlation
from tests.clinical_runs import Trained
from tests.trained import Made


@pytest.mark.parametrize("kind", ["volume", "image", "table"])
def test_a_run_by_brute_force(a_run: Made, kind: str) -> None:
    run = a_run(kind)
    latents = embed(run)
    found = latent_space(run, latents, n_resamples=20)
    model, test = load_model(run), np.flatnonzero(latents.test)
    with open_cohort(run) as cohort:
        images = cohort.images(np.arange(len(latents.z))).astype(np.float64)
        channels = cohort.channels
    with torch.no_grad():
        decoded = model.decode(torch.from_numpy(latents.z[test]))
        again = model.log_hazard(model.posterior(decoded)[0]).double().numpy()
    known = images[~latents.test]
    for number, channel in enumerate(channels):
        true, seen = images[test, number], decoded[:, number].double().numpy()
        scale = known[:, number].std(axis=0) if channel.standardise else 1.0
        error = (((seen - true) / scale) ** 2).sum()
        null = (((known[:, number].mean(axis=0) - true) / scale) ** 2).sum()
        assert found.explained[channel.name] == pytest.approx(1 - error / null, rel=1e-4)
        if kind != "table":
            axes = tuple(range(1, true.ndim))
            expected = spearmanr(seen.sum(axis=axes), true.sum(axis=axes)).statistic
            assert found.volume_correlation[channel.name] == pytest.approx(expected, abs=1e-6)
    assert found.reencoding_slope == pytest.approx(np.polyfit(latents.log_hazard[test], again, 1)[0], rel=1e-4)
    low, high = found.intervals["reencoding_slope"]
    assert low <= high
    assert found.n_test == len(test)


@pytest.mark.usefixtures("clinical_plugin")
def test_covariates_are_no_part_of_the_proof(trained_with: Trained) -> None:
    run = trained_with()
    latents = embed(run)
    model, z = load_model(run), torch.from_numpy(latents.z[latents.test])
    with torch.no_grad():
        claimed = model.log_hazard(z).double().numpy()
        again = model.log_hazard(model.posterior(model.decode(z))[0]).double().numpy()
    assert latent_space(run, latents).reencoding_slope == pytest.approx(np.polyfit(claimed, again, 1)[0], rel=1e-4)


def test_dice_is_that_of_subjects_with_a_lesion(a_run: Made) -> None:
    run = a_run("volume")
    latents = embed(run)
    test = np.flatnonzero(latents.test)
    with open_cohort(run) as cohort:
        true = cohort.images(test)[:, 1] > 0.5
    with torch.no_grad():
        seen = load_model(run).decode(torch.from_numpy(latents.z[test]))[:, 1].numpy() > 0.5
    each = [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in zip(seen, true, strict=True) if b.any()]
    assert latent_space(run, latents).dice == pytest.approx({"tumour": np.mean(each)})


def test_a_vae_has_no_hazard(a_run: Made) -> None:
    run = a_run("image", "vae")
    found = latent_space(run, embed(run))
    assert np.isnan([found.reencoding_slope, found.walk_slope]).all()
    assert found.explained


def test_deepsurv_has_no_images(a_run: Made) -> None:
    run = a_run("image", "deepsurv")
    found = latent_space(run, embed(run))
    assert (dict(found.explained), dict(found.dice)) == ({}, {})
    assert 1 <= found.effective_dimensions <= 2


def test_it_is_measured_once_for_the_same_weights(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run("image")
    latents = embed(run)
    first = latent_space(run, latents)
    monkeypatch.setattr("survembed.evaluation.latent_space.TrainedModel", None)
    assert latent_space(run, latents).to_dict() == first.to_dict()
    path: Path = run.path / FILE
    path.write_text(path.read_text().replace(latents.provenance["weights"], "0" * 64))
    with pytest.raises(AttributeError):  # measured again
        latent_space(run, latents)


def test_copies_of_one_dimension_are_one_effective_dimension() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(500, 1))
    assert effective_dimensions(np.repeat(one, 8, axis=1)) == pytest.approx(1)
    assert median_correlation(np.repeat(one, 8, axis=1)) == pytest.approx(1)
    apart = np.linalg.qr(rng.normal(size=(500, 4)))[0]
    apart -= apart.mean(axis=0)
    assert effective_dimensions(apart) == pytest.approx(4, rel=0.05)
    assert median_correlation(apart) < 0.05
    assert np.isnan(median_correlation(one))


def test_numbers_without_a_value_are_so_when_they_are_read_again(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that is equal in all test subjects has no rank correlation."""
    run = a_run("image")
    latents = embed(run)
    measure = module._measured

    def without_correlation(*given: Any) -> LatentSpace:
        return replace(measure(*given), volume_correlation={"tumour": float("nan")}, walk_slope=float("nan"))

    monkeypatch.setattr(module, "_measured", without_correlation)
    first = latent_space(run, latents, n_resamples=21)
    again = latent_space(run, latents, n_resamples=21)
    assert again.texts() == first.texts()
    assert np.isnan(again.volume_correlation["tumour"])
