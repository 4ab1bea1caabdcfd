"""The package of segmenters, installed as a user installs it; and, slowly, a real nnU-Net."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.datasets.volume.phantom import write_phantom
from tests.cli.command import survembed, survembed_process
from tests.conftest import ROOT
from tests.contract import toy_nnunet
from tests.contract.own_tests import run_own_tests

PLUGIN = ROOT / "plugins" / "survembed-segmenters"


@pytest.fixture(scope="module")
def installed(install: Callable[[str], Path]) -> Path:
    return install("survembed-segmenters")


def test_without_the_package_the_error_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SURVEMBED_PLUGINS", "none")
    answer = survembed(capsys, "data", "segment", "--root", str(tmp_path))
    assert answer.code == 3
    assert "no segmenter is installed" in answer.err
    assert "pip install" in answer.err


def test_both_are_listed(installed: Path) -> None:
    rows = json.loads(survembed_process("plugins", "list", "--kind", "segmenters", "--json", path=installed).out)
    assert [(row["name"], row["state"]) for row in rows] == [("nnunet", "ok"), ("totalsegmentator", "ok")]


def test_command_line(installed: Path, tmp_path: Path) -> None:
    root, model = tmp_path / "study", tmp_path / "model"
    write_phantom(root, 2, shape=(24, 24, 10))
    for mask in (root / "labelsTr").iterdir():
        mask.unlink()
    (model / "fold_all").mkdir(parents=True)
    for name in ("dataset.json", "plans.json", "fold_all/checkpoint_final.pth"):
        (model / name).write_text("{}")
    sys.path.insert(0, str(PLUGIN / "tests"))
    try:
        from programs import NNUNET, write_program  # type: ignore[import-not-found]  # of the plugin's own tests
    finally:
        sys.path.remove(str(PLUGIN / "tests"))
    program = write_program(tmp_path / "nnunet", NNUNET)
    line = ["data", "segment", "--root", str(root), "--model", str(model), "--command", str(program)]
    refused = survembed_process(*line, path=installed)
    assert refused.code == 3
    assert "  try:      --trust" in refused.err
    assert "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" in refused.err  # the hash of {}
    unknown = survembed_process(*line, "--set", "segment.orientatoin=LPS", path=installed)
    assert unknown.code == 2
    assert "orientation" in unknown.err
    done = survembed_process(*line, "--trust", "--json", "--set", "segment.orientation=LPS", path=installed)
    assert done.code == 0, done.err
    assert json.loads(done.out)["written"] == 2
    assert json.loads((model / "seen.json").read_text())["axes"] == {"phantom_0000": "LPS", "phantom_0001": "LPS"}
    again = survembed_process(*line, path=installed)
    assert "already_there  2" in again.out


def test_its_own_tests_pass(installed: Path) -> None:
    run_own_tests("survembed-segmenters", installed)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Overlap of two masks, 1 where they are equal."""
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


@pytest.mark.slow
def test_a_real_nnunet(installed: Path, tmp_path: Path) -> None:
    """Trained on eight phantoms, it draws the liver and the tumour of others, whatever their orientation."""
    programs = toy_nnunet.environment(tmp_path / "environment")
    model, variables = toy_nnunet.train(programs, tmp_path / "toy")
    root = tmp_path / "study"
    write_phantom(root, 3, seed=99, shape=toy_nnunet.SHAPE)
    (root / "labelsTr").rename(tmp_path / "truth")
    settings = {
        "orientation": toy_nnunet.ORIENTATION,
        "environment": ",".join(f"{name}={value}" for name, value in variables.items()),
    }
    options = [word for key, value in settings.items() for word in ("--set", f"segment.{key}={value}")]
    command = str(programs / "nnUNetv2_predict_from_modelfolder")
    line = ["data", "segment", "--root", str(root), "--model", str(model), "--command", command, "--trust", *options]
    answer = survembed_process(*line, path=installed)
    assert answer.code == 0, answer.err
    found: dict[str, list[float]] = {"liver": [], "tumour": []}
    for path in sorted((tmp_path / "truth").iterdir()):
        truth, mask = nib.load(path), nib.load(root / "labelsTr" / path.name)
        np.testing.assert_allclose(mask.affine, truth.affine, atol=1e-3)
        true, drawn = np.asarray(truth.dataobj), np.asarray(mask.dataobj)
        found["liver"].append(dice(true > 0, drawn > 0))
        found["tumour"].append(dice(true == 2, drawn == 2))
    assert np.mean(found["liver"]) > 0.9, found
    assert np.mean(found["tumour"]) > 0.6, found
    assert survembed_process("data", "check", "--root", str(root)).code == 0
