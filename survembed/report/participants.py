"""Flow of exclusions into a cohort; no subject is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from survembed.cohort.exclusions import Exclusion, without_file_names

EXCLUSION_NOTE = re.compile(r"left out: |Line\b|Line\(s\)|\d+ (row|of \d+ subjects)")


@dataclass(frozen=True)
class Flow:
    """Numbers of records from source to cohort.

    Attributes
    ----------
    found
        Number of records: subjects in the cohort and excluded ones.
    left_out
        Reasons of exclusion with their number of records, as far as the preparation noted them.
    remarks
        Other notes: warnings about included subjects, ignored columns, generation of the data.
    """

    found: int
    left_out: tuple[tuple[str, int], ...]
    remarks: tuple[str, ...]


def flow(notes: Sequence[str], exclusions: Sequence[Exclusion], ids: Sequence[str], n: int) -> Flow:
    """The flow of exclusions into a cohort of `n` subjects; notes become remarks without names of subjects or files.

    Notes that record excluded subjects are dropped, because they name them and repeat `exclusions`; so are notes on
    lines of a table, because they quote titles and footnotes.
    """
    remarks: Counter[str] = Counter()
    included = {str(each) for each in ids}
    for note in notes:
        subject, _, rest = note.partition(": ")
        if subject in included:
            remarks[without_file_names(rest).strip(" .…")] += 1
        elif not EXCLUSION_NOTE.match(note):
            remarks[without_file_names(note)] += 1
    texts = tuple(f"{text} ({count} subjects)" if count > 1 else text for text, count in remarks.items())
    left_out = tuple((exclusion.reason, exclusion.n) for exclusion in exclusions)
    return Flow(n + sum(exclusion.n for exclusion in exclusions), left_out, texts)
