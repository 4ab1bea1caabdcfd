"""Means of latent spaces over runs, and against the plain VAE."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.evaluation.latent_space import LatentSpace
from survembed.evaluation.latent_space_table import latent_space_table, mean_latent_spaces


def space(ct: float, slope: float = np.nan) -> LatentSpace:
    return LatentSpace({"ct": ct}, {}, {}, 8, 5.0, 0.2, slope, slope, 10)


def test_means_and_shares_of_the_vae() -> None:
    means = mean_latent_spaces({"coxvae": [space(0.3, 0.9), space(0.5, 1.1)], "vae": [space(0.5)], "deepsurv": []})
    assert list(means) == ["coxvae", "vae"]
    assert means["coxvae"].explained == pytest.approx({"ct": 0.4})
    assert means["coxvae"].of_vae == pytest.approx({"ct": 0.8})
    assert (means["vae"].of_vae, means["coxvae"].n_runs) == ({}, 2)
    assert means["coxvae"].reencoding_slope == pytest.approx(1.0)
    columns, rows = latent_space_table(means)
    assert columns == ["model", "explained, ct", "active", "effective", "re-encoding", "runs"]
    assert rows == [
        ["coxvae", "0.400 (80% of the VAE)", "8", "5.0", "1.00", "2"],
        ["vae", "0.500", "8", "5.0", "", "1"],
    ]


def test_a_vae_that_explains_nothing_is_no_reference() -> None:
    assert mean_latent_spaces({"coxvae": [space(0.3)], "vae": [space(-0.1)]})["coxvae"].of_vae == {}
