"""`map_in_threads`: ordered results, a bounded number of items in progress, and no new items after an error."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier

import pytest

from survembed.storage import cores
from survembed.storage.cores import map_in_threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 2)


def test_a_few_are_under_way_whatever_their_number() -> None:
    """Memory is that of four cases: what is yielded is let go, and what is not yet wanted is not begun."""
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    for done, result in enumerate(map_in_threads(lambda item: -item, items())):
        assert result == -done
        assert len(taken) - done <= 4
    assert len(taken) == 100


def test_two_are_worked_on_at_once() -> None:
    met = Barrier(2, timeout=10)
    assert len(list(map_in_threads(lambda _: met.wait(), range(8)))) == 8


def test_an_error_drops_what_has_not_begun() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        return 1 // (3 - item)

    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(work, range(100)))
    assert len(begun) <= 8
