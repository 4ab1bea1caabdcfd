"""Files of one subject, and of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from survembed.datasets.scan.files import files_of
from survembed.datasets.scan.structure_names import Role
from survembed.errors import DataError


@dataclass(frozen=True)
class DicomFiles:
    """Files of one DICOM series, or of the segmentations that refer to one.

    Attributes
    ----------
    name
        Name for messages. Names of DICOM files often contain identifiers of patients, so messages do not show them.
    files
        Paths in any order.
    """

    name: str
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return str(self.files[0] if len(self.files) == 1 else self.files[0].parent)


@dataclass(frozen=True)
class Case:
    """Files of one subject.

    Attributes
    ----------
    id
        Id of the subject in the clinical table.
    ct
        The CT; None in a cohort of masks only.
    mask
        A label map; or a mask of the organ (all values above 0) if `tumours` is given; or DICOM segmentations drawn on
        the DICOM series `ct`.
    tumours
        Masks of lesions; None if `mask` is a label map.
    masks
        Name and role of each file of masks in the subject's folder; empty for other layouts.
    """

    id: str
    ct: Path | DicomFiles | None
    mask: Path | DicomFiles
    tumours: tuple[Path, ...] | None = None
    masks: tuple[tuple[str, Role], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, the CT first."""
        parts = (*([self.ct] if self.ct else []), self.mask, *(self.tumours or ()))
        return tuple(
            path for part in parts for path in (part.files if isinstance(part, DicomFiles) else files_of(part))
        )


@dataclass(frozen=True)
class Layout:
    """Cases of a folder.

    Attributes
    ----------
    name
        Name of the layout.
    cases
        Sorted by id; either all have a CT or none has.
    problems
        Files that form no case, and the reason.
    """

    name: str
    cases: tuple[Case, ...]
    problems: tuple[DataError, ...]
