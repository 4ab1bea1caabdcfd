"""Segmenters: input orientation, location of the masks, resumed calls, trust, and failures of the program."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from programs import LOSES_LESIONS, NNUNET, TOTALSEGMENTATOR, write_program
from survembed_segmenters import NNUNet, TotalSegmentator

from survembed.datasets.volume.layouts import find_cases
from survembed.errors import DataError, PluginError, RunError, UsageError
from survembed.progress import Reporter
from survembed.testing import conformance
from survembed.workflows.segment import SegmentationResult, segment

ORIENTATIONS = ("RAS", "LPS", "SLA")

test_nnunet_contract = conformance("segmenters", NNUNet, options={"model": "not-there"})
test_totalsegmentator_contract = conformance("segmenters", TotalSegmentator)


class RecordingReporter(Reporter):
    """Records messages."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def write_ct(path: Path, axes: str, seed: int) -> np.ndarray:
    """A CT, its axes as stored running to `axes`; the mask that the programs above will draw, as stored."""
    rng = np.random.default_rng(seed)
    hu = np.full((20, 16, 12), -900, np.int16)
    hu[4:15, 3:12, 2:9] = 100
    hu[6:8, 5:8, 3:5] = -100
    hu += rng.integers(-5, 5, hu.shape, dtype=np.int16)
    affine = np.diag([2.0, 2.5, 3.0, 1.0])
    affine[:3, 3] = [-30, -40, 7]
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(axes))
    )
    image = nib.Nifti1Image(hu, affine).as_reoriented(turn)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    stored = np.asarray(image.dataobj)
    labels = (stored > -500).astype(np.uint8)
    labels[stored < 0] *= 2
    return labels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, axes in enumerate(ORIENTATIONS):
        write_ct(tmp_path / "study" / "imagesTr" / f"c{number}_0000.nii.gz", axes, number)
    return tmp_path / "study"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "fold_all").mkdir(parents=True)
    for name in ("dataset.json", "plans.json", "fold_all/checkpoint_final.pth"):
        (folder / name).write_text("{}")
    return folder


def with_nnunet(root: Path, model: Path, program: Path, trust: bool = True, **options: Any) -> SegmentationResult:
    return segment(NNUNet(model=model, command=str(program), **options), "nnunet", root, trust=trust)


@pytest.mark.parametrize("wanted", ["RAS", "LPS", "PIR"])
def test_images_go_in_as_wanted_and_masks_come_back_as_stored(
    root: Path, model: Path, tmp_path: Path, wanted: str
) -> None:
    program = write_program(tmp_path / "nnunet", NNUNET)
    done = with_nnunet(root, model, program, orientation=wanted, environment="PROBE=7")
    assert sorted(done.masks) == ["c0", "c1", "c2"]
    assert done.problems == {}
    seen = json.loads((model / "seen.json").read_text())
    assert set(seen["axes"].values()) == {wanted}
    assert (seen["f"], seen["chk"], seen["device"]) == ("all", "checkpoint_final.pth", "cpu")
    assert (seen["npp"], seen["nps"], seen["disable_tta"], seen["variable"]) == ("1", "1", True, "7")
    for number, axes in enumerate(ORIENTATIONS):
        mask = nib.load(root / "labelsTr" / f"c{number}.nii.gz")
        image = nib.load(root / "imagesTr" / f"c{number}_0000.nii.gz")
        np.testing.assert_allclose(mask.affine, image.affine, atol=1e-4)
        assert "".join(nib.aff2axcodes(mask.affine)) == axes
        assert mask.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(np.asarray(mask.dataobj), write_ct(root.parent / "again.nii.gz", axes, number))
    layout = find_cases(root)
    assert (layout.name, len(layout.cases), layout.problems) == ("nnU-Net", 3, ())


def test_masks_that_are_there_are_left_alone(root: Path, model: Path, tmp_path: Path) -> None:
    program = write_program(tmp_path / "nnunet", NNUNET)
    (root / "labelsTr").mkdir()
    (root / "labelsTr" / "c1.nii.gz").write_bytes(b"mine")
    done = with_nnunet(root, model, program)
    assert sorted(done.masks) == ["c0", "c2"]
    assert done.segmented_before == ("c1",)
    assert (root / "labelsTr" / "c1.nii.gz").read_bytes() == b"mine"
    (model / "seen.json").unlink()
    again = with_nnunet(root, model, program, trust=False)  # nothing to do, nothing to trust
    assert again.masks == {}
    assert not (model / "seen.json").exists()


def test_checkpoints_need_trust_and_their_hashes_are_said(root: Path, model: Path, tmp_path: Path) -> None:
    program = write_program(tmp_path / "nnunet", NNUNET)
    recorder = RecordingReporter()
    with pytest.raises(PluginError, match="as code") as refused:
        segment(NNUNet(model=model, command=str(program)), "nnunet", root, reporter=recorder)
    assert refused.value.try_ == "--trust"
    assert any(hashlib.sha256(b"{}").hexdigest() in line for line in recorder.said)
    assert not (model / "seen.json").exists()
    assert not (root / "labelsTr").exists()


