"""Prepare: once, and then found again by what it was made from."""

from __future__ import annotations

import pytest

from survembed.cohort.prepare import cohort_path, prepare
from survembed.errors import DataError
from survembed.storage.files import cache_folder
from tests.planted import Planted, PlantedSource


def test_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = PlantedSource.prepare

    def counted(self: PlantedSource, *arguments: object) -> None:
        made.append(self.options)
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(PlantedSource, "prepare", counted)
    with prepare(Planted(n=21), "planted") as first, prepare(Planted(n=21), "planted") as again:
        assert first.path == again.path
        assert len(again) == 21
    with prepare(Planted(n=22), "planted") as other:
        assert other.path != first.path
        assert other.fingerprint != first.fingerprint
    assert [options.n for options in made] == [21, 22]


def test_it_stands_in_the_cache_under_a_name_that_any_system_takes() -> None:
    path = cohort_path("package:name", "0123456789abcdef0123")
    assert path == cache_folder() / "cohorts" / "package-name-0123456789abcdef.h5"


def test_what_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set((cache_folder() / "cohorts").glob("*"))
    monkeypatch.setattr("tests.planted.planted", lambda *a, **k: (_ for _ in ()).throw(DataError("torn")))
    with pytest.raises(DataError, match="torn"):
        prepare(Planted(n=23), "planted")
    assert set((cache_folder() / "cohorts").glob("*")) == before


def test_a_damaged_cohort_is_refused() -> None:
    with prepare(Planted(n=24), "planted") as cohort:
        path = cohort.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="differs from its manifest"):
        prepare(Planted(n=24), "planted")
