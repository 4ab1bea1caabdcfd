"""Horizons: the times at which predictions are scored, chosen by a user or from the follow-up."""

from __future__ import annotations

from collections.abc import Sequence

from survembed.errors import UsageError
from survembed.survival.outcome import Float

PER_YEAR = {"days": (365.0, 365.25), "weeks": (52.0, 52.18), "months": (12.0,)}
"""Durations of a year by unit, as people write them."""
TOLERANCE = 1e-3


def horizons(times: Float, wanted: Sequence[float] = ()) -> list[float]:
    """Those in `wanted`, or else the quarters of the grid (T,); none on an empty grid.

    They are the times of AUC, and the middle one that of calibration.
    """
    if wanted:
        return sorted(set(map(float, wanted)))
    return [float(times[len(times) * quarter // 4]) for quarter in (1, 2, 3)] if len(times) else []


def middle(values: Sequence[float]) -> float:
    """The middle one of some horizons, the later of two."""
    return values[len(values) // 2]


def parse_horizons(text: str, where: str = "--horizons") -> tuple[float, ...]:
    """Horizons in a list such as `365,1095,1825`.

    Raises
    ------
    UsageError
        When one is not a positive number.
    """
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (0.0,)
    if not all(0 < value < float("inf") for value in values):
        raise UsageError(
            f"'{text}' is no list of horizons",
            where=where,
            expected="positive numbers in the unit of the durations",
            try_="--horizons 365,1095,1825",
        )
    return values


def require_within(wanted: Sequence[float], ends: dict[str, float], unit: str) -> None:
    """Refuse horizons after the end of a follow-up; `ends` gives each with the name of its subjects.

    Raises
    ------
    UsageError
        With the first that is too late.
    """
    for horizon in wanted:
        for subjects, end in ends.items():
            if horizon > end:
                raise UsageError(
                    f"nothing is known at {horizon:g} {unit}: the follow-up of {subjects} ends at {end:g}",
                    where=f"--horizons {horizon:g}",
                    expected=f"horizons up to {min(ends.values()):g} {unit}",
                )


def horizon_text(horizon: float, unit: str) -> str:
    """`1 year` or `5 years` where the unit allows it, else such as `412 days`."""
    for year in PER_YEAR.get(unit, ()):
        count = horizon / year
        if round(count) >= 1 and abs(count - round(count)) < TOLERANCE:
            return f"{round(count)} year{'s' if round(count) > 1 else ''}"
    if unit == "years":
        return f"{horizon:.4g} year{'' if horizon == 1 else 's'}"
    return f"{horizon:.4g} {unit}"