def test_failure_keeps_what_was_finished_and_quotes_the_program(root: Path, model: Path, tmp_path: Path) -> None:
    program = write_program(tmp_path / "nnunet", NNUNET, fail_at=2)
    with pytest.raises(RunError, match=r"(?s)nnunet failed with exit code 3.*out of memory"):
        with_nnunet(root, model, program)
    assert [path.name for path in (root / "labelsTr").iterdir()] == ["c0.nii.gz"]  # half a file is no mask
    done = with_nnunet(root, model, write_program(tmp_path / "nnunet", NNUNET))
    assert sorted(done.masks) == ["c1", "c2"]


def test_a_bad_image_and_a_mask_elsewhere_are_problems_of_one_case(root: Path, model: Path, tmp_path: Path) -> None:
    (root / "imagesTr" / "c1_0000.nii.gz").write_bytes(b"no image")
    done = with_nnunet(root, model, write_program(tmp_path / "nnunet", NNUNET))
    assert sorted(done.masks) == ["c0", "c2"]
    assert list(done.problems) == ["c1"]
    for mask in (root / "labelsTr").iterdir():
        mask.unlink()
    done = with_nnunet(root, model, write_program(tmp_path / "nnunet", NNUNET, shift=True))
    assert done.masks == {}
    assert "another grid" in done.problems["c0"].message
    assert list((root / "labelsTr").iterdir()) == []


def test_not_installed_says_how(root: Path, model: Path) -> None:
    with pytest.raises(PluginError, match="nnUNetv2_nowhere is not installed") as refused:
        with_nnunet(root, model, Path("nnUNetv2_nowhere"))
    assert "pip install nnunetv2" in str(refused.value.try_)
    with pytest.raises(PluginError, match="is not installed") as refused:
        segment(TotalSegmentator(command="TotalSegmentator_nowhere"), "totalsegmentator", root)
    assert "pip install TotalSegmentator" in str(refused.value.try_)
    assert not (root / "labelsTr").exists()


def test_wrong_options(root: Path, model: Path, tmp_path: Path) -> None:
    program = write_program(tmp_path / "nnunet", NNUNET)
    with pytest.raises(UsageError, match="'RAX' is not an orientation"):
        with_nnunet(root, model, program, orientation="RAX")
    with pytest.raises(UsageError, match="sets no variable"):
        with_nnunet(root, model, program, environment="A=1,B")
    with pytest.raises(DataError, match="not an nnU-Net model with these folds: it has fold_all"):
        with_nnunet(root, model, program, folds="0,1")
    with pytest.raises(DataError, match="no CTs in"):
        with_nnunet(model, model, program)
    with pytest.raises(UsageError, match="cannot be parsed"):
        segment(NNUNet(model=model, command="'x"), "nnunet", root, trust=True)


def test_no_shell_reads_the_command(root: Path, model: Path, tmp_path: Path) -> None:
    command = f"echo hi; touch {tmp_path / 'mark'}; false"
    done = segment(NNUNet(model=model, command=command), "nnunet", root, trust=True)  # echo takes all of it as words
    assert len(done.problems) == 3
    assert not (tmp_path / "mark").exists()


def test_flat_folder(tmp_path: Path, model: Path) -> None:
    write_ct(tmp_path / "flat" / "c_0000.nii.gz", "RAS", 0)
    with_nnunet(tmp_path / "flat", model, write_program(tmp_path / "nnunet", NNUNET))
    assert [case.id for case in find_cases(tmp_path / "flat").cases] == ["c"]


def test_a_mask_that_was_not_written_is_a_problem_of_its_case(root: Path, tmp_path: Path) -> None:
    """Without the mask of its lesions a case would pass for one without a tumour."""
    for program in ("true", str(write_program(tmp_path / "total", TOTALSEGMENTATOR + LOSES_LESIONS))):
        done = segment(TotalSegmentator(command=program), "totalsegmentator", root)
        assert done.masks == {}
        assert {problem.message for problem in done.problems.values()} == {"no mask was written"}


def test_what_cannot_work_is_refused_before_an_image_is_turned(root: Path, model: Path) -> None:
    for image in (root / "imagesTr").iterdir():
        image.write_bytes(b"never looked at")
    with pytest.raises(PluginError, match="is not installed"):
        with_nnunet(root, model, Path("nnUNetv2_nowhere"))
    with pytest.raises(PluginError, match="is not installed"):
        segment(TotalSegmentator(command="TotalSegmentator_nowhere"), "totalsegmentator", root)
    with pytest.raises(DataError, match="no folder 'nowhere'"):
        with_nnunet(root, model.parent / "nowhere", Path("true"))


def test_totalsegmentator_joins_organ_and_lesions(root: Path, tmp_path: Path) -> None:
    program = write_program(tmp_path / "total", TOTALSEGMENTATOR)
    done = segment(TotalSegmentator(command=str(program)), "totalsegmentator", root)
    assert sorted(done.masks) == ["c0", "c1", "c2"]
    for number, axes in enumerate(ORIENTATIONS):
        mask = np.asarray(nib.load(root / "labelsTr" / f"c{number}.nii.gz").dataobj)
        np.testing.assert_array_equal(mask, write_ct(root.parent / "again.nii.gz", axes, number))
    for mask in (root / "labelsTr").iterdir():
        mask.unlink()
    segment(TotalSegmentator(command=str(program), lesions=""), "totalsegmentator", root)
    assert np.unique(np.asarray(nib.load(root / "labelsTr" / "c0.nii.gz").dataobj)).tolist() == [0, 1]
