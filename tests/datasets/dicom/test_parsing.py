"""Errors of the DICOM libraries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from survembed.datasets.volume.layouts import find_cases
from survembed.errors import PluginError
from tests.datasets.dicoms import write_study


def test_without_pydicom_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path, ("P1",))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(PluginError) as refused:
        find_cases(tmp_path)
    assert refused.value.try_ == "pip install 'survembed[dicom]'"
