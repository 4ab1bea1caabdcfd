"""Explore: what the page is told of a place in the latent space."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from survembed.errors import DataError, UsageError
from survembed.evaluation.out_of_distribution import compare_with_training
from survembed.runs.embedding import open_cohort
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explore import Explorer
from tests.trained import Made
from tests.workflows.test_traverse import psi_of

HERE = [0.7, -1.2]


def explorer(a_run: Made, *kind: str) -> Explorer:
    return Explorer(TrainedModel.open(a_run(*kind)))


def unpacked(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    """The numbers and the voxels of a scene, as the page reads them."""
    (length,) = struct.unpack_from("<I", content)
    assert length % 4 == 0
    return json.loads(content[4 : 4 + length]), np.frombuffer(content, np.uint8, offset=4 + length)


def test_hazard_ratio_is_exp_of_psi_times_the_step(a_run: Made) -> None:
    ours = explorer(a_run, "volume")
    psi = psi_of(ours.trained.run)
    start = ours.scene(ours.axes.centre).numbers
    for step in ([1.0, 0.0], [0.0, -2.5], [3.0, 4.0]):
        there = ours.scene(ours.axes.centre + step).numbers
        assert np.exp(there["log_hazard"] - start["log_hazard"]) == pytest.approx(np.exp(psi @ step), rel=1e-5)
        assert there["slope"] == pytest.approx(psi)


def test_survival_is_breslows_at_the_described_times(a_run: Made) -> None:
    ours = explorer(a_run, "image")
    told, times = ours.scene(np.array(HERE)).numbers, np.array(ours.describe()["times"])
    assert (times[0], times[-1]) == (0, ours.trained.head.baseline.last_time)
    assert (np.diff(times) > 0).all()
    hazard = ours.trained.log_hazard(np.array([HERE]))
    value, low, high = np.array(told["survival"])
    np.testing.assert_allclose(value, ours.trained.head.baseline.survival(hazard, times)[0], atol=1e-5)
    assert value[0] == 1
    assert (low <= value).all()
    assert (value <= high).all()
    assert (low < high).any()
    known = ours.trained.head.baseline.median(hazard)[0]
    assert told["median"][0] == (pytest.approx(known) if np.isfinite(known) else None)


@pytest.mark.parametrize("kind", ["image", "volume", "table"])
def test_the_hazard_of_the_decoded_image_is_beside_the_claimed_one(a_run: Made, kind: str) -> None:
    """By the model itself, not by the code that is tested: encode what is decoded, and ask the head."""
    ours, z = explorer(a_run, kind), torch.tensor([HERE])
    told, model = ours.scene(np.array(HERE)).numbers, ours.trained.model
    with torch.no_grad():
        again = model.log_hazard(model.posterior(model.decode(z))[0])
    assert told["reencoded"] == pytest.approx(float(again), rel=1e-4, abs=1e-5)
    assert told["reencoded"] != pytest.approx(told["log_hazard"], rel=1e-6)
    assert ours.describe()["differs"] == [np.log(1.2), 0.2]


@pytest.mark.parametrize("head", ["linear", "deepsurv"])
def test_a_step_along_the_hazard_follows_the_axis(a_run: Made, head: str) -> None:
    ours = explorer(a_run, "image", "coxvae", head)
    there = ours.place({"z": HERE, "hazard": 1.5})
    path = ours.axes.along_hazard(np.array(HERE), ours.trained.gradient, np.array([1.5]))
    np.testing.assert_allclose(there, path[0])
    one, other = ours.scene(np.array(HERE)).numbers, ours.scene(there).numbers
    assert other["log_hazard"] > one["log_hazard"]
    if head == "linear":
        assert other["log_hazard"] - one["log_hazard"] == pytest.approx(1.5 * one["hazard_sd"], rel=1e-4)


@pytest.mark.parametrize("kind", ["image", "volume"])
def test_voxels_are_what_the_decoder_says(a_run: Made, kind: str) -> None:
    ours = explorer(a_run, kind)
    numbers, voxels = unpacked(ours.scene(np.array(HERE)).to_bytes())
    decoded = ours.trained.decode(np.array([HERE]))
    np.testing.assert_array_equal(voxels, np.rint(np.clip(decoded, 0, 1) * 255).astype(np.uint8).ravel())
    assert numbers["z"] == HERE
    if kind == "volume":
        assert numbers["volumes_ml"] == {"tumour": pytest.approx(decoded[0, 1].sum(dtype=np.float64))}


def test_a_table_is_told_in_its_own_units(a_run: Made) -> None:
    ours = explorer(a_run, "table")
    numbers, voxels = unpacked(ours.scene(np.array(HERE)).to_bytes())
    assert len(voxels) == 0
    np.testing.assert_allclose(numbers["row"], ours.trained.decode(np.array([HERE]))[0, 0], rtol=1e-6)
    assert ours.describe()["features"] == tuple("abcde")


def test_a_model_without_a_head(a_run: Made) -> None:
    ours = explorer(a_run, "image", "vae")
    told = ours.describe()
    assert (told["has_head"], told["times"]) == (False, [])
    shown = set(ours.scene(np.array(HERE)).numbers)
    assert shown == {"z", "volumes_ml", "distance_percentile"}
    with pytest.raises(UsageError, match="no such step along the hazard"):
        ours.place({"z": HERE, "hazard": 1})


def test_distance_is_that_of_predict(a_run: Made) -> None:
    ours = explorer(a_run, "image")
    with open_cohort(ours.trained.run) as cohort:
        for row in (0, 7, 31):
            z = ours.latents.z[row : row + 1]
            told = ours.scene(z[0].astype(float)).numbers["distance_percentile"]
            assert told == compare_with_training(ours.trained, cohort.images([row]), z).distance_percentile[0]
    assert ours.scene(ours.axes.centre).numbers["distance_percentile"] == 0
    assert ours.scene(ours.axes.centre + 900).numbers["distance_percentile"] == 100


def test_subjects(a_run: Made) -> None:
    ours = explorer(a_run, "image")
    cohort, latents = ours.subjects(), ours.latents
    assert cohort["id"] == latents.id.tolist()
    projected = PCA(2).fit(latents.z[~latents.test]).transform(latents.z)
    np.testing.assert_allclose(np.abs(cohort["place"]), np.abs(projected), atol=1e-3)
    one = ours.subject("s007")
    assert one["z"] == latents.z[7].tolist()
    assert (one["duration"], one["event"]) == (latents.duration[7], latents.event[7])
    with pytest.raises(DataError, match="no subject 's07'") as refused:
        ours.subject("s07")
    assert refused.value.try_ in cohort["id"]


@pytest.mark.parametrize(
    "z",
    [
        *(None, "0,0", [], [0.0], [0, 0, 0], [0, "1"], [0, None], [0, True], [0, [1]]),
        *([0, float("nan")], [float("inf"), 0], [1e9, 0], [0, -1e9], [0, 10**400]),
    ],
)
def test_absurd_places_are_refused(a_run: Made, z: object) -> None:
    with pytest.raises(UsageError, match="no such place") as refused:
        explorer(a_run, "image").place({"z": z})
    assert refused.value.expected == "a list of 2 numbers within ±1000"


@pytest.mark.parametrize("step", [float("nan"), 1e9, "1", None, True])
def test_absurd_steps_are_refused(a_run: Made, step: object) -> None:
    with pytest.raises(UsageError, match="no such step"):
        explorer(a_run, "image").place({"z": HERE, "hazard": step})


def test_nifti_opens_in_its_place_and_unit(a_run: Made, tmp_path: Path) -> None:
    ours = explorer(a_run, "volume")
    path = tmp_path / "ct.nii.gz"
    path.write_bytes(ours.nifti(np.array(HERE), "ct"))
    image = nib.load(path)
    decoded = ours.trained.decode(np.array([HERE]))[0, 0]
    np.testing.assert_allclose(image.get_fdata(), -150 + 400 * decoded, rtol=1e-5, atol=1e-3)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    np.testing.assert_allclose(image.affine @ [2.5, 3, 3.5, 1], [0, 0, 0, 1], atol=1e-6)
    assert gzip.decompress(ours.nifti(np.array(HERE), "tumour"))[:4] == struct.pack("<I", 348)
    with pytest.raises(UsageError, match="no such channel"):
        ours.nifti(np.array(HERE), "liver")
    with pytest.raises(UsageError, match="no volumes"):
        explorer(a_run, "image").nifti(np.array(HERE), "blob")
