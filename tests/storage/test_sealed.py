"""Checksums and formats of JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from survembed.errors import DataError, RunError
from survembed.storage.files import write_json
from survembed.storage.sealed import read_sealed, require_format, write_sealed

VALUE = {"b": [1, 2.5, 1e-300], "a": {"ä": None}}


def test_round_trip_edit_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_sealed(path, VALUE)
    assert read_sealed(path) == VALUE
    path.write_text(path.read_text().replace("2.5", "3.5"))
    with pytest.raises(DataError, match="differs from its checksum") as caught:
        read_sealed(path)
    assert "delete its line 'checksum'" in str(caught.value.try_)
    edited = json.loads(path.read_text())
    del edited["checksum"]
    path.write_text(json.dumps(edited))
    assert read_sealed(path)["b"] == [1, 3.5, 1e-300]


def test_keys_that_json_changes(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", {"by_number": {2: "two", 10: "ten"}, "pair": (1, 2)})
    assert read_sealed(tmp_path / "a.json") == {"by_number": {"2": "two", "10": "ten"}, "pair": [1, 2]}


@pytest.mark.parametrize("value", [[], 7, None, "words"])
def test_what_is_no_object_is_damaged(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "a.json", value)
    with pytest.raises(DataError, match="damaged"):
        read_sealed(tmp_path / "a.json")


def test_formats(tmp_path: Path) -> None:
    require_format({"format": "ours", "format_version": 1}, "ours", 1, tmp_path)
    with pytest.raises(DataError, match="is not of the format ours"):
        require_format({}, "ours", 1, tmp_path)
    with pytest.raises(RunError, match="has the format version 99") as caught:
        require_format({"format": "ours", "format_version": 99}, "ours", 1, tmp_path, RunError)
    assert "pip install --upgrade survembed" in str(caught.value.try_)
