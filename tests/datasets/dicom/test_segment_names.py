"""Roles of DICOM segments by label and by code, from the files of the field to the cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.dicom.segment_names import segment_name, segment_role
from survembed.datasets.dicom.segmentation import read_segments
from survembed.datasets.dicom.series import open_series
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.structure_names import MaskNames, Role
from survembed.errors import DataError
from tests.datasets.checking import checked
from tests.datasets.dicoms import LIMIT, masks, pydicom, ras, series_of, stored, write_seg, write_series
from tests.datasets.preparing import liver, prepared

LIVER, TISSUE, NEOPLASM = ("10200004", "SCT", "Liver"), ("85756007", "SCT", "Tissue"), ("108369006", "SCT", "Neoplasm")


def item(
    label: str, kind: tuple[str, str, str] = TISSUE, region: tuple[str, str, str] | None = None
) -> pydicom.Dataset:
    def concept(code: tuple[str, str, str]) -> pydicom.Sequence:
        coded = pydicom.Dataset()
        coded.CodeValue, coded.CodingSchemeDesignator, coded.CodeMeaning = code
        return pydicom.Sequence([coded])

    segment = pydicom.Dataset()
    segment.SegmentLabel = label
    segment.SegmentedPropertyTypeCodeSequence = concept(kind)
    if region:
        segment.AnatomicRegionSequence = concept(region)
    return segment


@pytest.mark.parametrize(
    ("segment", "role"),
    [
        (item("Tumor", LIVER), Role.LESION),  # viewers give all segments one type
        (item("Portal vein", LIVER), Role.OTHER),
        (item("Liver", NEOPLASM), Role.ORGAN),
        (item("Segment_1", NEOPLASM), Role.LESION),
        (item("1", ("M-8FFFF", "SRT", "Tumor")), Role.LESION),
        (item("ROI-3", ("M-80006", "99SDM", "Neoplasm, Secondary")), Role.LESION),
        (item("Segment_2", ("4147007", "SCT", "Mass")), Role.LESION),
        (item("Segment_2", ("M-01100", "SNM3", "Lesion")), Role.LESION),
        (item("", ("x", "99LOCAL", "Hepatocellular carcinoma")), Role.LESION),
        (item("abc", NEOPLASM), Role.LESION),
        (item("abc", LIVER), Role.UNKNOWN),
        (item("Segment_1", LIVER), Role.ORGAN),
        (item("Segment_1", ("T-62000", "SRT", "Liver")), Role.ORGAN),
        (item("Segment_1"), Role.UNKNOWN),
        (item("Segment_1", NEOPLASM, ("64033007", "SCT", "Kidney")), Role.OTHER),
        (item("Segment_1", NEOPLASM, LIVER), Role.LESION),
        (item("Tumor", NEOPLASM, ("64033007", "SCT", "Kidney")), Role.OTHER),
        (item("No tumor", NEOPLASM), Role.OTHER),
        (item("Cyst", NEOPLASM), Role.PART),
    ],
)
def test_labels_come_before_codes(segment: pydicom.Dataset, role: Role) -> None:
    assert segment_role(segment, MaskNames()) is role


def test_a_name_for_messages_shows_what_decides() -> None:
    assert segment_name(item("HCC", TISSUE)) == "HCC"
    assert segment_name(item("Segment_1", NEOPLASM)) == "Segment_1 (Neoplasm)"


def test_a_segment_without_codes_has_only_its_label() -> None:
    segment = pydicom.Dataset()
    segment.SegmentLabel = "Segment_1"
    assert segment_role(segment, MaskNames()) is Role.UNKNOWN


@pytest.mark.parametrize(
    "label", ["Liver tumor", "Neoplasm", "HCC", "GTV-1", "Hepatic lesion 1", "Metastases", "Krebs"]
)
def test_lesions_by_their_usual_labels(tmp_path: Path, label: str) -> None:
    slices = write_series(tmp_path / "ct", stored())
    drawn = masks()
    seg = write_seg(tmp_path / "seg.dcm", slices, {"Liver": drawn["Liver"], label: drawn["Tumor_1"]})
    codes = read_segments(DicomFiles("SEG", (seg,)), open_series(series_of(slices), LIMIT))
    np.testing.assert_array_equal(codes == 2, ras(drawn["Tumor_1"]))


def test_two_organs_are_refused_with_the_candidates(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    drawn = masks()
    seg = write_seg(tmp_path / "seg.dcm", slices, {"Liver": drawn["Liver"], "Liver mask": drawn["Tumor_1"]})
    series, files = open_series(series_of(slices), LIMIT), DicomFiles("SEG", (seg,))
    with pytest.raises(DataError, match="2 segments may be the organ: liver, liver mask"):
        read_segments(files, series)
    assert (read_segments(files, series, ("liver",)) == 1).sum() == drawn["Liver"].sum()
    twice = write_seg(tmp_path / "2.dcm", slices, {"Liver": drawn["Liver"], "liver ": drawn["Tumor_1"]})
    with pytest.raises(DataError, match="2 segments may be the organ: liver, liver"):
        read_segments(DicomFiles("SEG", (twice,)), series)


def write_study(root: Path, labels: list[str]) -> Path:
    for number, label in enumerate(labels):
        slices = write_series(root / f"{number}" / "ct", stored(number), f"P{number}")
        drawn = masks()
        write_seg(root / f"{number}" / "seg.dcm", slices, {"Liver": drawn["Liver"], label: drawn["Tumor_1"]})
    rows = [f"P{number},{100 + number},{number % 2}" for number in range(len(labels))]
    (root / "clinical.csv").write_text("\n".join(["id,days,event", *rows]) + "\n")
    return root


def test_a_mixed_cohort_is_a_warning_with_the_names(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study", ["Tumor", "Befund", "Mass"])
    found = checked(root)
    ml = masks()["Tumor_1"].sum() * 0.009
    assert [case.tumour_ml for case in found.cases] == pytest.approx([ml, 0, ml])
    assert any("1 of 3 subjects" in text and "'Befund' (1)" in text for text in found.warnings)
    declared = checked(root, tumour_segments=("Befund", "tumor", "mass"))
    assert [case.tumour_ml for case in declared.cases] == pytest.approx([ml, ml, ml])


def test_files_of_the_field(test_data: Path, tmp_path: Path) -> None:
    root = test_data.parent / "field" / "dicom_segment_labels" / "study"
    if not root.is_dir():
        pytest.skip(f"no sample files at {root}")
    found = checked(root)
    assert [case.tumour_ml for case in found.cases] == pytest.approx([1.539] * 5)
    assert "'Liver tumor' (1), 'Neoplasm' (1), 'HCC' (1)" in found.masks[0]
    with prepared(liver(root).build(), tmp_path) as cohort:
        assert cohort.subjects.measures["tumour_ml"] == pytest.approx([1.539] * 5)
