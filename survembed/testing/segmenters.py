"""Checks of a segmenter that need neither its program nor its trained model."""

from __future__ import annotations

from typing import Any

from survembed.errors import SurvembedError
from survembed.testing.case import Check, ComponentUnderTest, no_trace, require


def interface(case: ComponentUnderTest) -> None:
    """It has an orientation and lists files that run as code; a missing file raises a `SurvembedError`."""
    with no_trace("building"):
        segmenter: Any = case.make().build()
    require(callable(getattr(segmenter, "segment", None)), f"{type(segmenter).__name__} has no segment()")
    axes = sorted(str(segmenter.orientation).upper())
    pairs = [set("RL"), set("AP"), set("SI")]
    right = len(axes) == 3 and all(len(pair & set(axes)) == 1 for pair in pairs)
    require(right, f"orientation is '{segmenter.orientation}', not one such as RAS or LPS")
    try:
        code = segmenter.code()
    except SurvembedError:
        return  # its model is not there, and it says so
    require(isinstance(code, tuple), f"code() gives {type(code).__name__}, not a tuple of paths")


CHECKS: tuple[Check, ...] = (interface,)
