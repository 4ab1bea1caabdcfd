"""Prepare a dataset as the workflow does, for tests."""

from __future__ import annotations

from pathlib import Path

from survembed.cohort.cohort import Cohort, is_prepared
from survembed.cohort.source import Source
from survembed.progress import QUIET, Reporter
from survembed.storage.files import digest


def prepared(source: Source, folder: Path, reporter: Reporter = QUIET) -> Cohort:
    """The cohort of `source`, written to `folder` and opened."""
    fingerprint = digest(source.fingerprint(reporter))
    path = folder / f"{fingerprint[:12]}.h5"
    source.prepare(path, fingerprint, reporter)
    assert is_prepared(path, fingerprint)
    return Cohort(path)
