"""Descriptions of columns that come with a table: lines with #, a sheet of the workbook, or a JSON file beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from survembed.datasets.tabular.candidates import PLURALS
from survembed.datasets.tabular.time_unit import UNIT_OF_WORD, unit_in
from survembed.datasets.tabular.words import words
from survembed.errors import DataError
from survembed.storage.files import read_json

_EXPLICIT = re.compile(r"\b(?:in|en|em|units?:?)\s+([^\W\d_]+)|[(\[]\s*([^\W\d_]+)\.?\s*[)\]]", re.IGNORECASE)
"""`in months`, `(months)`."""


class Description(NamedTuple):
    """What a data dictionary says about a column: its texts, and where they are."""

    source: str
    texts: tuple[str, ...]

    @property
    def unit(self) -> str | None:
        """Unit of time in the texts; `unclear` if they have two, None if they have none."""
        units = {unit for text in self.texts if (unit := _unit(text)) is not None}
        return None if not units else units.pop() if len(units) == 1 else "unclear"


def _unit(text: str) -> str | None:
    """Unit in a text: one or two words; else a word after `in` or in brackets, or a plural: `months`, not `5 years`."""
    found = words(re.sub(r"\d+[\s-]*[^\W\d_]*", " ", text))
    if len(found) > 2:
        explicit = [word for pair in _EXPLICIT.findall(text) for word in words(" ".join(pair)) if word in UNIT_OF_WORD]
        found = tuple(explicit) or tuple(word for word in found if word in PLURALS)
    return unit_in(" ".join(found))


def in_comments(comments: Iterable[Sequence[str]], names: Sequence[str]) -> dict[str, Description]:
    """Descriptions in lines that begin with # and have a field for each column, as cBioPortal writes them."""
    rows = [row for row in comments if len(row) == len(names) > 1]
    return {
        name: Description("the lines with #", tuple(row[number].strip('#" ') for row in rows))
        for number, name in enumerate(names)
        if rows
    }


def in_sheet(rows: Iterable[Sequence[object]], names: Collection[str], title: str) -> dict[str, Description]:
    """Descriptions in a sheet with a row for each column of the table: its name in one cell, the others describe it.

    A sheet with fewer than half of the names (or fewer than two) in one of its columns is no dictionary: none is found.
    """
    cells = [["" if cell is None else str(cell).strip() for cell in row] for row in rows]
    wanted, width = {name.casefold(): name for name in names}, max(map(len, cells), default=0)
    for column in range(width):
        found = {wanted[key]: row for row in cells if (key := "".join(row[column : column + 1]).casefold()) in wanted}
        if len(found) >= max(2, len(wanted) / 2):
            return {
                name: Description(f"sheet '{title}'", tuple(text for at, text in enumerate(row) if at != column))
                for name, row in found.items()
            }
    return {}


def sidecar(path: Path) -> Path | None:
    """The JSON file beside a table that has its name, as in BIDS: `participants.json`; None if there is none."""
    beside = path.with_suffix(".json")
    return beside if beside != path and beside.is_file() else None


def in_sidecar(path: Path) -> tuple[dict[str, Description], list[str]]:
    """Descriptions in the JSON file beside a table, and a note if it cannot be read."""
    beside = sidecar(path)
    if beside is None:
        return {}, []
    try:
        content = read_json(beside)
    except DataError as error:
        return {}, [f"The descriptions of the columns are not read: {error.message}."]
    found = {}
    for name, entry in content.items() if isinstance(content, Mapping) else ():
        texts = [entry.get(key) for key in ("Units", "LongName", "Description")] if isinstance(entry, dict) else [entry]
        found[name] = Description(beside.name, tuple(text for text in texts if isinstance(text, str)))
    return found, []
