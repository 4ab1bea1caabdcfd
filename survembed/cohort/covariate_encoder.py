"""Clinical covariates as numbers x: standardised, one-hot and completed by the training part alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.covariate_columns import FLAG, KINDS, CategoryColumn, NumberColumn
from survembed.errors import DataError, UsageError, nearest
from survembed.storage.result import plain
from survembed.survival.outcome import Float
from survembed.survival.scaler import LatentScaler


@dataclass(frozen=True)
class CovariateEncoder:
    """Encodes covariates as x (n, P). The reference subject, mean numbers and most frequent categories, has x = 0.

    Attributes
    ----------
    columns
        One for each covariate, in order.
    left_out
        Reason by encoded column that is constant or a linear combination of earlier ones in the training part.
    """

    columns: tuple[NumberColumn | CategoryColumn, ...]
    left_out: Mapping[str, str]

    @classmethod
    def fit(cls, covariates: Mapping[str, NDArray[Any]], names: Sequence[str], train: NDArray[np.int64]) -> Self:
        """Learn the encoding from the subjects at positions `train` alone.

        Parameters
        ----------
        covariates
            Of all subjects, as in `Subjects`.
        names
            Covariates to encode; those that do not vary in the training part give no column.
        """
        columns = tuple(
            (CategoryColumn if covariates[name].dtype.kind in "OUS" else NumberColumn).fit(
                name, covariates[name][train]
            )
            for name in names
        )
        every = cls(columns, {})
        scaler = LatentScaler().fit(every.encode({name: covariates[name][train] for name in names}))
        return cls(columns, {every.names[index]: reason for index, reason in scaler.dropped_.items()})

    @property
    def names(self) -> list[str]:
        """Names (P,) of the encoded columns: `age`, `age missing`, `stage=III`."""
        return [name for column in self.columns for name in column.names if name not in self.left_out]

    def encode(self, covariates: Mapping[str, NDArray[Any]]) -> Float:
        """x (n, P) float64 of subjects with these covariates; missing and unseen values as the columns say.

        Raises
        ------
        DataError
            When a covariate is absent, or holds text where the training part held numbers, or the reverse.
        """
        encoded = []
        for column in self.columns:
            values = self._of(column, covariates)
            pairs = zip(column.names, column.encode(values), strict=True)
            encoded += [x for name, x in pairs if name not in self.left_out]
        return np.stack(encoded, axis=1)

    def _of(self, column: NumberColumn | CategoryColumn, covariates: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        if column.name not in covariates:
            close = nearest(column.name, covariates)
            raise DataError(
                f"covariate '{column.name}' of the model is missing",
                where="covariates",
                expected=f"the columns {', '.join(each.name for each in self.columns)}",
                try_=f"rename the column '{close}' to '{column.name}'" if close else None,
            )
        values = covariates[column.name]
        if (values.dtype.kind in "OUS") != (column.kind == "category"):
            wanted, got = ("numbers", "text") if column.kind == "number" else ("text", "numbers")
            raise DataError(
                f"covariate '{column.name}' holds {got}, where training had {wanted}",
                where="covariates",
                expected=f"{wanted}, coded as in the training data",
            )
        return values

    def notes(self, covariates: Mapping[str, NDArray[Any]]) -> list[str]:
        """Sentences on values that the training part lacks."""
        found = (column.unseen(self._of(column, covariates)) for column in self.columns)
        return [note for note in found if note]

    def parse(self, assignments: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Covariates (1,) of one subject from `name=value` texts; the others are those of the reference subject.

        Raises
        ------
        UsageError
            When a text has another form, names no covariate or one twice, or the value cannot be one.
        """
        by_name = {column.name: column for column in self.columns}
        values: dict[str, Any] = {}
        for text in assignments:
            name, equals, value = text.partition("=")
            if not equals or name not in by_name or name in values:
                close = nearest(name, by_name)
                raise UsageError(
                    f"covariate '{name}' is given twice" if name in values else f"no covariate '{name}' in the model",
                    where=f"{FLAG} {text}",
                    expected=f"NAME=VALUE with one of {', '.join(by_name)}",
                    try_=f"{FLAG} '{close}={value or by_name[close].reference}'" if close else None,
                )
            values[name] = by_name[name].parse(value.strip())
        return {name: np.array([values.get(name, column.reference)]) for name, column in by_name.items()}

    def describe(self, covariates: Mapping[str, NDArray[Any]], row: int = 0) -> str:
        """The covariates of one subject as text: `age 63, stage II`."""
        texts = []
        for column in self.columns:
            value = covariates[column.name][row]
            is_known = value != "" if column.kind == "category" else bool(np.isfinite(value))
            shown = value if column.kind == "category" else f"{float(value):.4g}"
            texts.append(f"{column.name} {shown if is_known else 'missing'}")
        return ", ".join(texts)

    def decode(self, x: Float) -> dict[str, NDArray[Any]]:
        """Covariates (n,) of x (n, P), as of subjects of the training data; NaN or "" where missing."""
        at = dict(zip(self.names, x.T, strict=True))
        values: dict[str, NDArray[Any]] = {}
        for column in self.columns:
            missing = at.get(f"{column.name} missing", np.zeros(len(x))) > 0.5
            if isinstance(column, NumberColumn):
                numbers = column.mean + column.sd * at.get(column.name, np.zeros(len(x)))
                values[column.name] = np.where(missing, np.nan, numbers)
            else:
                indicators = [at.get(name, np.zeros(len(x))) for name in column.names[: len(column.levels) - 1]]
                chosen = np.array([np.zeros(len(x)), *indicators]).argmax(axis=0)
                values[column.name] = np.where(missing, "", np.array(column.levels)[chosen])
        return values

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record of a run."""
        columns = [{"kind": column.kind, **asdict(column)} for column in self.columns]
        return {"columns": plain(columns), "left_out": dict(self.left_out), "encoded": self.names}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`, also after a round trip through JSON."""
        columns: list[NumberColumn | CategoryColumn] = []
        for fields in values["columns"]:
            options: dict[str, Any] = {**fields}
            kind = KINDS[str(options.pop("kind"))]
            columns.append(kind(**options | ({"levels": tuple(options["levels"])} if "levels" in options else {})))
        return cls(tuple(columns), dict(values["left_out"]))
