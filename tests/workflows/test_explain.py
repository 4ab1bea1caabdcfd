"""Explain: a subject walked along its hazard, on its own anatomy."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from survembed.errors import DataError, RunError, UsageError
from survembed.figures.explain import step_title
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explain import explain, save_volumes
from tests.cli.command import survembed
from tests.trained import Made
from tests.workflows.test_predict import files_of


@pytest.mark.parametrize(("kind", "head"), [("volume", "linear"), ("image", "linear"), ("image", "deepsurv")])
def test_the_hazard_rises_with_every_step(a_run: Made, kind: str, head: str) -> None:
    run = a_run(kind, "coxvae", head)
    found = explain(run, "s007", low=-3, high=2, n_steps=6)
    np.testing.assert_array_equal(found.steps, [-3, -2, -1, 0, 1, 2])
    assert (np.diff(found.log_hazard_ratio) > 0).all()
    assert found.log_hazard_ratio[3] == 0
    trained = TrainedModel.open(run)
    np.testing.assert_allclose(
        found.log_hazard_ratio, trained.log_hazard(found.z) - trained.log_hazard(found.z[3:4]), atol=1e-6
    )
    if head == "linear":  # a straight line, of one standard deviation of r a step
        known = embed(run).log_hazard[~embed(run).test]  # type: ignore[index]
        np.testing.assert_allclose(np.diff(found.log_hazard_ratio), known.std(), rtol=1e-3)
        np.testing.assert_allclose(np.diff(found.z, axis=0), np.tile(found.z[1] - found.z[0], (5, 1)), atol=1e-6)


def test_the_walk_starts_from_the_subjects_own_image(a_run: Made) -> None:
    run = a_run("volume")
    found = explain(run, "s007")
    latents, trained = embed(run), TrainedModel.open(run)
    own = latents.z[latents.position("s007")].astype(np.float64)
    with open_cohort(run) as cohort:
        image = cohort.images([cohort.position("s007")])[0]
    np.testing.assert_array_equal(found.image, image)
    np.testing.assert_array_equal(found.walked[2], image)
    np.testing.assert_allclose(found.reconstruction, trained.decode(own[None])[0], atol=1e-6)
    np.testing.assert_array_equal(found.difference[2], np.zeros_like(image))
    decoded = trained.decode(found.z[4:])[0]
    np.testing.assert_allclose(found.walked[4], np.clip(image + decoded - found.reconstruction, 0, 1), atol=1e-5)
    tumour = found.walked[:, 1].astype(np.float64).sum(axis=(1, 2, 3))  # voxels of 10 mm are 1 ml
    np.testing.assert_allclose(found.walked_ml["tumour"], tumour)
    np.testing.assert_array_equal(found.walked_above_half_ml["tumour"], (found.walked[:, 1] > 0.5).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(found.decoded_ml["tumour"], found.decoded[:, 1].sum(axis=(1, 2, 3)), rtol=1e-5)


def test_zero_is_always_a_step(a_run: Made) -> None:
    found = explain(a_run(), "s001", low=-1, high=2, n_steps=3)
    np.testing.assert_array_equal(found.steps, [-1, 0, 0.5, 2])
    assert found.walked_ml == {}


def test_volumes_lie_where_the_subjects_lesion_lies(trained_on: Made, tmp_path: Path) -> None:
    run = trained_on("liver")
    written = save_volumes(explain(run, "s24"), tmp_path)
    assert len(written) == 10
    source = nib.load(Path(run.read("config.json")["data"]["root"]) / "labelsTr" / "s24.nii.gz")
    ct, lesion = (nib.load(tmp_path / f"risk_+0.0_{name}.nii.gz") for name in ("ct", "tumour"))

    def centre(image: nib.Nifti1Image, label: int) -> np.ndarray:
        inside = np.argwhere(np.asarray(image.dataobj) == label)
        return np.asarray(apply_affine(image.affine, inside).mean(axis=0))

    def volume(image: nib.Nifti1Image, label: int) -> float:
        voxels = float((np.asarray(image.dataobj) == label).sum())
        return voxels * float(abs(np.linalg.det(image.affine[:3, :3]))) / 1000

    np.testing.assert_allclose(centre(lesion, 1), centre(source, 2), atol=1.5)  # voxels of 5 mm
    assert volume(lesion, 1) == pytest.approx(volume(source, 2), rel=0.15)
    with open_cohort(run) as cohort:
        row = cohort.position("s24")
        np.testing.assert_allclose(ct.affine, cohort.subjects.affine[row], atol=1e-4)  # type: ignore[index]
        hu = -150 + 400 * cohort.images([row])[0, 0]
    np.testing.assert_allclose(ct.get_fdata(), hu, atol=1e-3)
    for image in (ct, lesion):
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)
        assert image.header.get_xyzt_units()[0] == "mm"
    assert lesion.get_data_dtype() == np.uint8
    assert set(np.unique(np.asarray(lesion.dataobj))) == {0, 1}


def test_volumes_without_a_place_are_centred(a_run: Made, tmp_path: Path) -> None:
    save_volumes(explain(a_run("volume"), "s007", low=0, high=1, n_steps=2), tmp_path)
    affine = nib.load(tmp_path / "risk_+1.0_ct.nii.gz").affine
    np.testing.assert_allclose(affine @ [2.5, 3, 3.5, 1], [0, 0, 0, 1], atol=1e-5)


def test_through_the_command_line(a_run: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run("volume")
    said = survembed(
        capsys,
        "explain",
        "s007",
        "--steps=2",
        "--run",
        str(run.path),
        "--nifti",
        "--out",
        str(tmp_path / "o"),
        "--json",
    )
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["format"], found["format_version"], found["synthetic"]) == ("survembed-explanation", 1, True)
    assert found["hazard_ratio"][1] == 1
    assert sorted(found["hazard_ratio"]) == found["hazard_ratio"]
    assert len(found["files"]) == 9
    assert all(Path(path).is_file() for path in found["files"])
    plain = survembed(capsys, "explain", "s007", "--steps=2", "--run", str(run.path))
    step, *titles = step_title(explain(run, "s007", n_steps=2), 2).split("\n")
    assert (step, [title.split()[0] for title in titles]) == ("+2 SD", ["claimed", "re-encoded", "tumour"])
    assert "claimed hazard" in plain.out
    for end in ("png", "pdf"):  # in the run's own folder, and the same bytes
        again = run.path / "explanations" / "s007" / f"explanation.{end}"
        assert again.read_bytes() == (tmp_path / "o" / again.name).read_bytes()
    unknown = survembed(capsys, "explain", "s07", "--run", str(run.path))
    assert (unknown.code, "no subject 's07'" in unknown.err, "try:      s07" in unknown.err) == (4, True, True)


@pytest.mark.parametrize(
    ("kind", "model", "message"),
    [
        ("table", "coxvae", "on a table"),
        ("image", "deepsurv", "cannot decode"),
        ("image", "vae", "no hazard to walk along"),
    ],
)
def test_runs_that_cannot(a_run: Made, kind: str, model: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        explain(a_run(kind, model), "s001")


@pytest.mark.parametrize(
    "arguments", [{"low": 1.0}, {"high": -1.0}, {"low": float("nan")}, {"n_steps": 1}, {"low": 0.0, "high": 0.0}]
)
def test_bad_ranges(a_run: Made, arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="no walk"):
        explain(a_run(), "s001", **arguments)  # type: ignore[arg-type]


def test_no_nifti_of_pictures(a_run: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no volumes"):
        save_volumes(explain(a_run("image"), "s001"), tmp_path)


def test_unknown_subjects(a_run: Made) -> None:
    with pytest.raises(DataError, match="no subject 'x'"):
        explain(a_run(), "x")


def test_a_new_scan_is_walked_as_the_same_subject_of_the_cohort_is(trained_on: Made) -> None:
    run = trained_on("liver")
    new, own = explain(run, files=files_of(run, "s24")), explain(run, "s24")
    assert new.subject == "subject"
    np.testing.assert_array_equal(new.image, own.image)
    np.testing.assert_allclose(new.log_hazard_ratio, own.log_hazard_ratio, atol=1e-6)
    np.testing.assert_allclose(new.walked, own.walked, atol=1e-5)


def test_one_of_many_new_scans_is_named(trained_on: Made, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained_on("liver")
    root = run.read("config.json")["data"]["root"]
    answer = survembed(capsys, "explain", "s24x", "--root", root, "--run", str(run.path))
    assert answer.code == 4
    assert "no subject 's24x'" in answer.err
    assert f"survembed explain 's24' --root {root}" in answer.err
    answer = survembed(capsys, "explain", "--run", str(run.path))
    assert answer.code == 2
    assert "no subject is named" in answer.err
