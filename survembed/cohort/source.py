"""`Source`, the interface of what a dataset builds: it finds its files and writes them as a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from survembed.errors import UsageError
from survembed.progress import Reporter
from survembed.storage.files import refuse_pipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from survembed.cohort.form import CohortForm
    from survembed.cohort.study_check import StudyCheck


class Source(Protocol):
    """The files of a study.

    `survembed.testing` checks that the same files and options give an identical cohort in any folder, ids are unique,
    the files and global random states do not change, and a cohort with true log-hazards is marked as synthetic.
    """

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Everything that determines the cohort, as JSON: hashes of the sources and all preprocessing options.

        Two sources have equal fingerprints exactly when their cohorts are equal.

        Raises
        ------
        DataError
            If files are missing or the clinical table is not valid.
        """
        ...

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Write the cohort to `path` with `survembed.cohort.cohort.writing_cohort`, in batches.

        `path.with_suffix('.parts')` is for intermediate files that a second call can reuse; the caller removes it.

        Raises
        ------
        DataError
            If a file is damaged or the table is refused. No file remains at `path`.
        """
        ...


@runtime_checkable
class Checkable(Protocol):
    """A `Source` that can also check its files."""

    def check(self, reporter: Reporter) -> StudyCheck:
        """Read all files and report problems and warnings; nothing is written.

        Raises
        ------
        DataError
            If there is nothing to check.
        """
        ...


@dataclass(frozen=True)
class NewCases:
    """New subjects, prepared like those of a cohort.

    Attributes
    ----------
    images
        (m, C, *spatial) as `CohortWriter.add` takes them.
    warnings
        Warnings, without file names.
    measures
        Numbers measured from the images by name, each (m,): `organ_ml`, `tumour_ml`, …
    ids
        The m ids of the user's own table; empty where there are none. Names of files are no ids.
    covariates
        Columns of the user's own table by name, each (m,), as in `Subjects`; empty where there is none.
    """

    images: NDArray[Any]
    warnings: tuple[str, ...] = ()
    measures: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    covariates: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@runtime_checkable
class ReadsNew(Protocol):
    """A `Source` that can also prepare new subjects, for `survembed predict`."""

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Prepare new subjects in the same way as those of `cohort`.

        Parameters
        ----------
        files
            Files by `ct`, `mask`, `folder`, `root`, `image` or `table`; `require_files` checks them.
        cohort
            Header and categories of the cohort of the run: field of view, channels, features. Its subjects may not be
            on this computer.

        Raises
        ------
        UsageError
            If the run needs other files.
        DataError
            If a file is missing, damaged or not of this kind of subject.
        """
        ...


@runtime_checkable
class PreparesLike(Protocol):
    """A `Source` that can prepare a study exactly as another cohort was, for `survembed evaluate --root`."""

    def like(self, form: CohortForm) -> Source:
        """The source with all that a preparation chooses from its subjects taken from `form`: field of view, labels,
        columns, categories.
        """
        ...


def require_files(files: Mapping[str, Path], *ways: tuple[str, ...]) -> None:
    """Refuse files other than one of these combinations, such as `("ct", "mask"), ("folder",)`.

    Raises
    ------
    UsageError
        With the files that the run needs.
    DataError
        When one is a pipe or a device.
    """
    if not any(set(files) == set(way) for way in ways):
        given = " ".join(f"--{name}" for name in files)
        raise UsageError(
            f"this run needs other files than {given}" if given else "no file to predict for",
            where=given or "survembed predict",
            expected=", or ".join(" and ".join(f"--{name} PATH" for name in way) for way in ways),
        )
    for path in files.values():
        refuse_pipe(path)
