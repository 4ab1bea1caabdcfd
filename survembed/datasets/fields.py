"""Types of options with several values: `64` or `96,96,48` on the command line, tuples in Python."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int | float) else value


def _split_labels(value: Any) -> Any:
    is_none = isinstance(value, str) and value.strip().lower() == "none"
    return [] if is_none else _split(value)


def _split_or_repeat(value: Any) -> Any:
    numbers = _split(value)
    return list(numbers) * 3 if isinstance(numbers, list | tuple) and len(numbers) == 1 else numbers


def _require_increasing(window: tuple[float, float]) -> tuple[float, float]:
    if not window[0] < window[1]:
        raise ValueError("the lower end comes first")
    return window


def _split_or_double(value: Any) -> Any:
    numbers = _split(value)
    return list(numbers) * 2 if isinstance(numbers, list | tuple) and len(numbers) == 1 else numbers


def _split_causes(value: Any) -> Any:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        return value
    return [(code.strip(), name.strip()) for code, _, name in (part.partition("=") for part in parts)]


def _check_causes(causes: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    codes, names = [code for code, _ in causes], [name for _, name in causes]
    if not all([*codes, *names]) or len(set(codes)) < len(codes) or len(set(names)) < len(names) or len(causes) == 1:
        raise ValueError("two or more different codes with different names, such as 1=recurrence,2=death")
    return causes


_Edge = Annotated[float, Field(gt=0, le=2000, allow_inf_nan=False)]
_Voxels = Annotated[int, Field(ge=8, le=512)]
_Side = Annotated[int, Field(ge=8, le=2048)]

Labels = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split_labels)]
"""Label values of a mask, separated by commas; `none` for no label."""
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Names, separated by commas."""
Causes = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_split_causes), AfterValidator(_check_causes)]
"""Codes of competing causes and their names: 1=recurrence,2=death."""
Edges = Annotated[tuple[_Edge, _Edge, _Edge], BeforeValidator(_split_or_repeat)]
"""Edge lengths in mm along right, anterior, superior; one number for a cube."""
Voxels = Annotated[tuple[_Voxels, _Voxels, _Voxels], BeforeValidator(_split_or_repeat)]
"""Numbers of voxels along right, anterior, superior; one number for a cube."""
Pixels = Annotated[tuple[_Side, _Side], BeforeValidator(_split_or_double)]
"""Height and width in pixels; one number for a square."""
Window = Annotated[tuple[float, float], BeforeValidator(_split), AfterValidator(_require_increasing)]
"""Lower and upper end of a range, separated by a comma."""
