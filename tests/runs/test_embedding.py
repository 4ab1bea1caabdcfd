"""Embed: latents made once, and again only when what they depend on has changed."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from survembed.cohort.prepare import prepare
from survembed.errors import RunError
from survembed.progress import Reporter
from survembed.runs import embedding as module
from survembed.runs.embedding import embed, load_model, open_cohort
from survembed.runs.latents import Latents
from survembed.storage.files import cache_folder, read_json
from survembed.training.split import from_ids
from tests.planted import Planted, planted
from tests.trained import Made


class Words(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
def test_latents_are_the_models(a_run: Made, kind: str) -> None:
    run = a_run(kind)
    latents = embed(run)
    with open_cohort(run) as cohort:
        images = torch.from_numpy(cohort.images(range(len(cohort))))
        subjects = cohort.subjects
        parts = from_ids(run.read("split.json"), subjects)
    model = load_model(run)
    with torch.no_grad():
        mu, logvar = model.posterior(images)
        hazard = model.log_hazard(mu)
    np.testing.assert_allclose(latents.z, mu, rtol=1e-5, atol=1e-6)
    assert latents.z_logvar is not None
    assert latents.log_hazard is not None
    np.testing.assert_allclose(latents.z_logvar, logvar, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(latents.log_hazard, hazard, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(latents.id, planted(kind, 80)[1].id)
    np.testing.assert_array_equal(latents.duration, subjects.duration)
    np.testing.assert_array_equal(latents.truth, subjects.truth)
    for name, index in parts.items():
        assert set(np.flatnonzero(latents.split == name)) == set(index)
    assert (latents.model, latents.dataset, latents.time_unit) == ("coxvae", "planted", "days")
    assert latents.title == f"synthetic planted {kind}"


def test_what_a_model_lacks_is_absent(a_run: Made) -> None:
    deterministic = embed(a_run("image", "deepsurv"))
    assert deterministic.z_logvar is None
    assert deterministic.log_hazard is not None
    assert embed(a_run("image", "vae")).log_hazard is None


def test_reused_while_nothing_changed(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    first = embed(run)
    monkeypatch.setattr(module, "load_model", lambda *_: pytest.fail("embedded again"))
    np.testing.assert_array_equal(embed(run).z, first.z)


def test_other_weights(a_run: Made) -> None:
    run, words = a_run(), Words()
    before = embed(run)
    model = load_model(run)
    with torch.no_grad():
        model.mu.bias.add_(1.0)  # type: ignore[union-attr, operator]
    run.save_weights(model)
    after = embed(run, reporter=words)
    assert words.said == ["latents.h5 belongs to another weights: embedding again"]
    np.testing.assert_allclose(after.z, before.z + 1, rtol=1e-4, atol=1e-5)
    assert Latents.load(run.path / "latents.h5").differs_from(after.provenance) == []


def test_latents_of_another_run(a_run: Made) -> None:
    image, words = a_run("image"), Words()
    other = a_run("table")
    embed(other)
    (image.path / "latents.h5").write_bytes((other.path / "latents.h5").read_bytes())
    assert len(embed(image, reporter=words).z) == 80
    assert words.said == ["latents.h5 belongs to another cohort and weights: embedding again"]


def test_damaged_latents(a_run: Made) -> None:
    run, words = a_run(), Words()
    before = embed(run)
    path = run.path / "latents.h5"
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(embed(run, reporter=words).z, before.z)
    assert len(words.said) == 1
    assert "embedding again" in words.said[0]
    np.testing.assert_array_equal(Latents.load(path).z, before.z)


def test_a_full_disk_leaves_nothing(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    (run.path / "latents.h5").unlink()

    def full(descriptor: int) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Exception, match=r"cannot write latents\.h5"):
            embed(run)
    assert not [path for path in run.path.iterdir() if "latents" in path.name]


def test_the_cohort_is_prepared_again(a_run: Made) -> None:
    run = a_run("table")
    z = embed(run).z
    (run.path / "latents.h5").unlink()
    for path in (cache_folder() / "cohorts").glob("planted-*"):
        path.unlink()
    np.testing.assert_array_equal(embed(run).z, z)


def test_data_that_changed_since(a_run: Made) -> None:
    run = a_run()
    (run.path / "latents.h5").unlink()
    values = read_json(run.path / "config.json")
    values["data"]["seed"] = 5
    run.write("config.json", values)
    for path in (cache_folder() / "cohorts").glob("planted-*"):
        path.unlink()
    with pytest.raises(RunError, match="have changed since"):
        embed(run)


def test_a_split_of_other_subjects(a_run: Made) -> None:
    run = a_run()
    (run.path / "latents.h5").unlink()
    division = read_json(run.path / "split.json")
    division["train"][0] = "nobody"
    run.write("split.json", division)
    with pytest.raises(RunError, match="does not divide"):
        embed(run)
    assert not (run.path / "latents.h5").exists()


@pytest.mark.parametrize("keep", [0, 200])
def test_weights_cut_short(a_run: Made, keep: int) -> None:
    run = a_run()
    path = run.path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="cannot be read"):
        embed(run)
    path.unlink()
    with pytest.raises(RunError, match="has no weights"):
        embed(run)


def test_the_file(a_run: Made) -> None:
    run = a_run()
    embed(run)
    with h5py.File(run.path / "latents.h5") as file:
        assert {"format", "format_version", "provenance", "model", "dataset", "time_unit"} <= set(file.attrs)
        assert len(file.attrs["provenance"]) == 64
        assert file["z"].shape == (80, 2)


def test_an_official_split(tmp_path: Path, trained_once: Made) -> None:
    from survembed.workflows.train import train
    from tests.trained import config

    run = train(config(data={"official": True}, train={"updates": 2}), runs_dir=tmp_path)
    latents = embed(run)
    with prepare(Planted(kind="image", official=True), "planted") as cohort:
        assert cohort.subjects.split is not None
        np.testing.assert_array_equal(latents.test, cohort.subjects.split == "test")


@pytest.mark.parametrize("combine", ["mean", "first"])
def test_several_images_of_a_subject(tmp_path: Path, combine: str) -> None:
    from dataclasses import replace

    from survembed.datasets import Images
    from survembed.runs.configuration import Chosen
    from survembed.workflows.train import train
    from tests.datasets.picture.pictures import write_several
    from tests.trained import config

    root = write_several(tmp_path / "study", 40)
    data = Chosen("images", Images.model_validate({"root": root, "combine": combine}))
    run = train(replace(config(train={"updates": 2}), data=data), runs_dir=tmp_path / "runs")
    latents = embed(run)
    with open_cohort(run) as cohort, torch.no_grad():
        assert len(cohort) == 40
        images = torch.from_numpy(cohort.stored_images(np.arange(80)).astype(np.float32) / 255)
        mu, logvar = (values.numpy().reshape(40, 2, -1) for values in load_model(run).posterior(images))
    expected, variance = mu[:, 0], np.exp(logvar[:, 0])
    if combine == "mean":
        expected, variance = mu.mean(axis=1), np.exp(logvar).sum(axis=1) / 4
    np.testing.assert_allclose(latents.z, expected, rtol=1e-4, atol=1e-6)
    assert latents.z_logvar is not None
    np.testing.assert_allclose(np.exp(latents.z_logvar), variance, rtol=1e-4)
    assert latents.id.tolist() == sorted(latents.id.tolist())
