"""What a check of a study's files found: plain results, for a table, JSON or a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """What makes a file or a table unusable.

    Attributes
    ----------
    message, remedy
        What is wrong, and what to do about it.
    where
        The file; None where its name could identify a patient.
    """

    message: str
    remedy: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class CaseCheck:
    """One subject's images; what is None could not be found out.

    Attributes
    ----------
    id
        The subject.
    shape, spacing_mm, orientation
        Voxels and mm along the axes of the CT (else of the mask) as stored, and where they run to, such as `RAS`.
    organ_ml, tumour_ml
        Volumes at full resolution; the organ includes its tumour.
    extent_mm
        Edge lengths of the organ's bounding box along right, anterior, superior.
    outside
        Share of the organ outside the field of view; None too where organs are stretched.
    warnings
        What is doubtful; the case is usable.
    problem
        Why the case is not usable; None where it is.
    thumbnail
        A PNG: axial and coronal slice through the tumour, or the organ.
    """

    id: str
    shape: tuple[int, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    orientation: str | None = None
    organ_ml: float | None = None
    tumour_ml: float | None = None
    extent_mm: tuple[float, ...] | None = None
    outside: float | None = None
    warnings: tuple[str, ...] = ()
    problem: Problem | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class FollowUpCheck:
    """The outcomes of the subjects that have images.

    Attributes
    ----------
    subjects, events
        How many.
    median_follow_up
        By the reverse Kaplan–Meier method, in days; None where it is not reached.
    duration_column, event_column, unit
        Where this was read, and the unit that durations were taken to have.
    """

    subjects: int
    events: int
    median_follow_up: float | None
    duration_column: str
    event_column: str
    unit: str


@dataclass(frozen=True)
class StudyCheck:
    """All that was found.

    Attributes
    ----------
    title, synthetic, layout
        What the study is called, whether it is simulated, how its files are laid out.
    fov_mm
        Field of view in force; None where organs are stretched.
    suggested_fov_mm
        Edge of the smallest cube that holds at least 99 % of every organ; None where no organ could be read.
    cases
        One for each subject with images.
    follow_up
        None where the clinical table could not be read or joined.
    problems
        What concerns no readable case: files without partner, the clinical table.
    warnings
        What is doubtful in the study as a whole.
    """

    title: str
    synthetic: bool
    layout: str
    fov_mm: tuple[float, ...] | None
    suggested_fov_mm: float | None
    cases: tuple[CaseCheck, ...]
    follow_up: FollowUpCheck | None
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]

    @property
    def n_bad(self) -> int:
        """Cases that cannot be used, and problems that concern none."""
        return sum(case.problem is not None for case in self.cases) + len(self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain values without the pictures, for JSON."""
        values = asdict(self)
        for case in values["cases"]:
            del case["thumbnail"]
        return {**values, "bad": self.n_bad}
