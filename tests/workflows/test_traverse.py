"""Traverse: the numbers of Figure 3, on every kind of image."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter

from survembed.errors import DataError, UsageError
from survembed.evaluation.reencoding import differing
from survembed.figures.traversal import middle_slice
from survembed.runs.embedding import embed, load_model
from survembed.storage.files import read_json
from survembed.survival.cox_inference import CoxFit, HazardRatio
from survembed.workflows.traverse import save_volumes, traverse
from tests.cli.command import survembed
from tests.trained import Made

STEPS = np.arange(-4.0, 5.0)


def psi_of(run: object) -> np.ndarray:
    head = load_model(run).head  # type: ignore[arg-type]
    return dict(head.named_parameters())["psi.weight"].detach().double().numpy()[0]  # type: ignore[union-attr]


def test_raw_axes_are_the_papers_figure(a_run: Made) -> None:
    run = a_run("volume")
    found = traverse(run, [1], raw=True)
    (walk,) = found.walks
    assert walk.name == "z1"
    np.testing.assert_array_equal(found.steps, STEPS)
    np.testing.assert_array_equal(walk.z, np.stack([np.zeros(9), STEPS], axis=1))
    assert (found.start, found.axes) == ("zero", "raw")
    with torch.no_grad():
        decoded = load_model(run).decode(torch.tensor(walk.z, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(walk.images, decoded, rtol=1e-5, atol=1e-6)
    assert walk.psi == pytest.approx(psi_of(run)[1])
    assert walk.log_hazard == pytest.approx(psi_of(run)[1] * STEPS, abs=1e-6)


def test_standardised_axes(a_run: Made) -> None:
    run = a_run("image")
    latents, psi = embed(run), psi_of(run)
    known = latents.z[~latents.test].astype(np.float64)
    found = traverse(run)
    effect = np.abs(psi * known.std(0))
    assert [walk.name for walk in found.walks] == [f"z{number}" for number in np.argsort(-effect)]
    assert (found.start, found.axes) == ("mean of training", "standardised")
    for dimension, walk in enumerate(sorted(found.walks, key=lambda each: each.name)):
        expected = np.tile(known.mean(0), (9, 1))
        expected[:, dimension] += STEPS * known[:, dimension].std()
        np.testing.assert_allclose(walk.z, expected)
        assert walk.psi == pytest.approx(psi[dimension] * known[:, dimension].std(), rel=1e-5)
        assert walk.hr_per_sd == pytest.approx(np.exp(walk.psi))
        # One step multiplies the hazard by exp(psi).
        assert walk.log_hazard is not None
        assert walk.psi is not None
        np.testing.assert_allclose(np.exp(walk.log_hazard), np.exp(walk.psi * STEPS), rtol=1e-4)
    raw = traverse(run, [0], raw=True).walks[0]
    assert raw.psi == pytest.approx(psi[0])
    assert raw.hr_per_sd == pytest.approx(next(walk.hr_per_sd for walk in found.walks if walk.name == "z0"))


def test_the_hazard_axis(a_run: Made) -> None:
    run = a_run("volume")
    latents, psi = embed(run), psi_of(run)
    known = latents.z[~latents.test].astype(np.float64)
    (walk,) = traverse(run, [], risk=True).walks
    spread = (known @ psi).std()
    sigma_psi = np.cov(known, rowvar=False, bias=True) @ psi
    assert walk.name == "risk"
    np.testing.assert_allclose(walk.z - known.mean(0), np.outer(STEPS / spread, sigma_psi), rtol=1e-5, atol=1e-8)
    assert walk.psi == pytest.approx(spread, rel=1e-5)
    assert walk.log_hazard == pytest.approx(spread * STEPS, rel=1e-4, abs=1e-6)


def test_the_hazard_axis_follows_a_curved_head(a_run: Made) -> None:
    run = a_run("image", "coxvae", "deepsurv")
    (walk,) = traverse(run, [], risk=True, low=-2, high=2, n_steps=17).walks
    assert walk.log_hazard is not None
    assert (np.diff(walk.log_hazard) > 0).all()
    assert walk.log_hazard[8] == 0
    # psi is the slope at the start, for one step.
    slope = (walk.log_hazard[9] - walk.log_hazard[7]) / 0.5
    assert walk.psi == pytest.approx(slope, rel=0.1)


def test_from_a_subject(a_run: Made) -> None:
    run = a_run("volume")
    latents = embed(run)
    z = latents.z[latents.id == "s007"][0].astype(np.float64)
    found = traverse(run, [0], raw=True, risk=True, start="s007", low=-1, high=1, n_steps=3)
    hazard, along = found.walks
    assert found.start == "s007"
    np.testing.assert_allclose(along.z, [[-1, z[1]], [0, z[1]], [1, z[1]]])
    np.testing.assert_allclose(hazard.z[1], z)
    assert hazard.log_hazard is not None
    assert hazard.log_hazard[1] == 0
    assert along.log_hazard is not None
    assert along.log_hazard == pytest.approx(psi_of(run)[0] * (np.array([-1, 0, 1]) - z[0]), abs=1e-5)


def test_volumes_in_ml(a_run: Made) -> None:
    (walk,) = traverse(a_run("volume"), [0]).walks
    tumour = walk.images[:, 1].astype(np.float64)
    assert set(walk.volumes_ml) == {"tumour"}  # no volume of CT intensities
    np.testing.assert_allclose(walk.volumes_ml["tumour"], tumour.sum(axis=(1, 2, 3)))  # 10 mm cubes are 1 ml
    np.testing.assert_array_equal(walk.volumes_above_half_ml["tumour"], (tumour > 0.5).sum(axis=(1, 2, 3)))


def test_no_physical_size_no_volume(a_run: Made) -> None:
    (walk,) = traverse(a_run("image"), [0]).walks
    assert walk.volumes_ml == walk.volumes_above_half_ml == {}


def test_a_vae_has_images_only(a_run: Made) -> None:
    run = a_run("image", "vae")
    walks = traverse(run).walks
    assert {(walk.log_hazard, walk.reencoded, walk.psi, walk.hr_per_sd, walk.test) for walk in walks} == {(None,) * 5}
    with pytest.raises(UsageError, match="no hazard to walk along"):
        traverse(run, risk=True)


def test_tables_come_in_their_units(a_run: Made) -> None:
    (walk,) = traverse(a_run("table"), [0], low=-1, high=1, n_steps=3).walks
    assert walk.images.shape == (3, 1, 5)
    assert 90 < walk.images[1, 0, 0] < 110  # column a lies around 100


def test_dimensions_come_once_by_falling_effect_on_the_hazard(a_run: Made) -> None:
    walks = traverse(a_run(), [1, 0, 1], risk=True).walks
    assert walks[0].name == "risk"
    assert sorted(walk.name for walk in walks[1:]) == ["z0", "z1"]
    effect = [abs(np.log(walk.hr_per_sd)) for walk in walks[1:]]
    assert effect[0] >= effect[1]


def test_decoded_images_are_encoded_again(a_run: Made) -> None:
    """The model's own log-hazard of each image, by torch alone, less that of the start."""
    run = a_run("volume")
    found = traverse(run, [0], risk=True)
    model = load_model(run)
    for walk in found.walks:
        with torch.no_grad():
            start = torch.tensor(walk.z[found.steps == 0], dtype=torch.float32)
            mu, _ = model.posterior(torch.from_numpy(walk.images))
            expected = (model.log_hazard(mu) - model.log_hazard(start)).numpy()
        np.testing.assert_allclose(walk.reencoded, expected, atol=1e-5)
    assert (found.warning is None) == all(not differing(walk.log_hazard, walk.reencoded) for walk in found.walks)


