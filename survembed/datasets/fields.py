"""Types of options that hold several numbers: written `64` or `96,96,48` on the command line, tuples in Python."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int | float) else value


def _three(value: Any) -> Any:
    numbers = _numbers(value)
    return list(numbers) * 3 if isinstance(numbers, list | tuple) and len(numbers) == 1 else numbers


def _rising(window: tuple[float, float]) -> tuple[float, float]:
    if not window[0] < window[1]:
        raise ValueError("the lower end comes first")
    return window


def _texts(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_Edge = Annotated[float, Field(gt=0, le=2000, allow_inf_nan=False)]
_Voxels = Annotated[int, Field(ge=8, le=512)]

Labels = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_numbers)]
"""Label values of a mask."""
Names = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""Names, separated by commas."""
Edges = Annotated[tuple[_Edge, _Edge, _Edge], BeforeValidator(_three)]
"""Edge lengths in mm along right, anterior, superior; one number for a cube."""
Voxels = Annotated[tuple[_Voxels, _Voxels, _Voxels], BeforeValidator(_three)]
"""Numbers of voxels along right, anterior, superior; one number for a cube."""
Window = Annotated[tuple[float, float], BeforeValidator(_numbers), AfterValidator(_rising)]
"""Lower and upper end of a range."""
