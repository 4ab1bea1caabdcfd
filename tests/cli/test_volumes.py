"""HECKTOR's layout from the first check to the report; and a hazard that only the PET shows."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from survembed.cohort.cohort import Cohort
from tests.cli.command import survembed
from tests.datasets.channels.hecktor import write_hecktor_phantoms

OPTIONS = ["labels=primary=1,nodes=2", "event_column=Relapse", "duration_column=RFS"]
CUBE = ["size=16", "fov_mm=100"]
SMALL = ["model.width=4", "model.blocks=2", "model.latent_dim=2", "train.batch_size=16", "train.precision=float32"]


def sets(*options: str) -> list[str]:
    return [word for option in options for word in ("--set", option)]


def data(root: Path, cube: list[str] = CUBE) -> list[str]:
    return ["--root", str(root), *sets(*(f"data.{option}" for option in [*OPTIONS, *cube]))]


def test_hecktor_from_check_to_report(capsys: pytest.CaptureFixture[str], own_folders: None, tmp_path: Path) -> None:
    root = tmp_path / "hecktor"
    _, volumes_ml = write_hecktor_phantoms(root, 24)
    runs = ["--runs-dir", str(tmp_path / "runs")]
    answer = survembed(capsys, "data", "check", "volumes", *data(root))
    assert answer.code == 0, answer.err
    assert "Images: CT (ct, 24), PT (suv, 24). Labels: primary (1), nodes (2)." in answer.out
    answer = survembed(capsys, "data", "prepare", "volumes", *data(root), "--json")
    cohort = Cohort(Path(json.loads(answer.out)["path"]))
    with cohort:
        measures = cohort.subjects.measures
        measured = np.stack([measures["primary_ml"], measures["nodes_ml"]], axis=1)
        assert np.abs(measured / volumes_ml - 1).max() < 1e-3
        stored = cohort.images(range(24))[:, 2:].sum(axis=(2, 3, 4), dtype=np.float64) * (cohort.voxel_ml or 0)
        assert np.abs(stored / volumes_ml - 1).max() < 1e-3
        assert np.isnan(cohort.subjects.covariates["Weight"]).sum() == 8
    train = ["train", "coxvae", "--data", "volumes", *data(root), *sets(*SMALL, "train.updates=6"), *runs]
    assert survembed(capsys, *train, "--device", "cpu").code == 0
    answer = survembed(capsys, "evaluate", *runs, "--json")
    assert answer.code == 0, answer.err
    assert survembed(capsys, "traverse", *runs, "--risk", "--nifti", "--out", str(tmp_path / "t")).code == 0
    assert survembed(capsys, "report", *runs, "--out", str(tmp_path / "report.html")).code == 0
    assert "PT" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_hazard_in_the_pet_is_found_there(
    capsys: pytest.CaptureFixture[str], own_folders: None, tmp_path: Path
) -> None:
    """In the log-hazards, and in the images along them: the PET changes by its spread, and the CT does not."""
    root, runs = tmp_path / "hecktor", ["--runs-dir", str(tmp_path / "runs")]
    planted, _ = write_hecktor_phantoms(root, 100)
    small = ["model.width=4", "model.latent_dim=3", "train.updates=250", "train.batch_size=25", "train.rate=0.005"]
    cube = ["size=12", "fov_mm=72", "centre=image", "suv_cap=16", "window=-50,200"]
    train = ["train", "coxvae", "--data", "volumes", *data(root, cube), *sets(*small, "train.precision=float32"), *runs]
    answer = survembed(capsys, *train, "--set", "train.validate_every=50", "--device", "cpu")
    assert answer.code == 0, answer.err
    run = next(path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    with h5py.File(run / "latents.h5") as file:
        ids, log_hazard, part = file["obs/id"].asstr()[:], file["log_hazard"][:], file["obs/split"].asstr()[:]
    held_out = part == "test"
    row = np.array([int(subject[-3:]) for subject in ids])
    found = [float(spearmanr(log_hazard[held_out], planted[row[held_out], at])[0]) for at in range(2)]
    steps = ["--low", "-2", "--high", "2", "--steps", "5"]
    assert survembed(capsys, "traverse", *runs, "--risk", "--nifti", "--out", str(tmp_path / "t"), *steps).code == 0
    inside = decoded(tmp_path / "t", "+0.0", "primary") > 0.5
    spread = planted.std(axis=0)
    changes = [
        (decoded(tmp_path / "t", "+2.0", name)[inside].mean() - decoded(tmp_path / "t", "-2.0", name)[inside].mean())
        / sd
        for name, sd in zip(("PT", "CT"), spread, strict=True)
    ]
    shown = f"rank correlation with uptake, HU: {found}; change in SD of uptake, HU: {changes}"
    assert found[0] > 0.8, shown
    assert abs(found[1]) < 0.5, shown
    assert changes[0] > 1, shown
    assert abs(changes[1]) < changes[0] / 2, shown


def decoded(folder: Path, step: str, name: str) -> NDArray[np.float64]:
    """A decoded channel at a step along the hazard."""
    image = nib.load(folder / f"risk_{step}_{name}.nii.gz")
    assert isinstance(image, nib.Nifti1Image)
    return np.asarray(image.dataobj, dtype=np.float64)
