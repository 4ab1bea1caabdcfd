"""What every dataset builds: a `Source`, which knows its files and can write them as a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.checks import StudyCheck


class Source(Protocol):
    """A study's files, found but not yet read."""

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
        """Write the cohort to `path` with `survembed.cohort.writing_cohort`, in batches.

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
