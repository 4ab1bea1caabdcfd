"""Predict: new files go the way of the cohort's, and every number is what brute force says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from survembed.errors import DataError, PluginError, RunError, UsageError
from survembed.evaluation.out_of_distribution import mahalanobis, percentile
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.nifti import write_nifti
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.kaplan_meier import kaplan_meier
from survembed.workflows.predict import predict
from tests.cli.command import survembed
from tests.trained import Made

SECRET = "Doe_John"


def files_of(run: Run, subject: str) -> dict[str, Path]:
    root = Path(run.read("config.json")["data"]["root"])
    return {"ct": root / "imagesTr" / f"{subject}_0000.nii.gz", "mask": root / "labelsTr" / f"{subject}.nii.gz"}


def test_percentiles_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    among = rng.integers(0, 6, 31).astype(float)
    values = np.array([-1.0, 0.0, 2.0, 2.5, 5.0, 9.0])
    expected = [100 * np.mean([(other < value) + 0.5 * (other == value) for other in among]) for value in values]
    np.testing.assert_allclose(percentile(values, among), expected)


@pytest.mark.parametrize("head", ["linear", "deepsurv"])
def test_contributions_sum_to_the_difference_of_log_hazards(a_run: Made, head: str) -> None:
    trained = TrainedModel.open(a_run("image", "coxvae", head))
    for parameter in trained.model.head.parameters():  # type: ignore[union-attr]
        parameter.data *= 1.7  # a hazard as steep as after a long training
    mean = trained.coordinates().centre
    z = mean + np.random.default_rng(1).normal(0, 2, (20, len(mean)))
    found = trained.contributions(z)
    difference = trained.log_hazard(z) - trained.log_hazard(mean[None])
    assert np.abs(difference).max() > 0.3
    np.testing.assert_allclose(found.sum(axis=1), difference, rtol=1e-6, atol=1e-5)
    assert trained.is_linear == (head == "linear")
    if head == "linear":
        np.testing.assert_allclose(found, trained.gradient(mean) * (z - mean), atol=1e-6)


def test_a_cohorts_own_scan_has_the_cohorts_own_latents(trained_on: Made) -> None:
    run = trained_on("liver")
    latents = embed(run)
    found = predict(run, files_of(run, "s05"))
    with open_cohort(run) as cohort:
        np.testing.assert_array_equal(found.images[0], cohort.images([cohort.position("s05")])[0])
        assert found.measures["tumour_ml"][0] == cohort.subjects.measures["tumour_ml"][cohort.position("s05")]
    np.testing.assert_allclose(found.z[0], latents.z[latents.position("s05")], atol=1e-6)
    assert latents.log_hazard is not None
    assert found.log_hazard[0] == pytest.approx(latents.log_hazard[latents.position("s05")], abs=1e-6)
    assert found.coordinates @ standardised_psi(run) == pytest.approx(found.log_hazard_ratio, abs=1e-5)


def standardised_psi(run: Run) -> np.ndarray:
    """ψ in standardised coordinates."""
    trained = TrainedModel.open(run)
    axes = trained.coordinates()
    return np.asarray(trained.gradient(axes.centre) * axes.scale)


def test_survival_is_breslows(trained_on: Made) -> None:
    run = trained_on("liver")
    latents, found = embed(run), predict(run, files_of(run, "s20"))
    train_ = ~latents.test
    assert latents.log_hazard is not None
    baseline = BreslowBaseline.fit(latents.log_hazard[train_], latents.duration[train_], latents.event[train_])
    times = found.survival.times
    np.testing.assert_array_equal(times, np.unique([0, *baseline.times, latents.duration[train_].max()]))
    np.testing.assert_allclose(found.survival.value, baseline.survival(found.log_hazard, times), rtol=1e-12)
    np.testing.assert_array_equal(found.survival.median, baseline.median(found.log_hazard))
    assert (found.survival.low <= found.survival.value).all()
    assert (found.survival.value <= found.survival.high).all()
    assert (found.survival.low < found.survival.high).any()
    assert found.percentile[0] == pytest.approx(
        100 * np.mean(latents.log_hazard[train_] < found.log_hazard[0])
        + 50 * np.mean(latents.log_hazard[train_] == found.log_hazard[0])
    )
    curve = kaplan_meier(latents.duration[train_], latents.event[train_])
    np.testing.assert_array_equal(found.cohort_curve(times), curve(times))


def test_distance_and_error_are_ranked_among_the_held_out(trained_on: Made) -> None:
    run = trained_on("surv-digits")
    trained, latents = TrainedModel.open(run), embed(run)
    with open_cohort(run) as cohort:
        picture = cohort.images([3])[0, 0]
        stored = cohort.stored([3])[0, 0]
        images = cohort.images(np.flatnonzero(latents.test))
    path = run.path / "digit.png"
    Image.fromarray(stored).save(path)
    found = predict(run, {"image": path})
    np.testing.assert_array_equal(found.images[0, 0], picture)
    np.testing.assert_allclose(found.z[0], latents.z[3], atol=1e-5)
    typical = found.out_of_distribution
    assert (typical.part, typical.n) == ("held-out", 500)
    thinned = np.linspace(0, len(images) - 1, 500).astype(int)
    held_out, known = latents.z[latents.test][thinned], latents.z[~latents.test].astype(float)
    inverse = np.linalg.inv(np.cov(known.T, bias=True))
    distances = [np.sqrt((z - known.mean(0)) @ inverse @ (z - known.mean(0))) for z in held_out.astype(float)]
    own = np.sqrt((found.z[0] - known.mean(0)) @ inverse @ (found.z[0] - known.mean(0)))
    assert typical.distance[0] == pytest.approx(own, rel=1e-4)
    assert typical.distance_percentile[0] == pytest.approx(100 * np.mean(np.array(distances) < own), abs=0.2)
    errors = ((trained.decode(held_out.astype(float)) - images[thinned]) ** 2).mean(axis=(1, 2, 3))
    error = ((trained.decode(found.z)[0, 0] - picture) ** 2).mean()
    assert typical.error is not None
    assert typical.error_percentile is not None
    assert typical.error[0] == pytest.approx(error, rel=1e-4)
    assert typical.error_percentile[0] == pytest.approx(100 * np.mean(errors < error), abs=0.2)


def test_idle_directions_have_no_distance() -> None:
    z = np.random.default_rng(0).normal(size=(50, 2))
    idle = np.column_stack([z, np.full(50, 3.0), z[:, 0]])
    np.testing.assert_allclose(mahalanobis(idle, idle), mahalanobis(z, z), rtol=1e-6)


def test_few_held_out_are_no_measure(trained_on: Made) -> None:
    typical = predict(trained_on("liver"), files_of(trained_on("liver"), "s01")).out_of_distribution
    assert typical.part == "training"
    assert typical.n == 28 - int(embed(trained_on("liver")).test.sum())


def test_noise_is_far_from_the_training_data(trained_on: Made, tmp_path: Path) -> None:
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))
    assert predict(trained_on("surv-digits"), {"image": tmp_path / "noise.npy"}).out_of_distribution.far.all()


def test_another_spacing_is_the_same_subject(trained_on: Made, tmp_path: Path) -> None:
    """Voxels halved in-plane, stored to the left and to the back."""
    run = trained_on("liver")
    finer = {}
    for name, path in files_of(run, "s11").items():
        image = nib.load(path)
        affine = image.affine.copy()
        affine[:3, :2] /= 2
        affine[:2, 3] -= 1
        values = np.asarray(image.dataobj).repeat(2, axis=0).repeat(2, axis=1)[::-1, ::-1]
        affine = affine @ np.array(
            [[-1, 0, 0, len(values) - 1], [0, -1, 0, values.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]]
        )
        finer[name] = tmp_path / f"{name}.nii.gz"
        write_nifti(finer[name], values, affine)
    np.testing.assert_allclose(predict(run, finer).z, predict(run, files_of(run, "s11")).z, atol=1e-2)


def test_rows_of_a_table(trained_on: Made) -> None:
    """Its own table, outcome and all, in another order of columns."""
    run = trained_on("tabular")
    latents, root = embed(run), Path(run.read("config.json")["data"]["root"])
    lines = [line.split(",") for line in root.read_text().split()]
    path = run.path / "again.csv"
    path.write_text("\n".join(",".join(line[::-1]) for line in lines))
    found = predict(run, {"table": path})
    np.testing.assert_allclose(found.z, latents.z, atol=1e-5)
    assert found.labels[:2] == ("p0", "p1")
    assert found.survival.value.shape == (60, len(found.survival.times))


def test_ids_and_predictions_of_a_table(
    trained_on: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_on("tabular")
    path = tmp_path / "new.csv"
    path.write_text("age,patient_id,grade\n61,007,low\n44.5,B/2,mid\n80,C-3,high\n")
    drawn: list[object] = []
    monkeypatch.setattr("survembed.figures.predict.draw_prediction", lambda *_: drawn.append(_) or [])
    arguments = ["predict", "--run", str(run.path), "--table", str(path)]
    answer = survembed(capsys, *arguments, "--out", str(tmp_path / "x.csv"))
    assert answer.code == 0, answer.err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new.csv", "x.csv"]
    found = predict(run, {"table": path})
    table = pd.read_csv(tmp_path / "x.csv", dtype={"id": str}).set_index("id")
    assert list(table.index) == ["007", "B/2", "C-3"] == list(found.labels)
    assert all(f" {each} " in answer.out for each in table.index)
    np.testing.assert_allclose(table["log_hazard"], found.log_hazard, rtol=1e-5)
    np.testing.assert_allclose(table[f"median_survival_{found.header.time_unit}"], found.survival.median, rtol=1e-5)
    for column in (name for name in table if name.startswith("survival_at_")):
        at = np.searchsorted(found.survival.times, float(column.split("_")[2]) * (1 - 1e-5))
        np.testing.assert_allclose(table[column], found.survival.value[:, at], rtol=1e-5)
    survembed(capsys, *arguments, "--out", str(tmp_path / "out"))
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["prediction.json", "predictions.csv"]
    assert [each["subject"] for each in json.loads((tmp_path / "out" / "prediction.json").read_text())["subjects"]] == [
        *table.index
    ]
    assert drawn == []
    survembed(capsys, *arguments, "--out", str(tmp_path / "out"), "--pages")
    assert len(drawn) == 3


def test_a_table_without_ids_says_so(trained_on: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("age,grade\n61,low\n44,mid\n")
    arguments = ["predict", "--run", str(trained_on("tabular").path), "--table", str(tmp_path / "new.csv")]
    answer = survembed(capsys, *arguments, "--out", str(tmp_path / "x.csv"))
    assert "no column of ids: the subjects are named by their rows" in answer.err
    assert pd.read_csv(tmp_path / "x.csv")["id"].tolist() == ["row-1", "row-2"]


def test_a_model_that_does_not_decode_still_predicts(trained_on: Made) -> None:
    run = trained_on("tabular", "linear", "deepsurv")
    found = predict(run, {"table": Path(run.read("config.json")["data"]["root"])})
    assert found.reconstructions is None
    assert found.out_of_distribution.error is None
    np.testing.assert_allclose(found.contributions.sum(axis=1), found.log_hazard_ratio, atol=1e-5)
    assert found.to_dict()["subjects"][0]["reconstruction_error"] is None


def test_through_the_command_line(trained_on: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No name of a file is in what is printed or written."""
    run = trained_on("liver")
    files = {}
    for name, path in files_of(run, "s25").items():
        files[name] = tmp_path / f"{SECRET}_{name}.nii.gz"
        files[name].write_bytes(path.read_bytes())
    labels = np.asarray(nib.load(files["mask"]).dataobj).copy()
    labels[:, :, 0][12:16, 12:16] = 1  # touches the edge of the scan: a warning that names the mask
    write_nifti(files["mask"], labels, nib.load(files["mask"]).affine)
    arguments = ["predict", "--run", str(run.path), *(f"--{name}={path}" for name, path in files.items())]
    said = survembed(capsys, *arguments, "--out", str(tmp_path / "out"), "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["format"], found["format_version"]) == ("survembed-prediction", 1)
    assert found["disclaimer"] == "Research use only; not a medical device."
    (subject,) = found["subjects"]
    assert subject["subject"] == "subject"
    assert sum(subject["contributions"]) == pytest.approx(np.log(subject["hazard_ratio"]), abs=1e-5)
    assert any("edge of the scan" in warning for warning in found["warnings"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"prediction.{end}" for end in ("json", "pdf", "png")
    ]
    for text in (said.out, said.err, *(path.read_bytes().decode("latin-1") for path in (tmp_path / "out").iterdir())):
        assert SECRET not in text
    first = (tmp_path / "out" / "prediction.png").read_bytes()
    plain = survembed(capsys, *arguments, "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "prediction.png").read_bytes() == first
    assert "median survival" in plain.out
    assert "Research use only" in plain.err


def test_the_label_is_the_users(trained_on: Made, tmp_path: Path) -> None:
    found = predict(trained_on("liver"), files_of(trained_on("liver"), "s02"), label="two")
    assert json.loads(found.save(tmp_path / "prediction.json").read_text())["subjects"][0]["subject"] == "two"


def test_not_reached_is_null(trained_on: Made) -> None:
    found = predict(trained_on("liver"), files_of(trained_on("liver"), "s02"))
    unreached = replace(found, survival=replace(found.survival, median=np.array([np.nan])))
    assert unreached.to_dict()["subjects"][0]["median_survival"] is None


BadTable = Callable[[list[list[str]]], list[list[str]]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [row[:1] + row[2:] for row in rows], "no column 'age'"),
        (
            lambda rows: [[*row, "extra" if i == 0 else "1"] for i, row in enumerate(rows)],
            "column 'extra' is not a feature",
        ),
        (lambda rows: [rows[0], ["a", "", "low", "1", "1"]], "row 1 has no 'age'"),
        (lambda rows: [rows[0], ["a", "old", "low", "1", "1"]], "column 'age' holds text"),
        (lambda rows: [rows[0], ["a", "1e39", "low", "1", "1"]], "row 1 has no 'age'"),
        (lambda rows: [rows[0], ["a", "50", "huge", "1", "1"]], "row 1 has 'huge' in column 'grade'"),
        (lambda rows: rows[:1], "no rows"),
        (lambda rows: [rows[0], rows[1], rows[1]], "column 'id' has 'p0' in 2 rows"),
        (lambda rows: [rows[0], ["", "50", "low", "1", "1"]], "row 1 has no 'id'"),
    ],
)
def test_bad_tables(trained_on: Made, tmp_path: Path, change: BadTable, message: str) -> None:
    run = trained_on("tabular")
    rows = [line.split(",") for line in Path(run.read("config.json")["data"]["root"]).read_text().split()]
    (tmp_path / "rows.csv").write_text("\n".join(",".join(row) for row in change(rows)) + "\n")
    with pytest.raises(DataError, match=message):
        predict(run, {"table": tmp_path / "rows.csv"})


def _picture(path: Path, what: str) -> Path:
    content: Mapping[str, Any] = {
        "large.npy": np.zeros((9, 8)),
        "nan.npy": np.full((8, 8), np.nan),
        "bright.npy": np.full((8, 8), 7.0),
        "objects.npy": np.array([{}], dtype=object),
    }
    if what in content:
        np.save(path / what, content[what], allow_pickle=True)
    elif what == "large.png":
        Image.fromarray(np.zeros((9, 8), np.uint8)).save(path / what)
    elif what == "cut.png":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)).save(path / what)
        (path / what).write_bytes((path / what).read_bytes()[:60])
    elif what != "none.png":
        (path / what).write_bytes(b"no picture")
    return path / what


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("large.npy", "is 9 × 8 pixels"),
        ("nan.npy", "not grey levels"),
        ("bright.npy", "not grey levels"),
        ("objects.npy", "not a NumPy array"),
        ("text.npy", "not a NumPy array"),
        ("large.png", "is 9 × 8 pixels"),
        ("cut.png", "cannot read cut.png"),
        ("text.png", "is not a picture"),
        ("none.png", "No such file"),
    ],
)
def test_bad_pictures(trained_on: Made, tmp_path: Path, what: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        predict(trained_on("surv-digits"), {"image": _picture(tmp_path, what)})


def test_sixteen_bits_and_colours_are_grey(trained_on: Made, tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=-1)).save(tmp_path / "colour.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    for name in ("colour.png", "deep.png"):
        found = predict(trained_on("surv-digits"), {"image": tmp_path / name})
        np.testing.assert_allclose(found.images[0, 0] * 255, grey, atol=1e-4)


def test_bad_scans(trained_on: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained_on("liver")
    files = files_of(run, "s03")
    mask = nib.load(files["mask"])
    labels = np.asarray(mask.dataobj)
    write_nifti(tmp_path / "empty.nii.gz", np.zeros_like(labels), mask.affine)
    with pytest.raises(DataError, match="contains no organ") as refused:
        predict(run, {**files, "mask": tmp_path / "empty.nii.gz"})
    assert "--set" not in str(refused.value)
    huge = mask.affine @ np.diag([2.2, 2.2, 2.2, 1])
    for name, path in files.items():
        write_nifti(tmp_path / f"{name}.nii.gz", np.asarray(nib.load(path).dataobj), huge)
    with pytest.raises(DataError, match="outside a cube of 120"):
        predict(run, {name: tmp_path / f"{name}.nii.gz" for name in files})
    large = mask.affine @ np.diag([1.6, 1.6, 1.6, 1])
    for name, path in files.items():
        write_nifti(tmp_path / f"{name}.nii.gz", np.asarray(nib.load(path).dataobj), large)
    found = predict(run, {name: tmp_path / f"{name}.nii.gz" for name in files})
    assert any("lies outside the cube" in warning for warning in found.warnings)
    said = survembed(capsys, "predict", "--run", str(run.path), "--ct", str(files["ct"]), "--mask", "nothing.nii.gz")
    assert said.code == 4
    assert "nothing.nii.gz" in said.err
    assert "Traceback" not in said.err


def test_a_folder_of_one_subject(trained_on: Made, tmp_path: Path) -> None:
    run = trained_on("liver")
    files = files_of(run, "s09")
    labels = nib.load(files["mask"])
    codes = np.asarray(labels.dataobj)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "ct.nii.gz").write_bytes(files["ct"].read_bytes())
    write_nifti(tmp_path / "one" / "liver.nii.gz", (codes > 0).astype(np.uint8), labels.affine)
    write_nifti(tmp_path / "one" / "tumour_1.nii.gz", (codes == 2).astype(np.uint8), labels.affine)
    found = predict(run, {"folder": tmp_path / "one"})
    np.testing.assert_array_equal(found.images, predict(run, files).images)
    with pytest.raises(DataError, match="28 subjects"):
        predict(run, {"folder": Path(run.read("config.json")["data"]["root"])})


@pytest.mark.parametrize("files", [{}, {"ct"}, {"mask"}, {"image"}, {"ct", "mask", "table"}])
def test_other_files_than_wanted(trained_on: Made, files: set[str]) -> None:
    with pytest.raises(UsageError) as refused:
        predict(trained_on("liver"), {name: Path(name) for name in files})
    assert refused.value.expected == "--ct PATH and --mask PATH, or --folder PATH, or --root PATH"


def test_runs_that_cannot(a_run: Made, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PluginError, match="'planted' cannot read new subjects"):
        predict(a_run("image"), {"image": Path("a.png")})
    run = a_run("image", "vae")
    said = survembed(capsys, "predict", "--run", str(run.path), "--image", "a.png")
    assert said.code == RunError.exit_code
    assert "cannot predict hazards" in said.err