def test_the_interval_is_that_of_lifelines_on_the_test_set(trained_on: Made) -> None:
    run = trained_on("surv-digits")
    latents = embed(run)
    risk, *dimensions = traverse(run, risk=True).walks
    known, test = latents.z[~latents.test].astype(float), latents.test
    n_dims = known.shape[1]
    units = {f"z{i}": (latents.z[test, i] - known[:, i].mean()) / known[:, i].std() for i in range(n_dims)}
    outcome = {"t": latents.duration[test], "e": latents.event[test]}
    fit = CoxPHFitter().fit(pd.DataFrame({**units, **outcome}), "t", "e")
    for walk in dimensions:
        expected = np.exp([fit.params_[walk.name], *fit.confidence_intervals_.loc[walk.name]])
        assert (walk.test.value, walk.test.low, walk.test.high) == pytest.approx(tuple(expected), rel=1e-6)
    score = {"r": latents.log_hazard[test] / latents.log_hazard[~test].std()}
    fit = CoxPHFitter().fit(pd.DataFrame({**score, **outcome}), "t", "e")
    assert risk.test.value == pytest.approx(np.exp(fit.params_["r"]), rel=1e-6)


def test_a_missing_hazard_ratio_has_its_reason(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    one = HazardRatio(1.4, 0.9, 2.1, 0.1, 0.5)
    monkeypatch.setattr("survembed.workflows.traverse.fit_on_test", lambda _: CoxFit({1: one}, {0: "constant"}, 9, 5))
    monkeypatch.setattr("survembed.workflows.traverse.risk_fit_on_test", lambda _: CoxFit({}, {}, 9, 1, "only 1 event"))
    found = traverse(a_run("volume"), [0, 1], risk=True)
    reasons = {walk.name: (walk.test, walk.test_reason) for walk in found.walks}
    assert reasons == {"risk": (None, "only 1 event"), "z0": (None, "constant"), "z1": (one, "")}
    assert len(found.unrated) == 2
    assert found.to_dict()["rows"][0]["test_reason"] == "only 1 event"


def test_silent_dimensions_have_no_row(a_run: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    latents = embed(run)
    variance = latents.z[~latents.test].var(axis=0)
    silent = int(variance.argmin())
    monkeypatch.setattr("survembed.evaluation.latent_hazard.ACTIVE_VARIANCE", variance.mean())
    found = traverse(run, risk=True)
    assert ([walk.name for walk in found.walks], found.silent) == (["risk", f"z{1 - silent}"], (silent,))
    assert [walk.name for walk in traverse(run, [silent]).walks] == [f"z{silent}"]  # requested by number
    monkeypatch.setattr("survembed.evaluation.latent_hazard.ACTIVE_VARIANCE", np.inf)
    assert len(traverse(run).walks) == 2  # a collapsed model is shown as it is


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dims": [2]}, "no latent dimension 2"),
        ({"dims": [-1]}, "no latent dimension -1"),
        ({"low": 1.0, "high": 1.0}, "no path"),
        ({"low": float("nan")}, "no path"),
        ({"high": float("inf")}, "no path"),
        ({"n_steps": 1}, "no path"),
    ],
)
def test_bad_paths(a_run: Made, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        traverse(a_run(), **arguments)  # type: ignore[arg-type]


def test_an_unknown_subject(a_run: Made) -> None:
    with pytest.raises(DataError, match="no subject 's07'"):
        traverse(a_run(), start="s07")


def test_steps_are_round_numbers(a_run: Made) -> None:
    steps = traverse(a_run(), [0], low=-0.1, high=0.2, n_steps=4).steps  # numpy's own has 1.4e-17 for 0
    assert [f"{step:+g}" for step in steps] == ["-0.1", "+0", "+0.1", "+0.2"]


def test_the_numbers_are_written(a_run: Made, tmp_path: Path) -> None:
    found = traverse(a_run("volume"), [1], risk=True)
    written = read_json(found.save(tmp_path / "traversal.json"))
    assert (written["format"], written["format_version"], written["synthetic"]) == ("survembed-traversal", 1, True)
    assert written["steps"] == STEPS.tolist()
    assert [row["name"] for row in written["rows"]] == ["risk", "z1"]
    for row, walk in zip(written["rows"], found.walks, strict=True):
        assert row["hazard_ratio"] == pytest.approx(np.exp(walk.psi))
        assert row["volumes_ml"]["tumour"] == walk.volumes_ml["tumour"].tolist()
        assert len(row["z"]) == len(row["log_hazard"]) == len(row["reencoded"]) == 9


def test_volumes_are_nifti_in_millimetres(a_run: Made, tmp_path: Path) -> None:
    found = traverse(a_run("volume"), [1], low=-2, high=2, n_steps=3)
    written = save_volumes(found, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"z1_{step}_{channel}.nii.gz" for step in ("-2.0", "+0.0", "+2.0") for channel in ("ct", "tumour")
    )
    assert len(written) == 6
    ct, tumour = (nib.load(tmp_path / "out" / f"z1_+2.0_{name}.nii.gz") for name in ("ct", "tumour"))
    np.testing.assert_allclose(ct.get_fdata(), 400 * found.walks[0].images[2, 0] - 150, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(tumour.get_fdata(), found.walks[0].images[2, 1], rtol=1e-5)
    assert ct.header.get_zooms() == (10, 10, 10)
    assert nib.aff2axcodes(ct.affine) == ("R", "A", "S")
    middle = (np.array(ct.shape) - 1) / 2
    np.testing.assert_allclose(ct.affine @ [*middle, 1], [0, 0, 0, 1], atol=1e-6)


def test_fine_steps_have_files_of_their_own(a_run: Made, tmp_path: Path) -> None:
    found = traverse(a_run("volume"), [0], low=0, high=0.2, n_steps=5)
    assert len(set(save_volumes(found, tmp_path))) == 10
    assert (tmp_path / "z0_+0.050_ct.nii.gz").is_file()


def test_no_nifti_of_pictures(a_run: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no volumes"):
        save_volumes(traverse(a_run("image"), [0]), tmp_path)


def test_the_channel_that_figures_show(a_run: Made, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run("petct")
    command = ["--runs-dir", str(run.path.parent), "--steps", "2", "--dim", "0"]
    answer = survembed(capsys, "traverse", *command, "--channel", "pet")
    assert answer.code == 0, answer.err
    assert (run.path / "traversal/z0-pet/traversal.png").is_file()
    refused = survembed(capsys, "traverse", *command, "--channel", "nodes")
    assert refused.code == 2
    assert "expected: one of ct, pet; lesion masks are drawn over it" in refused.err
    shown, usual = (traverse(run, [0], low=-1, high=1, n_steps=2, channel=name) for name in ("pet", None))
    image = usual.walks[0].images[0]
    assert not np.array_equal(middle_slice(image, shown.header), middle_slice(image, usual.header))
    corner = middle_slice(image, shown.header)[0, 0]  # the lesions are elsewhere
    np.testing.assert_allclose(corner, max(0.0, float(image[1, -1, -1, 5])), atol=0.01)
