"""Files of one subject, and of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from survembed.errors import DataError


@dataclass(frozen=True)
class DicomFiles:
    """The files of one DICOM series, or of the segmentations that refer to one.

    Attributes
    ----------
    name
        What messages call it: the names of such files are often identifiers of patients or studies.
    files
        In any order.
    """

    name: str
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return str(self.files[0] if len(self.files) == 1 else self.files[0].parent)


@dataclass(frozen=True)
class Case:
    """The files of one subject.

    Attributes
    ----------
    id
        The subject's name in the clinical table.
    ct
        The CT; None where the cohort has masks only.
    mask
        A map of labels, or, where `tumours` is given, a mask of the organ (whatever is not 0), or DICOM segments drawn
        on the DICOM series `ct`.
    tumours
        Masks of lesions; None where `mask` is a map of labels.
    """

    id: str
    ct: Path | DicomFiles | None
    mask: Path | DicomFiles
    tumours: tuple[Path, ...] | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, the CT first."""
        parts = (*([self.ct] if self.ct else []), self.mask, *(self.tumours or ()))
        return tuple(path for part in parts for path in (part.files if isinstance(part, DicomFiles) else (part,)))


@dataclass(frozen=True)
class Layout:
    """The cases found in a folder.

    Attributes
    ----------
    name
        What the layout is called.
    cases
        By id; either all have a CT or none has.
    problems
        Files that make no case, and why.
    """

    name: str
    cases: tuple[Case, ...]
    problems: tuple[DataError, ...]


@dataclass(frozen=True)
class Unsegmented:
    """CTs in a folder in nnU-Net names.

    Attributes
    ----------
    images
        Those without a mask, by case.
    there
        Cases that have one.
    masks
        Folder where masks belong.
    """

    images: dict[str, Path]
    there: tuple[str, ...]
    masks: Path
