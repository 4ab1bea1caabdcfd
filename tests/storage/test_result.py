"""Result objects become plain values, and files of them can be read by any JSON reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.storage.result import Result, plain


class Interval(NamedTuple):
    low: float
    high: float


@dataclass(frozen=True)
class Part(Result):
    value: float
    interval: Interval


@dataclass(frozen=True)
class Whole(Result):
    format: ClassVar[str] = "survembed-test"
    format_version: ClassVar[int] = 3

    parts: dict[str, Part]
    times: np.ndarray
    picture: np.ndarray = field(metadata={"json": False})
    reference: str = field(default="a", metadata={"json": "compared_with"})


WHOLE = Whole({"a": Part(float("nan"), Interval(1.0, float("inf")))}, np.array([[1.0, np.nan]]), np.zeros((9, 9)))


def test_fields_become_plain_values() -> None:
    assert WHOLE.to_dict() == {
        "format": "survembed-test",
        "format_version": 3,
        "parts": {"a": {"value": None, "interval": {"low": 1.0, "high": None}}},
        "times": [[1.0, None]],
        "compared_with": "a",
    }


def test_a_file_is_strict_json(tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    path = WHOLE.save(tmp_path / "whole.json", command="x", missing=float("nan"))
    read = json.loads(path.read_text(), parse_constant=refuse)
    assert read == {**WHOLE.to_dict(), "command": "x", "missing": None}


leaves = st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none())


@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_nesting_is_strict_json(value: object) -> None:
    json.dumps(plain(value), allow_nan=False)


@pytest.mark.parametrize("make", [np.float32, np.float64, np.int64, np.bool_])
def test_scalars_of_numpy(make: Callable[[int], object]) -> None:
    assert plain(make(1)) == 1
    assert type(plain(make(1))).__module__ == "builtins"
