"""Masks by name from the files of the field to the cohort: what is passed over is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.volume.new_volume import read_volume
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import affine_of, anatomy
from tests.datasets.checking import SPACING, case_of, checked
from tests.datasets.preparing import RecordingReporter, liver, prepared


def write_folders(root: Path, lesion_names: list[tuple[str, ...]], more: dict[str, str] | None = None) -> list[float]:
    """A folder for each subject, whose lesion is divided among masks of these names; return the volumes in ml."""
    truth = []
    for number, names in enumerate(lesion_names):
        folder = root / f"s{number}"
        folder.mkdir(parents=True)
        hu, labels = anatomy((30, 28, 24), seed=number)
        lesion = labels == 2
        truth.append(float(lesion.sum() * 0.08))
        write_nifti(folder / "ct.nii.gz", hu, affine_of(SPACING))
        write_nifti(folder / "liver.nii.gz", (labels > 0).astype(np.uint8), affine_of(SPACING))
        for part, name in enumerate(names):
            piece = lesion & (np.arange(30)[:, None, None] % len(names) == part)
            write_nifti(folder / f"{name}.nii.gz", piece.astype(np.uint8), affine_of(SPACING))
        for name in (more or {}).get(f"s{number}", "").split():
            write_nifti(folder / f"{name}.nii.gz", (labels == 1).astype(np.uint8), affine_of(SPACING))
    rows = [f"s{number},{100 + number},{number % 2}" for number in range(len(lesion_names))]
    (root / "clinical.csv").write_text("\n".join(["id,days,event", *rows]) + "\n")
    return truth


def test_names_in_any_form_reach_check_and_prepare(tmp_path: Path) -> None:
    root = tmp_path / "study"
    names = [("Liver_Tumor",), ("HCC-1", "GTV 2"), ("metastasis_1", "metastasis_2", "Neoplasm"), ("Lebertumor",)]
    truth = write_folders(root, names, {"s0": "portal_vein liver_segment_3", "s3": "no_tumor"})
    found = checked(root)
    assert [case.tumour_ml for case in found.cases] == pytest.approx(truth)
    assert not any("name of a lesion" in warning for warning in found.warnings)
    (said,) = found.masks[-1:]
    assert "organ = 'liver' (4); lesion = 'Liver_Tumor' (1), " in said
    assert "passed over: 'liver_segment_3' (1), 'portal_vein' (1), 'no_tumor' (1)" in said
    reporter = RecordingReporter()
    with prepared(liver(root).build(), tmp_path / "out", reporter) as cohort:
        assert cohort.subjects.measures["tumour_ml"] == pytest.approx(truth)
        assert said in reporter.said
        header = cohort.header
    new = read_volume({"folder": root / "s1"}, header, liver(root).build().preprocessing)
    assert new.measures["tumour_ml"][0] == pytest.approx(truth[1])


def test_unknown_names_beside_known_ones_are_a_warning_with_a_remedy_that_works(tmp_path: Path) -> None:
    root = tmp_path / "study"
    truth = write_folders(root, [("tumor",), ("befund_a",), ("befund_b",), ("lesion",)])
    found = checked(root)
    assert [case.tumour_ml for case in found.cases] == pytest.approx([truth[0], 0, 0, truth[3]])
    (warning,) = (text for text in found.warnings if "name of a lesion" in text)
    assert warning.startswith("2 of 4 subjects have no mask with the name of a lesion")
    assert "'befund_a' (1), 'befund_b' (1)" in warning
    assert any("passed over: 'befund_a'" in text for text in case_of(found, "s1").warnings)
    reporter = RecordingReporter()
    prepared(liver(root).build(), tmp_path / "out", reporter).close()
    assert warning in reporter.warned
    declared = checked(root, tumour_segments=("befund*", "tumor", "lesion"))
    assert [case.tumour_ml for case in declared.cases] == pytest.approx(truth)
    assert not any("name of a lesion" in text for text in declared.warnings)


def test_a_lesion_elsewhere_by_its_name_is_a_warning_in_a_mixed_cohort(tmp_path: Path) -> None:
    write_folders(tmp_path, [("tumor",), ("kidney_tumor",), ()], {"s2": "no_tumor"})
    (warning,) = (text for text in checked(tmp_path).warnings if "name of a lesion" in text)
    assert "passed over: 'kidney_tumor' (1); if one" in warning


def test_a_mask_of_the_organ_with_several_labels_is_a_warning(tmp_path: Path) -> None:
    write_folders(tmp_path, [("tumor",), ("tumor",)])
    write_nifti(tmp_path / "s0" / "liver.nii.gz", anatomy((30, 28, 24))[1] * 5, affine_of(SPACING))
    warnings = {case.id: [text for text in case.warnings if "labels" in text] for case in checked(tmp_path).cases}
    assert warnings == {"s0": ["liver.nii.gz contains labels 5 to 10: all are taken as the organ"], "s1": []}


def test_a_new_subject_is_warned_about_without_its_file_names(tmp_path: Path) -> None:
    root = tmp_path / "study"
    write_folders(root, [("tumor",), ("Doe_Jane",)])
    with prepared(liver(root).build(), tmp_path / "out") as cohort:
        new = read_volume({"folder": root / "s1"}, cohort.header, liver(root).build().preprocessing)
    assert any("no mask has the name of a lesion; passed over: a file" in warning for warning in new.warnings)
    assert not any("Doe" in warning for warning in new.warnings)


def test_files_of_the_field(test_data: Path, tmp_path: Path) -> None:
    root = test_data.parent / "field" / "tumour_file_names" / "mixed"
    if not root.is_dir():
        pytest.skip(f"no sample files at {root}")
    found = checked(root)
    assert case_of(found, "s0002").tumour_ml == pytest.approx(11.25)
    assert case_of(found, "s0003").tumour_ml == pytest.approx(15.45)
    with prepared(liver(root, fov_mm=300).build(), tmp_path) as cohort:
        assert cohort.subjects.measures["tumour_ml"][2:4] == pytest.approx([11.25, 15.45])
