"""How one covariate becomes numbers: a number is standardised, a text becomes indicators of its categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError, nearest
from survembed.survival.outcome import Float

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

    @property
    def description(self) -> str:
        """The encoding in words, for people."""
        missing = f"; a missing value takes the median {self.median:.4g} and an indicator" if self.has_missing else ""
        unit = f"one unit is {self.sd:.4g}, a standard deviation"
        return f"{self.name} (reference: the mean {self.mean:.4g}; {unit}{missing})"


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

    @property
    def description(self) -> str:
        """The encoding in words, for people."""
        others = ", ".join(self.levels[1:])
        missing = "; a missing value takes the reference and an indicator" if self.has_missing else ""
        return f"{self.name} (reference: {self.levels[0]}; an indicator each for {others}{missing})"


KINDS: dict[str, type[NumberColumn | CategoryColumn]] = {"number": NumberColumn, "category": CategoryColumn}
