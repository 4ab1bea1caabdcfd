"""Names of the labels of a label map: from `dataset.json` of nnU-Net or the Decathlon, or a known release."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survembed.datasets.scan.case import Case
from survembed.errors import DataError
from survembed.storage.files import read_json

EXPECTED = '{"background": 0, "liver": 1, "tumor": 2}, with lists for regions; or {"0": "background", "1": "liver"}'
KITS = {"kidney": 1, "tumor": 2, "cyst": 3}
"""Labels of the KiTS releases, which have no dataset.json."""
KITS_CASE, KITS_COLUMN = r"case_\d{5}", b"isup_grade"


@dataclass(frozen=True)
class LabelNames:
    """Names of labels.

    Attributes
    ----------
    source
        Where they come from, for messages.
    path
        The file; None for a known release.
    values
        Labels above 0 by name; several for a region of nnU-Net, which contains the labels of its parts.
    """

    source: str
    path: Path | None
    values: Mapping[str, tuple[int, ...]]

    def of(self, label: int) -> str | None:
        """The name of one label, rather than that of a region; None if it has none."""
        names = sorted((len(values), name) for name, values in self.values.items() if label in values)
        return names[0][1] if names else None


def find_label_names(root: Path, cases: Sequence[Case], preset: str | None = None) -> LabelNames | None:
    """Names of the labels of a study; None if nothing names them.

    Raises
    ------
    DataError
        If `labels` of dataset.json are not in a form of nnU-Net or the Decathlon.
    """
    names = _read_names(root / "dataset.json")
    if names is None and (preset == "kits23" or _is_kits(root, cases)):
        return LabelNames("the KiTS release", None, {name: (label,) for name, label in KITS.items()})
    return names


def names_beside(mask: Path) -> LabelNames | None:
    """Names from a dataset.json in the folder of a label map, or the one above."""
    return _read_names(mask.parent / "dataset.json") or _read_names(mask.parent.parent / "dataset.json")


def _is_kits(root: Path, cases: Sequence[Case]) -> bool:
    """Whether the cases have the names of KiTS, and the folder has its clinical table."""
    if not cases or not all(re.fullmatch(KITS_CASE, case.id) for case in cases):
        return False
    tables = [path for pattern in ("*.csv", "kits*.json") for path in root.glob(pattern)]
    return any(KITS_COLUMN in path.read_bytes() for path in tables)


def _read_names(path: Path) -> LabelNames | None:
    content = read_json(path) if path.is_file() else None
    labels = content.get("labels") if isinstance(content, dict) else None
    if labels is None:
        return None
    try:
        values = dict(_entries(labels))
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(
            "the labels of dataset.json are not understood", where=str(path), expected=EXPECTED, try_="correct the file"
        ) from error
    return LabelNames(path.name, path, values) if values else None


def _entries(labels: Mapping[Any, Any]) -> list[tuple[str, tuple[int, ...]]]:
    """Pairs of name and labels above 0. A name that appears for several labels has all of them."""
    values: dict[str, set[int]] = {}
    for key, value in labels.items():
        is_first_version = isinstance(value, str) and not value.strip().isdecimal()
        name, numbers = (value, key) if is_first_version else (key, value)
        values.setdefault(str(name), set()).update(map(_label, numbers if isinstance(numbers, list) else [numbers]))
    return [(name, tuple(sorted(numbers - {0}))) for name, numbers in values.items() if numbers - {0}]


def _label(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value) or int(value) < 0:
        raise ValueError(f"{value!r} is not a label")
    return int(value)
