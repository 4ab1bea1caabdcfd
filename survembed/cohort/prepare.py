"""Prepare the cohort of a dataset once, and find it again by its fingerprint."""

from __future__ import annotations

import shutil
from pathlib import Path

from survembed.cohort.cohort import Cohort, is_prepared
from survembed.cohort.form import CohortForm
from survembed.cohort.source import PreparesLike, Source
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.storage.files import cache_folder, digest
from survembed.storage.locks import waiting


def prepare(dataset: Component, name: str, *, like: CohortForm | None = None, reporter: Reporter = QUIET) -> Cohort:
    """The prepared cohort of `dataset`, from the cache if it has one with the same fingerprint.

    Parameters
    ----------
    dataset
        A configured dataset component.
    name
        Name of the dataset, for the file name.
    like
        Another cohort, as which this one is prepared; None for a cohort of its own.

    Raises
    ------
    DataError
        If the sources are missing, damaged or inconsistent.
    """
    source: Source = dataset.build()
    if like and isinstance(source, PreparesLike):
        source = source.like(like)
    key = digest(source.fingerprint(reporter))
    path = cohort_path(name, key)
    if not is_prepared(path, key):
        # only one of several processes prepares
        with waiting(path.with_suffix(".lock"), f"another process prepares the cohort of {name}", reporter):
            if not is_prepared(path, key):
                source.prepare(path, key, reporter)
                shutil.rmtree(path.with_suffix(".parts"), ignore_errors=True)
    return Cohort(path)


def cohort_path(name: str, fingerprint: str) -> Path:
    """Path in the cache of the cohort with this fingerprint."""
    return cache_folder() / "cohorts" / f"{name.replace(':', '-')}-{fingerprint[:16]}.h5"
