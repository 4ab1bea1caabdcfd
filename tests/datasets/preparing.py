"""Prepare a dataset in tests, like the workflow does."""

from __future__ import annotations

from pathlib import Path

from survembed.cohort.cohort import Cohort, is_prepared
from survembed.cohort.source import Source
from survembed.datasets import Liver
from survembed.progress import QUIET, Reporter
from survembed.storage.files import digest


def prepared(source: Source, folder: Path, reporter: Reporter = QUIET) -> Cohort:
    """The cohort of `source`, written to `folder` and opened."""
    fingerprint = digest(source.fingerprint(reporter))
    path = folder / f"{fingerprint[:12]}.h5"
    source.prepare(path, fingerprint, reporter)
    assert is_prepared(path, fingerprint)
    return Cohort(path)


SMALL = {"size": 16, "fov_mm": 150}


class RecordingReporter(Reporter):
    """Records messages and warnings."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


def liver(root: Path, **options: object) -> Liver:
    return Liver.model_validate({"root": root, **SMALL, **options})


def key(options: Liver) -> str:
    return digest(options.build().fingerprint(QUIET))
