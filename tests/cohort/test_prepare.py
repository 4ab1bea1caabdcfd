"""Prepare: once, and then found again by what it was made from."""

from __future__ import annotations

import json

import pytest

from survembed.cohort.prepare import cohort_path, prepare
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage import locks
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


def test_two_that_prepare_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One works; the other says for whom it waits, here until that one is silent for long."""
    monkeypatch.setattr(locks, "SILENT_AFTER", 1.0)
    with prepare(Planted(n=25), "planted") as cohort:
        path = cohort.path
    path.unlink()
    path.with_suffix(".lock").write_text(json.dumps({"host": "elsewhere", "process": 77, "token": "theirs"}))
    words: list[str] = []

    class Words(Reporter):
        def say(self, text: str) -> None:
            words.append(text)

    with prepare(Planted(n=25), "planted", reporter=Words()) as cohort:
        assert len(cohort) == 25
    assert words == ["waiting: another process prepares the cohort of planted: process 77 on elsewhere"]
    assert (path.parent.stat().st_mode & 0o777, cache_folder().stat().st_mode & 0o777) == (0o700, 0o700)
