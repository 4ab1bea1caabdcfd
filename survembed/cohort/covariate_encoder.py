"""Clinical covariates as numbers x: standardised, one-hot and completed by the training part alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError, UsageError, nearest
from survembed.storage.result import plain
from survembed.survival.outcome import Float
from survembed.survival.scaler import LatentScaler

FLAG = "--covariate"


@dataclass(frozen=True)
class NumberColumn:
    """Encoding of a numeric covariate: (value − mean) / sd, and 1 in `NAME missing` where it is missing.

    Attributes
    ----------
    name
        Of the covariate.
    mean, sd, median, low, high
        Of the known values in the training part; the median replaces missing ones.
    has_missing
        Whether values are missing in the training part, so that there is an indicator.
    """

    kind: ClassVar[str] = "number"

    name: str
    mean: float
    sd: float
    median: float
    low: float
    high: float
    has_missing: bool

    @classmethod
    def fit(cls, name: str, values: NDArray[Any]) -> Self:
        """From the values (n,) of the training part; NaN where missing."""
        known = values[np.isfinite(values)].astype(np.float64)
        sd = float(known.std()) if len(known) else 0.0
        numbers = [float(of(known)) if len(known) else 0.0 for of in (np.mean, np.median, np.min, np.max)]
        mean, median, low, high = numbers
        return cls(name, mean, sd or 1.0, median, low, high, len(known) < len(values))

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns."""
        return [self.name, *([f"{self.name} missing"] if self.has_missing else [])]

    def encode(self, values: NDArray[Any]) -> list[Float]:
        """The encoded columns, each (n,)."""
        is_known = np.isfinite(values.astype(np.float64))
        columns = [(np.where(is_known, values, self.median).astype(np.float64) - self.mean) / self.sd]
        return [*columns, *([(~is_known).astype(np.float64)] if self.has_missing else [])]

    def parse(self, text: str) -> float:
        """A typed number.

        Raises
        ------
        UsageError
            When it is no finite number.
        """
        try:
            value = float(text)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise UsageError(
                f"covariate '{self.name}' is a number, not '{text}'",
                where=f"{FLAG} {self.name}={text}",
                expected=f"a number; from {self.low:g} to {self.high:g} in the training part",
                try_=f"{FLAG} {self.name}={self.median:g}",
            )
        return value

    def unseen(self, values: NDArray[Any]) -> str | None:
        """Sentence on values (n,) outside the range of the training part; None if there are none."""
        outside = (values < self.low) | (values > self.high)
        if not outside.any():
            return None
        return (
            f"{int(outside.sum())} subject(s) have a value of '{self.name}' outside {self.low:g} to {self.high:g}, "
            "the range of the training part: the model extrapolates"
        )

    @property
    def reference(self) -> float:
        """Value of the reference subject."""
        return self.mean


@dataclass(frozen=True)
class CategoryColumn:
    """Encoding of a text covariate: one indicator for each category but the most frequent one.

    Attributes
    ----------
    name
        Of the covariate.
    levels
        Categories of the training part, the most frequent first: it is the reference, and replaces missing categories
        and those that the training part lacks.
    has_missing
        As for `NumberColumn`.
    """

    kind: ClassVar[str] = "category"

    name: str
    levels: tuple[str, ...]
    has_missing: bool

    @classmethod
    def fit(cls, name: str, values: NDArray[Any]) -> Self:
        """From the strings (n,) of the training part; "" where missing."""
        words, counts = np.unique(values[values != ""].astype(np.str_), return_counts=True)
        return cls(name, tuple(words[np.argsort(-counts, kind="stable")].tolist()), bool((values == "").any()))

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns."""
        return [
            *(f"{self.name}={level}" for level in self.levels[1:]),
            *([f"{self.name} missing"] if self.has_missing else []),
        ]

    def encode(self, values: NDArray[Any]) -> list[Float]:
        """The encoded columns, each (n,)."""
        columns = [(values == level).astype(np.float64) for level in self.levels[1:]]
        return [*columns, *([(~np.isin(values, self.levels)).astype(np.float64)] if self.has_missing else [])]

    def parse(self, text: str) -> str:
        """A typed category.

        Raises
        ------
        UsageError
            When the training part lacks it.
        """
        if text in self.levels:
            return text
        close = nearest(text, self.levels) or self.levels[0]
        raise UsageError(
            f"training never saw '{text}' in covariate '{self.name}'",
            where=f"{FLAG} {self.name}={text}",
            expected=f"one of {', '.join(self.levels)}",
            try_=f"{FLAG} '{self.name}={close}'",
        )

    def unseen(self, values: NDArray[Any]) -> str | None:
        """Sentence on categories (n,) that the training part lacks; None if there are none."""
        foreign = ~np.isin(values, [*self.levels, ""])
        if not foreign.any():
            return None
        names = ", ".join(f"'{level}'" for level in np.unique(values[foreign])[:5])
        taken = "missing" if self.has_missing else f"the reference '{self.levels[0]}'"
        return (
            f"{int(foreign.sum())} subject(s) have {names} in '{self.name}', which training never saw: taken as {taken}"
        )

    @property
    def reference(self) -> str:
        """Value of the reference subject."""
        return self.levels[0]


KINDS: dict[str, type[NumberColumn | CategoryColumn]] = {"number": NumberColumn, "category": CategoryColumn}


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
