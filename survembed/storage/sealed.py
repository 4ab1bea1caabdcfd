"""JSON files with a checksum of their content, and the formats of our files.

A file without a checksum, of an earlier version, is read without this check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from survembed.errors import DataError, SurvembedError
from survembed.storage.files import digest, read_json, write_json

CHECKSUM = "checksum"


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum, atomically."""
    as_read = json.loads(json.dumps(value, allow_nan=False))
    write_json(path, {**as_read, CHECKSUM: digest(as_read)})


def read_sealed(path: Path) -> dict[str, Any]:
    """The JSON object in a file, without its checksum.

    Raises
    ------
    DataError
        If the file is missing, is not a JSON object or differs from its checksum.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"{path.name} is damaged: not an object", where=str(path))
    checksum = value.pop(CHECKSUM, None)
    if checksum is not None and checksum != digest(value):
        raise DataError(
            f"{path.name} is damaged or was edited: it differs from its checksum",
            where=str(path),
            try_=f"restore it from a copy; to keep an edit of your own, delete its line '{CHECKSUM}'",
        )
    return value


def require_format(
    values: Mapping[str, Any], name: str, version: int, path: Path, error: type[SurvembedError] = DataError
) -> None:
    """Refuse a file of another format, or of a later version of it.

    Raises
    ------
    DataError
        Or another `error`.
    """
    found = values.get("format")
    if found != name:
        raise error(f"{path.name} is not of the format {name}", where=str(path), expected=f"{name} {version}")
    number = values.get("format_version")
    if number != version:
        raise error(
            f"{path.name} has the format version {number}, which this survembed cannot read",
            where=str(path),
            expected=f"{name} {version}",
            try_="pip install --upgrade survembed",
        )
