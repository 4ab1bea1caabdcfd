"""Check of a study: each problem is reported, the other cases are still checked, and nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.datasets import Liver
from survembed.datasets.volume.sanity_checks import organ_warnings
from survembed.storage.nifti import write_nifti
from survembed.workflows.check import check
from tests.datasets.cases import affine_of, anatomy, write_case, write_cohort
from tests.datasets.checking import SPACING, case_of, checked, mask_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def rewrite(path: Path, forms: dict[str, object]) -> None:
    """Write a NIfTI file anew with another sform or qform."""
    image = nib.Nifti1Image.from_filename(path)
    data = np.asarray(image.dataobj)
    image.header["vox_offset"] = 352
    for name, form in forms.items():
        getattr(image.header, f"set_{name}")(form, 1)
    content = image.header.binaryblock + bytes(4) + data.astype(image.get_data_dtype()).tobytes(order="F")
    plain = path.with_suffix("")
    plain.write_bytes(content)
    path.unlink()
    plain.rename(path)


def test_a_sound_study(root: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    found = checked(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == files
    assert (found.title, found.synthetic, found.layout, found.n_bad) == ("study", False, "nnU-Net", 0)
    assert [case.id for case in found.cases] == [f"s{i}" for i in range(6)]
    first = found.cases[0]
    labels = anatomy((30, 28, 24))[1]
    assert first.shape == (30, 28, 24)
    assert first.spacing_mm == SPACING
    assert first.orientation == "RAS"
    assert first.organ_ml == pytest.approx((labels > 0).sum() * 0.08)
    assert first.tumour_ml == pytest.approx((labels == 2).sum() * 0.08)
    assert first.outside == 0
    assert (found.fov_mm, found.suggested_fov_mm) == ((240.0,) * 3, 240.0)
    assert found.follow_up is not None
    assert (found.follow_up.subjects, found.follow_up.events) == (6, 3)
    assert found.follow_up.median_follow_up == 140
    assert all((case.thumbnail or b"").startswith(b"\x89PNG") for case in found.cases)


def test_orientation_is_that_of_the_file(root: Path) -> None:
    hu, labels = anatomy((30, 28, 24))
    affine = affine_of(SPACING) @ np.array([[0, -1, 0, 29], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
    write_case(root, hu.transpose(1, 0, 2)[:, ::-1], labels.transpose(1, 0, 2)[:, ::-1], affine, name="s0")
    found = case_of(checked(root), "s0")
    assert (found.orientation, found.shape, found.problem) == ("ALS", (28, 30, 24), None)


def test_bad_cases_are_named_with_reason_and_remedy_and_the_rest_goes_on(root: Path) -> None:
    mask_of(root, "s1").write_bytes(mask_of(root, "s1").read_bytes()[:200])
    write_nifti(mask_of(root, "s2"), np.zeros((30, 28, 24), np.uint8), affine_of(SPACING))
    hu = anatomy((30, 28, 24), seed=3)[0].astype(np.float32)
    hu[15, 14, 12] = np.nan
    write_nifti(root / "imagesTr" / "s3_0000.nii.gz", hu, affine_of(SPACING))
    write_nifti(mask_of(root, "s4"), anatomy((30, 28, 24))[1], affine_of(SPACING, origin=(500.0, 0.0, 0.0)))
    found = checked(root)
    reasons = {case.id: case.problem.message for case in found.cases if case.problem}
    assert sorted(reasons) == ["s1", "s2", "s3", "s4"]
    assert "truncated" in reasons["s1"]
    assert "contains no organ" in reasons["s2"]
    assert "NaN" in reasons["s3"]
    assert "only 0% of the organ lies inside" in reasons["s4"]
    assert found.n_bad == 4
    for case in found.cases:
        assert case.problem is None or (case.problem.where and case.problem.remedy) or case.id == "s1"
    assert case_of(found, "s3").organ_ml  # what could be measured is told


def test_suspicious_affines(root: Path) -> None:
    rewrite(mask_of(root, "s0"), {"qform": affine_of(SPACING, origin=(300.0, 0.0, 0.0))})
    for path in (mask_of(root, "s1"), root / "imagesTr" / "s1_0000.nii.gz"):
        rewrite(path, {"sform": np.eye(4)})
    found = checked(root)
    assert any("sform and qform differ" in warning for warning in case_of(found, "s0").warnings)
    assert any("affine is the identity" in warning for warning in case_of(found, "s1").warnings)
    assert found.n_bad == 0


def test_implausible_volumes(root: Path) -> None:
    hu, labels = anatomy((30, 28, 24))
    write_case(root, hu, labels, affine_of((8.0, 8.0, 9.0)), name="s0")
    warnings = case_of(checked(root), "s0").warnings
    assert any(re.search(r"implausible organ volume of .* the cohort's median is", warning) for warning in warnings)
    assert "voxel sizes" in organ_warnings({"a": 12.0})["a"]
    assert "voxel sizes" in organ_warnings({"a": 9000.0})["a"]
    assert organ_warnings({"a": 1500.0, "b": 1200.0}) == {}
    assert organ_warnings({}) == {}
    for number in range(6):
        hu, labels = anatomy((30, 28, 24), seed=number)
        write_case(root, hu, (labels > 0).astype(np.uint8), affine_of((1.0, 1.0, 2.0)), name=f"s{number}")
    found = checked(root)
    assert any("the median organ has" in warning for warning in found.warnings)
    assert any("no case has any tumour" in warning for warning in found.warnings)


def test_organ_outside_the_field_of_view(root: Path) -> None:
    hu, labels = anatomy((60, 28, 24))
    write_case(root, hu, labels, affine_of((6.5, 4.0, 5.0)), name="s0")
    found = checked(root)
    assert found.fov_mm is not None
    assert found.fov_mm[0] == found.suggested_fov_mm
    assert found.suggested_fov_mm in (260, 280, 300)
    assert found.n_bad == 0
    narrow = case_of(checked(root, fov_mm=150), "s0")
    assert narrow.problem is not None
    assert "of the organ lies outside 150 × 150 × 150 mm" in narrow.problem.message
    assert narrow.problem.remedy == f"--set data.fov_mm={found.suggested_fov_mm:.0f}"
    edge = found.suggested_fov_mm - 20
    warned = case_of(checked(root, fov_mm=edge), "s0")
    assert warned.problem is None
    assert any("of the organ lies outside" in warning for warning in warned.warnings)
    stretched = checked(root, stretch=True)
    assert stretched.fov_mm is None
    assert stretched.cases[0].outside is None


def test_siblings_and_duplicates(root: Path) -> None:
    folder = root / "x"
    for subject in ("a", "b", "c"):
        (folder / subject).mkdir(parents=True)
        hu, labels = anatomy((30, 28, 24), seed=0 if subject in "ab" else 5)
        turned = subject == "b"  # the same scan, turned and written anew
        affine = affine_of(SPACING)
        if turned:
            hu, labels = hu[::-1], labels[::-1]
            affine = affine @ np.array([[-1, 0, 0, 29], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
        write_nifti(folder / subject / "ct.nii.gz", hu, affine)
        write_nifti(folder / subject / "segmentation.nii.gz", labels, affine)
    write_nifti(folder / "c" / "ct.nii", anatomy((30, 28, 24), seed=7)[0], affine_of(SPACING))
    (folder / "clinical.csv").write_text("id,days,event\na,100,1\nb,200,0\nc,300,1\n")
    found = checked(folder)
    assert "the same images as b" in case_of(found, "a").warnings
    assert "the same images as a" in case_of(found, "b").warnings
    assert len([w for w in case_of(found, "c").warnings if "in the same folder" in w]) == 1
    assert not any("same images" in warning for warning in case_of(found, "c").warnings)
    write_nifti(root / "labelsTr" / "s0.nii", anatomy((30, 28, 24))[1], affine_of(SPACING))
    assert any("s0: several files" in problem.message for problem in checked(root).problems)


def test_clinical_table_is_missing_wrong_or_does_not_join(root: Path) -> None:
    table = root / "clinical.csv"
    text = table.read_text()
    table.write_text(text.replace("s1,", "x1,"))
    found = checked(root)
    assert {problem.message for problem in found.problems} == {
        "1 row(s) without an image: x1",
        "1 image(s) without a row: s1",
    }
    assert found.follow_up is not None
    assert found.follow_up.subjects == 5
    table.write_text(text.replace(",1,", ",0,"))
    assert any("no event at all" in problem.message for problem in checked(root).problems)
    table.write_text(text.replace("100,0", "-3,0"))
    found = checked(root)  # a row that cannot be used hides neither the others nor who is missing
    assert "first: subject 's0' has '-3'" in found.problems[0].message
    assert [problem.message for problem in found.problems[1:]] == ["1 image(s) without a row: s0"]
    assert found.follow_up is not None
    assert found.follow_up.subjects == 5
    table.unlink()
    found = checked(root)
    assert "no clinical table" in found.problems[0].message
    assert found.follow_up is None
    assert len(found.cases) == 6


def test_phantom_is_sound() -> None:
    found = check(Liver(n_subjects=4), "liver")
    assert (found.title, found.synthetic, found.n_bad) == ("synthetic liver phantom", True, 0)


def test_real_masks(test_data: Path) -> None:
    found = checked(test_data / "ct" / "nnunet")
    assert any("touches the edge of the scan" in warning for warning in found.cases[0].warnings)
    assert [problem.message for problem in found.problems] == ["no clinical table in 'nnunet'"]
