"""A tree of DICOM files: subjects by PatientID, CT and SEG by modality. Names of folders and files are ignored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survembed.cohort.exclusions import SubjectError
from survembed.datasets.dicom.parsing import parsing, require_pydicom
from survembed.datasets.dicom.segment_names import structures_of
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.structure_names import composed
from survembed.errors import DataError

TAGS = ["Modality", "PatientID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "ImageType"]
DESCRIPTIONS = ["SeriesDescription", "SegmentSequence", "StructureSetROISequence", "RTROIObservationsSequence"]
REFERENCES = ["ReferencedSeriesSequence", "SourceImageSequence", "ReferencedFrameOfReferenceSequence"]


@dataclass(frozen=True)
class FileHeader:
    """Header fields that assign a file to a subject and series.

    Attributes
    ----------
    path, modality
        The file, and its modality.
    subject, series, uid
        PatientID, and UIDs of the series and the file.
    frame_of_reference
        UID of the coordinate system.
    referenced
        UIDs of the series and images on which structures were drawn.
    description
        Of the series.
    structures
        Name of each segment or region, and whether it is a lesion.
    """

    path: Path
    modality: str
    subject: str
    series: str
    uid: str
    frame_of_reference: str
    referenced: frozenset[str]
    description: str = ""
    structures: tuple[tuple[str, bool], ...] = ()


def find_dicom_cases(root: Path) -> tuple[list[Case], list[DataError]]:
    """Find the cases in a tree of DICOM files: the CT series with a segmentation.

    Other files, other modalities, localizers, and further CT series of a subject are ignored.

    Returns
    -------
    tuple
        Cases; and problems: a CT without segmentation, a segmentation without its CT, no PatientID, two segmented
        series of one subject.

    Raises
    ------
    PluginError
        If there are DICOM files and pydicom is not installed.
    """
    found, problems = read_headers(root, ("CT", "SEG"))
    by_subject: dict[str, list[FileHeader]] = defaultdict(list)
    for header in found:
        by_subject[header.subject].append(header)
    cases = []
    for subject, headers in sorted(by_subject.items()):
        try:
            cases.append(_segmented_case(subject, headers))
        except DataError as error:
            problems.append(error)
    return cases, problems


def read_headers(root: Path, modalities: Collection[str]) -> tuple[list[FileHeader], list[DataError]]:
    """Headers of the DICOM files of these modalities in a tree, without localizers; and damaged files.

    Raises
    ------
    PluginError
        If there are DICOM files and pydicom is not installed.
    """
    paths = [path for path in sorted(root.rglob("*")) if _is_dicom(path)]
    if paths:
        require_pydicom()
    headers, problems = [], []
    for path in paths:
        try:
            header = _read_header(path, modalities)
        except DataError as error:
            problems.append(error)
            continue
        if header is not None:
            headers.append(header)
    return headers, problems


def _is_dicom(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _read_header(path: Path, modalities: Collection[str]) -> FileHeader | None:
    """Read the header of a file of these modalities; None for other files."""
    from pydicom import dcmread

    with parsing(path, "a DICOM file"):
        header = dcmread(path, stop_before_pixels=True, specific_tags=[*TAGS, *DESCRIPTIONS, *REFERENCES])
        modality = str(header.get("Modality", ""))
        if modality not in modalities or "LOCALIZER" in (header.get("ImageType") or ()):
            return None
        return FileHeader(
            path=path,
            modality=modality,
            subject=composed(str(header.get("PatientID") or "").strip()),
            series=str(header.get("SeriesInstanceUID", "")),
            uid=str(header.get("SOPInstanceUID", "")),
            frame_of_reference=str(header.get("FrameOfReferenceUID", "")),
            description=str(header.get("SeriesDescription") or "").strip(),
            structures=structures_of(header),
            referenced=frozenset(_referenced_uids(header)),
        )


def _referenced_uids(header: Any) -> Iterator[str]:
    """UIDs of the series and images on which structures were drawn."""
    for frame in header.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            yield from (str(item.SeriesInstanceUID) for item in study.get("RTReferencedSeriesSequence") or ())
    for series in header.get("ReferencedSeriesSequence") or ():
        yield str(series.get("SeriesInstanceUID", ""))
        yield from (str(item.ReferencedSOPInstanceUID) for item in series.get("ReferencedInstanceSequence") or ())
    yield from (str(item.ReferencedSOPInstanceUID) for item in header.get("SourceImageSequence") or ())


def _segmented_case(subject: str, headers: Iterable[FileHeader]) -> Case:
    """The only segmented CT of a subject.

    Raises
    ------
    DataError
        If there is none, or more than one.
    """
    series: dict[str, list[FileHeader]] = defaultdict(list)
    segmentations = []
    for header in headers:
        segmentations.append(header) if header.modality == "SEG" else series[header.series].append(header)
    folder = str((segmentations or next(iter(series.values())))[0].path.parent)
    name = subject or f"{len(series)} CT series without a PatientID"
    if not subject:
        raise DataError(
            name,
            where=folder,
            expected="a PatientID, the subject's id in the clinical table",
            try_="export them with a PatientID, or convert them to NIfTI",
        )
    if not segmentations:
        reason = "a CT without its segmentation"
        raise SubjectError(f"{name}: {reason}", reason=reason, where=folder, try_="download its SEG, or delete it")
    series_of = {seg: _series_of_segmentation(seg, series) for seg in segmentations}
    unmatched = next((seg for seg, uids in series_of.items() if not uids), None)
    if unmatched:
        reason = "a segmentation whose CT series is not there"
        raise SubjectError(f"{name}: {reason}", reason=reason, where=str(unmatched.path), try_="complete the download")
    candidates = set().union(*series_of.values())
    if len(candidates) > 1:
        reason = f"segmentations of {len(candidates)} CT series"
        raise SubjectError(
            f"{name}: {reason}",
            reason=reason,
            where=folder,
            expected="one segmented series per subject",
            try_="keep the scan to be used",
        )
    ct = DicomFiles("CT series", tuple(header.path for header in series[candidates.pop()]))
    return Case(subject, ct, DicomFiles("DICOM SEG", tuple(seg.path for seg in segmentations)))


def _series_of_segmentation(seg: FileHeader, series: dict[str, list[FileHeader]]) -> set[str]:
    """UIDs of the series that a segmentation refers to; without references, those of its frame of reference."""
    if seg.referenced:
        return {uid for uid, slices in series.items() if {uid, *(each.uid for each in slices)} & seg.referenced}
    return {uid for uid, slices in series.items() if slices[0].frame_of_reference == seg.frame_of_reference}
