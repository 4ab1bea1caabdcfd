"""What every dataset builds: a `Source`, which knows its files and can write them as a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from survembed.errors import UsageError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from survembed.cohort.cohort import Cohort
    from survembed.cohort.study_check import StudyCheck


class Source(Protocol):
    """A study's files, found but not yet read.

    What `survembed.testing` holds a source to: the same files and options give the same cohort bit by bit, wherever the
    files lie; ids are unique; the user's files and global random states stay as they were; a cohort with true
    log-hazards says that it is synthetic.
    """

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """All that decides what the cohort will hold, as JSON: hashes of the sources and every preprocessing option.

        Two sources have equal fingerprints exactly when their cohorts are equal.

        Raises
        ------
        DataError
            When files are missing or the clinical table is wrong.
        """
        ...

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Write the cohort to `path` with `survembed.cohort.cohort.writing_cohort`, in batches.

        `path.with_suffix('.parts')` is a folder for work that a second call can continue; the caller removes it.

        Raises
        ------
        DataError
            When a file is damaged or the table is refused. Nothing is left at `path`.
        """
        ...


@runtime_checkable
class Checkable(Protocol):
    """A `Source` that can also say what is wrong with its files: the liver's, and any other that has images."""

    def check(self, reporter: Reporter) -> StudyCheck:
        """Read everything, write nothing, and name what is wrong or doubtful.

        Raises
        ------
        DataError
            When there is nothing to check at all.
        """
        ...


@dataclass(frozen=True)
class NewCases:
    """Subjects that belong to no cohort, prepared like one; who they are is not kept.

    Attributes
    ----------
    images
        (m, C, *spatial) as `CohortWriter.add` takes them.
    warnings
        What was doubtful, without names of files.
    measures
        Numbers measured from the images by name, each (m,): `organ_ml`, `tumour_ml`, …
    """

    images: NDArray[Any]
    warnings: tuple[str, ...] = ()
    measures: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@runtime_checkable
class ReadsNew(Protocol):
    """A `Source` that can also prepare subjects beyond its cohort, for `survembed predict`."""

    def read_new(self, files: Mapping[str, Path], cohort: Cohort) -> NewCases:
        """Prepare new subjects exactly as those of `cohort` were.

        Parameters
        ----------
        files
            What the user gave, by `ct`, `mask`, `folder`, `image` or `table`; `require_files` judges it.
        cohort
            The cohort of the run, with whatever was chosen from its subjects: field of view, features.

        Raises
        ------
        UsageError
            When other files are wanted.
        DataError
            When a file is missing, damaged or holds no such subject.
        """
        ...


def require_files(files: Mapping[str, Path], *ways: tuple[str, ...]) -> None:
    """Refuse files that are none of these combinations, such as `("ct", "mask"), ("folder",)`.

    Raises
    ------
    UsageError
        It names what the run wants.
    """
    if not any(set(files) == set(way) for way in ways):
        given = " ".join(f"--{name}" for name in files)
        raise UsageError(
            f"this run wants other files than {given}" if given else "no file to predict for",
            where=given or "survembed predict",
            expected=", or ".join(" and ".join(f"--{name} PATH" for name in way) for way in ways),
        )
