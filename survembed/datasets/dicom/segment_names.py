"""Roles of DICOM segments and regions: by their names, and by their codes where a name says nothing."""

from __future__ import annotations

from typing import Any

from survembed.datasets.dicom.parsing import parsing
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.structure_names import MaskNames, Role, is_lesion, is_uninformative, role_of

LESION_CODES = {
    ("SCT", code)
    for code in (
        *("108369006", "86049000", "372087000", "14799000", "128462008", "52988006", "4147007", "27925004"),
        *("228791009", "25173007", "1187425009", "68453008", "25370001", "94381002", "126851005", "300331000"),
    )
} | {("SRT", code) for code in ("M-8FFFF", "M-80000", "M-80003", "M-80006", "M-01100", "M-03000", "M-03010", "M-81703")}
"""Neoplasm (any, primary, metastatic), metastasis, lesion, mass, nodule, gross tumour volume, recurrent tumour,
carcinoma, hepatocellular carcinoma; metastasis, neoplasm and lesion of the liver."""
ORGAN_CODES = {("SCT", "10200004"), ("SRT", "T-62000")}
"""Liver."""
SCHEMES = {"SNM3": "SRT", "99SDM": "SRT", "SRT": "SRT", "SCT": "SCT", "SNOMED": "SCT"}


def segment_roles(files: DicomFiles, names: MaskNames) -> dict[str, Role]:
    """Role of each segment by its name for messages, from the headers of all files.

    Raises
    ------
    DataError
        If a file is damaged.
    """
    from pydicom import dcmread

    roles: dict[str, Role] = {}
    for path in files.files:
        with parsing(path, "a DICOM segmentation"):
            seg = dcmread(path, stop_before_pixels=True, specific_tags=["SegmentSequence"])
            roles |= {segment_name(item): segment_role(item, names) for item in seg.SegmentSequence}
    return roles


def structures_of(header: Any) -> tuple[tuple[str, bool], ...]:
    """Name of each segment of a SEG, or each region of an RTSTRUCT, and whether it is a lesion of any organ."""
    regions = header.get("StructureSetROISequence") or ()
    types = {
        int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType") or "").strip()
        for item in header.get("RTROIObservationsSequence") or ()
    }
    named = [(region_name(item), types.get(int(item.ROINumber), "")) for item in regions]
    named += [
        (segment_name(item), "GTV" if _role_of_type(item, MaskNames()) is Role.LESION else "")
        for item in header.get("SegmentSequence") or ()
    ]
    return tuple((name, is_lesion(name) or (is_uninformative(name) and kind == "GTV")) for name, kind in named)


def region_name(item: Any) -> str:
    """Name of a region of an RTSTRUCT."""
    return str(item.get("ROIName") or "").strip() or f"region {item.ROINumber}"


def segment_name(item: Any) -> str:
    """Label of a segment; with the meaning of its type, if the label says nothing."""
    label = str(item.get("SegmentLabel") or "").strip()
    return f"{label} ({_meaning(item, 'SegmentedPropertyTypeCodeSequence')})" if is_uninformative(label) else label


def segment_role(item: Any, names: MaskNames) -> Role:
    """Role of an item of the segment sequence.

    A declared pattern or a known word in the label decides. Where the label has no known word, the type of a lesion
    decides; where it says nothing at all, any type. Viewers write one type into all segments, so it never overrules a
    label. A lesion in another organ by its anatomic region is no lesion of the liver.
    """
    label = str(item.get("SegmentLabel") or "").strip()
    role = names.role(label)
    if role is Role.UNKNOWN:
        by_type = _role_of_type(item, names)
        role = by_type if by_type is Role.LESION or is_uninformative(label) else role
    region = _meaning(item, "AnatomicRegionSequence")
    if role is Role.LESION and region and not names.lesion and role_of(f"{label} lesion {region}") is not Role.LESION:
        return Role.OTHER
    return role


def _role_of_type(item: Any, names: MaskNames) -> Role:
    code, meaning = (
        _code(item, "SegmentedPropertyTypeCodeSequence"),
        _meaning(item, "SegmentedPropertyTypeCodeSequence"),
    )
    role = Role.LESION if code in LESION_CODES else Role.ORGAN if code in ORGAN_CODES else role_of(meaning)
    is_declared = (role is Role.LESION and names.lesion) or (role is Role.ORGAN and names.organ)
    return Role.UNKNOWN if is_declared else role


def _item(item: Any, name: str) -> Any:
    sequence = item.get(name)
    return sequence[0] if sequence else None


def _code(item: Any, name: str) -> tuple[str, str]:
    concept = _item(item, name)
    if concept is None:
        return "", ""
    scheme = str(concept.get("CodingSchemeDesignator", "")).strip()
    return SCHEMES.get(scheme, scheme), str(concept.get("CodeValue", "")).strip()


def _meaning(item: Any, name: str) -> str:
    concept = _item(item, name)
    return "" if concept is None else str(concept.get("CodeMeaning", "")).strip()
