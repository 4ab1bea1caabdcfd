"""A table as read from a file, before its columns are converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from survembed.datasets.tabular.descriptions import Description


@dataclass(frozen=True)
class Table:
    """Rows and columns of a file, and how its cells are written.

    Attributes
    ----------
    frame
        One row per subject. Text is `str`; typed cells of XLSX, Parquet and JSON keep their type, because a typed 1.234
        is never ambiguous and a text `1.234` can be.
    where
        The file, for error messages.
    notes
        Sentences on what was decided while the file was read.
    decimal
        Decimal mark of text cells, `.` or `,`; None to decide by each column.
    missing
        Contents of cells without a value, besides the usual ones.
    descriptions
        What a data dictionary says about columns, by name.
    """

    frame: pd.DataFrame
    where: str
    notes: tuple[str, ...] = ()
    decimal: str | None = None
    missing: Iterable[str] = field(default=())
    descriptions: Mapping[str, Description] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A converted column.

    Attributes
    ----------
    values
        (n,) float64, NaN where missing; or (n,) strings, "" where missing.
    notes
        Sentences on what was decided.
    """

    values: NDArray[Any]
    notes: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the values are strings."""
        return bool(np.asarray(self.values).dtype.kind == "U")
