"""Checks of a dataset: a complete, reproducible cohort, identified by its fingerprint."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from survembed.cohort.cohort import Cohort, is_prepared, manifest_path
from survembed.cohort.source import Source
from survembed.cohort.subjects import SPLITS
from survembed.progress import QUIET
from survembed.storage.files import digest, sha256
from survembed.testing.case import Check, ComponentUnderTest, Options, Skipped, no_trace, require


def source_of(case: ComponentUnderTest, options: Options | None = None) -> Source:
    """The source of the cohort."""
    source: Any = case.make(options).build()
    for method in ("fingerprint", "prepare"):
        require(callable(getattr(source, method, None)), f"{type(source).__name__} has no {method}()")
    return source  # type: ignore[no-any-return]  # just probed


def key_of(source: Source) -> str:
    """The key of its cohort: a hash of its fingerprint."""
    fingerprint = source.fingerprint(QUIET)
    require(isinstance(fingerprint, dict), f"fingerprint() gives {type(fingerprint).__name__}, not a dict")
    try:
        plain = json.loads(json.dumps(fingerprint, allow_nan=False))
    except (TypeError, ValueError) as error:
        require(False, f"the fingerprint is not JSON: {error}")
    require(plain, "the fingerprint is empty: every cohort would be the same")
    return digest(fingerprint)


def prepared(case: ComponentUnderTest, source: Source) -> Path:
    """The cohort file of a source, in a folder of its own in which nothing else is left."""
    path, key = Path(tempfile.mkdtemp(dir=case.folder)) / "cohort.h5", key_of(source)
    source.prepare(path, key, QUIET)
    require(path.is_file(), "prepare() wrote no cohort")
    require(is_prepared(path, key), "the cohort was not written with survembed.cohort.cohort.writing_cohort")
    left = {each.name for each in path.parent.iterdir()} - {path.name, manifest_path(path).name, "cohort.parts"}
    require(not left, f"prepare() leaves {', '.join(sorted(left))} behind")
    return path


def content(path: Path) -> str:
    """A hash of the content of a cohort, except notes and exclusions."""
    with Cohort(path) as cohort:
        subjects, header = cohort.subjects, cohort.header.to_dict()
        del header["notes"], header["exclusions"]
        columns = {**subjects.covariates, **subjects.measures}
        parts = [
            json.dumps(header, sort_keys=True),
            *(repr(None if values is None else values.tolist()) for values in _columns(subjects)),
            *(f"{name} {values.tolist()!r}" for name, values in sorted(columns.items())),
            cohort.stored(np.arange(len(cohort))).tobytes().hex(),
        ]
    return digest(parts)


def _columns(subjects: Any) -> list[Any]:
    return [getattr(subjects, name) for name in ("id", "duration", "event", "split", "truth", "affine", "source")]


def cohort_is_sound(case: ComponentUnderTest) -> None:
    """Images of the declared shape and range, a row a subject, unique ids, an event, durations of 0 or more."""
    with Cohort(prepared(case, source_of(case))) as cohort:
        subjects, header = cohort.subjects, cohort.header
        ids = subjects.id.tolist()
        require(len(set(ids)) == len(ids) and all(text.strip() for text in ids), "ids are not unique, or one is empty")
        subjects.check("the cohort")
        for name, values in {**subjects.covariates, **subjects.measures}.items():
            require(values.shape == (len(ids),), f"column '{name}' has shape {values.shape}, not ({len(ids)},)")
        if subjects.split is not None:
            unknown = sorted(set(subjects.split.tolist()) - set(SPLITS))
            require(not unknown, f"split '{(*unknown, '')[0]}' is none of {', '.join(SPLITS)}")
        if subjects.truth is not None:
            require(np.isfinite(subjects.truth).all(), "a true log-hazard is not finite")
            require(header.synthetic, "there is a true log-hazard, yet the header does not say synthetic=True")
        require(header.title.strip() and header.dataset.strip(), "the header has no title, or no name of the dataset")
        images = cohort.images(np.arange(min(len(ids), 256)))
        shape = (len(header.channels), *header.shape)
        require(images.shape[1:] == shape, f"images have shape {images.shape[1:]}, the header says {shape}")
        require(np.isfinite(images).all(), "an image holds numbers that are not finite")
        for channel, values in zip(header.channels, images.swapaxes(0, 1), strict=True):
            fits = channel.standardise or (values.min() >= 0 and values.max() <= 1)
            require(fits, f"channel '{channel.name}' runs from {values.min():g} to {values.max():g}, not from 0 to 1")


def repeatable(case: ComponentUnderTest) -> None:
    """The same files and options give the same fingerprint and the same cohort, bit by bit."""
    values = case.values()
    one, again = source_of(case, values), source_of(case, values)
    require(key_of(one) == key_of(one), "the fingerprint differs from call to call")
    require(key_of(one) == key_of(again), "the fingerprint differs between two sources of one configuration")
    require(content(prepared(case, one)) == content(prepared(case, again)), "the cohort differs from time to time")


def fingerprint_follows_the_data(case: ComponentUnderTest) -> None:
    """Another cohort has another fingerprint."""
    if case.changed is None:
        raise Skipped("no change of the data is known here; tests of the package give one: conformance(..., changed=)")
    base, other = source_of(case), source_of(case, case.changed)
    differ = content(prepared(case, base)) != content(prepared(case, other))
    require(differ, "changed= gives the same cohort: it must change what the cohort holds")
    require(key_of(base) != key_of(other), "the data changed and the fingerprint did not: an old cohort would be used")


def fingerprint_follows_nothing_else(case: ComponentUnderTest) -> None:
    """The same cohort has the same fingerprint, in any folder."""
    if case.same is None and not callable(case.options):
        raise Skipped("no other way to the same data is known here: conformance(..., same=)")
    base, other = source_of(case), source_of(case, case.options if case.same is None else case.same)
    require(content(prepared(case, base)) == content(prepared(case, other)), "same= gives another cohort")
    require(key_of(base) == key_of(other), "the data are the same and the fingerprint is not: all is prepared again")


def leaves_no_trace(case: ComponentUnderTest) -> None:
    """Global random states and the user's files do not change."""
    values = case.values()
    before = _hashes(case.folder)
    with no_trace("the fingerprint"):
        source = source_of(case, values)
        source.fingerprint(QUIET)
    require(_hashes(case.folder) == before, "fingerprint() writes to the folder of the data")
    with tempfile.TemporaryDirectory() as out, no_trace("preparation"):
        source.prepare(Path(out) / "cohort.h5", key_of(source), QUIET)
    require(_hashes(case.folder) == before, "prepare() changes the files that it reads, or writes beside them")


def _hashes(folder: Path) -> dict[str, str]:
    return {str(path): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


CHECKS: tuple[Check, ...] = (
    cohort_is_sound,
    repeatable,
    fingerprint_follows_the_data,
    fingerprint_follows_nothing_else,
    leaves_no_trace,
)
