"""A tree of DICOM files, as downloaded: subjects by PatientID, CT and SEG by modality, whatever folders are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survembed.cohort.exclusions import SubjectError
from survembed.datasets.dicom.series import reading, require_pydicom
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.errors import DataError

TAGS = ["Modality", "PatientID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "ImageType"]
REFERENCES = ["ReferencedSeriesSequence", "SourceImageSequence"]


@dataclass(frozen=True)
class _Header:
    """What decides where a file belongs; nothing of it but `subject` leaves this module."""

    path: Path
    modality: str
    subject: str
    series: str
    uid: str
    frame_of_reference: str
    referenced: frozenset[str]


def find_dicom_cases(root: Path) -> tuple[list[Case], list[DataError]]:
    """The cases in a tree of DICOM files: each CT series that a segmentation refers to.

    Files that are no DICOM, other modalities, localizers and CT series beside a segmented one are passed over.

    Returns
    -------
    tuple
        Cases, and what makes none: a CT without segmentation, a segmentation without its CT, no PatientID, two
        segmented series of one subject.

    Raises
    ------
    PluginError
        When there are DICOM files and pydicom is not installed.
    """
    paths = [path for path in _files(root) if _is_dicom(path)]
    if not paths:
        return [], []
    require_pydicom()
    problems: list[DataError] = []
    by_subject: dict[str, list[_Header]] = defaultdict(list)
    for path in paths:
        try:
            header = _header(path)
        except DataError as error:
            problems.append(error)
            continue
        if header is not None:
            by_subject[header.subject].append(header)
    cases = []
    for subject, headers in sorted(by_subject.items()):
        try:
            cases.append(_case(subject, headers))
        except DataError as error:
            problems.append(error)
    return cases, problems


def _files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith("."))


def _is_dicom(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _header(path: Path) -> _Header | None:
    """What the header says; None for what is neither a CT slice nor a segmentation."""
    from pydicom import dcmread

    with reading(path, "a DICOM file"):
        header = dcmread(path, stop_before_pixels=True, specific_tags=[*TAGS, *REFERENCES])
        modality = str(header.get("Modality", ""))
        if modality not in ("CT", "SEG") or "LOCALIZER" in (header.get("ImageType") or ()):
            return None
        return _Header(
            path=path,
            modality=modality,
            subject=str(header.get("PatientID") or "").strip(),
            series=str(header.get("SeriesInstanceUID", "")),
            uid=str(header.get("SOPInstanceUID", "")),
            frame_of_reference=str(header.get("FrameOfReferenceUID", "")),
            referenced=frozenset(_referenced(header)),
        )


def _referenced(header: Any) -> Iterator[str]:
    """UIDs of the series and images that a segmentation says it was drawn on."""
    for series in header.get("ReferencedSeriesSequence") or ():
        yield str(series.get("SeriesInstanceUID", ""))
        yield from (str(item.ReferencedSOPInstanceUID) for item in series.get("ReferencedInstanceSequence") or ())
    yield from (str(item.ReferencedSOPInstanceUID) for item in header.get("SourceImageSequence") or ())


def _case(subject: str, headers: Iterable[_Header]) -> Case:
    """The one segmented CT of a subject.

    Raises
    ------
    DataError
        When there is none, or more than one.
    """
    series: dict[str, list[_Header]] = defaultdict(list)
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
    drawn_on = {seg: _drawn_on(seg, series) for seg in segmentations}
    lost = next((seg for seg, on in drawn_on.items() if not on), None)
    if lost:
        reason = "a segmentation whose CT series is not there"
        raise SubjectError(f"{name}: {reason}", reason=reason, where=str(lost.path), try_="complete the download")
    candidates = set().union(*drawn_on.values())
    if len(candidates) > 1:
        reason = f"segmentations of {len(candidates)} CT series"
        raise SubjectError(
            f"{name}: {reason}",
            reason=reason,
            where=folder,
            expected="one segmented series a subject",
            try_="keep the scan that is meant",
        )
    ct = DicomFiles("CT series", tuple(header.path for header in series[candidates.pop()]))
    return Case(subject, ct, DicomFiles("DICOM SEG", tuple(seg.path for seg in segmentations)))


def _drawn_on(seg: _Header, series: dict[str, list[_Header]]) -> set[str]:
    """The series that a segmentation refers to; where it names none, those of its frame of reference."""
    named = {
        uid for uid, slices in series.items() if uid in seg.referenced or any(at.uid in seg.referenced for at in slices)
    }
    if seg.referenced:
        return named
    return {uid for uid, slices in series.items() if slices[0].frame_of_reference == seg.frame_of_reference}
