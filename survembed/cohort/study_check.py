"""Results of a check of the files of a study, for a table, JSON or a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from survembed.storage.result import Result


@dataclass(frozen=True)
class Problem:
    """A problem that makes a file or table unusable.

    Attributes
    ----------
    message, remedy
        What is wrong, and how to correct it.
    where
        The file; None if its name can identify a patient.
    """

    message: str
    remedy: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class CaseCheck:
    """Images of one subject; a value is None if it could not be determined.

    Attributes
    ----------
    id
        The subject.
    shape, spacing_mm, orientation
        Voxels and mm along the stored axes of the CT (else of the mask), and their orientation, such as `RAS`.
    organ_ml, tumour_ml
        Volumes at full resolution; the organ includes its tumour.
    organ_hu
        Median of the CT inside the organ.
    extent_mm
        Edge lengths of the organ's bounding box along right, anterior, superior.
    outside
        Fraction of the organ outside the field of view; None too if organs are stretched.
    warnings
        Warnings; the case is usable.
    problem
        Why the case is not usable; None if it is.
    thumbnail
        A PNG: axial and coronal slice through the tumour, or the organ.
    """

    id: str
    shape: tuple[int, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    orientation: str | None = None
    organ_ml: float | None = None
    tumour_ml: float | None = None
    organ_hu: float | None = None
    extent_mm: tuple[float, ...] | None = None
    outside: float | None = None
    warnings: tuple[str, ...] = ()
    problem: Problem | None = None
    thumbnail: bytes | None = field(default=None, metadata={"json": False})

    @property
    def is_doubtful(self) -> bool:
        """Whether the case has a problem or a warning."""
        return self.problem is not None or bool(self.warnings)


@dataclass(frozen=True)
class FollowUpCheck:
    """The outcomes of the subjects that have images.

    Attributes
    ----------
    subjects, events
        Numbers of subjects and of events.
    median_follow_up
        By the reverse Kaplan–Meier method, in days; None if it is not reached.
    duration_column, event_column, unit
        Source columns, and the unit of the durations.
    choice
        A sentence on columns, unit and codes.
    """

    subjects: int
    events: int
    median_follow_up: float | None
    duration_column: str
    event_column: str
    unit: str
    choice: str


@dataclass(frozen=True)
class ColumnCheck:
    """A column of a table.

    Attributes
    ----------
    name
        Of the column.
    kind
        `numbers`, `text` or `dates`.
    missing, distinct
        Numbers of empty cells and of different contents.
    use
        `id`, `duration`, `event`, … or `feature`; or why it is none.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    use: str


@dataclass(frozen=True)
class StudyCheck(Result):
    """Result of the check of a study.

    Attributes
    ----------
    title, synthetic, layout
        Name of the study, whether it is simulated, and the layout of its files.
    masks
        What is read as organ and as lesions, and why.
    fov_mm
        Field of view; None if organs are stretched.
    suggested_fov_mm
        Edge of the smallest cube that holds at least 99 % of every organ; None if no organ could be read.
    cases
        One per subject with images; of pictures, only those with a problem or a warning.
    follow_up
        None if the clinical table could not be read or joined.
    problems
        Problems not of a readable case: unpaired files, the clinical table.
    warnings
        Warnings for the study as a whole.
    contents
        Sentences on what the files contain, such as the channels, or the sizes of pictures.
    columns
        Columns of a study that is a table.
    """

    title: str
    synthetic: bool
    layout: str
    masks: tuple[str, ...]
    fov_mm: tuple[float, ...] | None
    suggested_fov_mm: float | None
    cases: tuple[CaseCheck, ...]
    follow_up: FollowUpCheck | None
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    contents: tuple[str, ...] = ()
    columns: tuple[ColumnCheck, ...] = ()

    @property
    def n_bad(self) -> int:
        """Number of unusable cases and of other problems."""
        return sum(case.problem is not None for case in self.cases) + len(self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without thumbnails."""
        return {**super().to_dict(), "bad": self.n_bad}
