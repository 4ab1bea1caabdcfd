"""Base of result objects: plain values for JSON, and a file of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from survembed.storage.files import write_json


@dataclass(frozen=True)
class Result:
    """A result that becomes JSON field by field.

    A field with ``metadata={"json": False}`` (images, models) is left out; ``metadata={"json": "name"}`` renames it.

    Attributes
    ----------
    format, format_version
        Name and version of the file format; both are left out where `format` is empty.
    """

    format: ClassVar[str] = ""
    format_version: ClassVar[int] = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the fields; NaN and infinity become None."""
        head = {"format": self.format, "format_version": self.format_version} if self.format else {}
        return {**head, **_fields(self)}

    def save(self, path: Path, **more: Any) -> Path:
        """Write `to_dict`, and `more` after it, as JSON."""
        write_json(path, {**self.to_dict(), **plain(more)})
        return path


def plain(value: Any) -> Any:
    """`value` as dictionaries, lists, strings, numbers and None, for JSON.

    Arrays become nested lists, objects with a `to_dict` its result, other dataclasses and named tuples dictionaries;
    numbers that are not finite become None.
    """
    if isinstance(value, Result):
        return value.to_dict()
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _fields(value: Any) -> dict[str, Any]:
    named = ((each.metadata.get("json", True), each.name) for each in fields(value))
    return {name if shown is True else shown: plain(getattr(value, name)) for shown, name in named if shown}
