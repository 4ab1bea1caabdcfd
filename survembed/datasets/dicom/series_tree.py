"""All image series and structures in a tree of DICOM files, by subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from survembed.datasets.dicom.tree import FileHeader, read_headers
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.structure_names import composed, is_any_of
from survembed.errors import DataError

IMAGES, STRUCTURES = ("CT", "MR", "PT"), ("SEG", "RTSTRUCT")
MODALITY_OF = {"pet": "pt", "mri": "mr"}
"""Other names of modalities."""


@dataclass(frozen=True)
class FoundSeries:
    """One image series of a subject, or one file of structures.

    Attributes
    ----------
    subject
        PatientID; without one, the first folder below the root.
    header
        Of one of the files.
    files
        All files.
    uids
        UIDs of the series and its files.
    """

    subject: str
    header: FileHeader
    files: DicomFiles
    uids: frozenset[str]

    @property
    def modality(self) -> str:
        """CT, MR, PT, SEG or RTSTRUCT."""
        return self.header.modality

    def is_meant_by(self, pattern: str) -> bool:
        """Whether a pattern is the modality, or one of its parts between `|` describes the series."""
        key = pattern.strip().casefold()
        is_modality = MODALITY_OF.get(key, key) == self.modality.casefold()
        return is_modality or is_any_of(self.header.description, pattern.split("|"))


def find_series(root: Path) -> tuple[list[FoundSeries], list[DataError]]:
    """Series of CT, MR and PET, and files of SEG and RTSTRUCT; and damaged files.

    Raises
    ------
    PluginError
        If there are DICOM files and pydicom is not installed.
    """
    headers, problems = read_headers(root, (*IMAGES, *STRUCTURES))
    groups: dict[tuple[str, str], list[FileHeader]] = defaultdict(list)
    for header in headers:
        folders = header.path.relative_to(root).parts[:-1]
        subject = header.subject or (composed(folders[0]) if folders else "")
        if not subject:
            problems.append(
                DataError(
                    "a DICOM file without a PatientID",
                    where=str(header.path),
                    expected="a PatientID, or a folder for each subject",
                    try_="put the files of each subject into a folder with its id as name",
                )
            )
        else:
            groups[subject, header.uid if header.modality in STRUCTURES else header.series].append(header)
    return [_to_series(subject, group) for (subject, _), group in sorted(groups.items())], problems


def _to_series(subject: str, headers: Sequence[FileHeader]) -> FoundSeries:
    first = headers[0]
    name = f"{first.modality} '{first.description}' ({len(headers)} files)"
    files = DicomFiles(name, tuple(header.path for header in headers))
    return FoundSeries(subject, first, files, frozenset({first.series, *(header.uid for header in headers)}))
