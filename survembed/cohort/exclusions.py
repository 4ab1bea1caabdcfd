"""Subjects that a cohort excludes: a reason and a number, without the name of any subject or file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from survembed.errors import DataError

_BEFORE = ("of", "is", "in", "inside", "and", "but", "read", "from")
"""Words of our messages before a file name; a file name itself may contain blanks and commas."""
FILE_NAME = re.compile(
    r"(?:^|(?<=: )|(?<=, )|" + "|".join(rf"(?<=\b{word} )" for word in _BEFORE) + ")"
    rf"(?:(?!: | (?:{'|'.join(_BEFORE)}) ).)*?"
    r"\.(?:nii(?:\.gz)?|dcm|nrrd|nhdr|mha|mhd|img|hdr|png|jpe?g?|tiff?|webp|bmp|dib|npy|csv|tsv|txt|xlsx|json|parquet|h5|hdf5)\b"
)


@dataclass(frozen=True)
class Exclusion:
    """Subjects, or records of subjects, excluded for one reason.

    Attributes
    ----------
    reason
        Without names of subjects or files.
    n
        Number of subjects.
    """

    reason: str
    n: int


class SubjectError(DataError):
    """Subjects whose data cannot be used.

    Parameters
    ----------
    message
        As for `SurvembedError`; it may name the subjects.
    reason
        The same without names of subjects.
    n
        Number of subjects.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        n: int = 1,
        where: str | None = None,
        expected: str | None = None,
        try_: str | None = None,
    ) -> None:
        super().__init__(message, where=where, expected=expected, try_=try_)
        self.exclusion = Exclusion(without_file_names(reason), n)


def without_file_names(text: str) -> str:
    """`text` with each file name replaced, because a file name can identify a patient."""
    return FILE_NAME.sub("a file", text)


def count_exclusions(*parts: Iterable[Exclusion | DataError]) -> tuple[Exclusion, ...]:
    """Exclusions with equal reasons added up, most subjects first; any other `DataError` counts as one subject."""
    counts: Counter[str] = Counter()
    for each in (each for part in parts for each in part):
        if isinstance(each, DataError):
            each = each.exclusion if isinstance(each, SubjectError) else _anonymous(each)
        counts[each.reason] += each.n
    return tuple(Exclusion(reason, n) for reason, n in counts.most_common())


def _anonymous(error: DataError) -> Exclusion:
    return Exclusion(without_file_names(error.message), 1)
