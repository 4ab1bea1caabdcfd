"""A table written in any dialect is read exactly, or refused where it has two readings; never otherwise."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets import Tabular
from survembed.datasets.tabular.clinical_table import Columns, read_clinical
from survembed.errors import DataError
from tests.datasets.preparing import prepared
from tests.datasets.tabular.dialects import DAYS, Known, Written, known_table, write


def check_clinical(known: Known, written: Written) -> None:
    """`read_clinical` finds the known table."""
    allow = (*known.numbers, *known.words)  # in small random tables, a column may order the outcome by chance
    options = {name: written.options.get(name) for name in ("event_value", "sheet")}
    columns = Columns(**options, allow=allow)  # type: ignore[arg-type]
    clinical = read_clinical(written.path, columns)
    assert clinical.id.tolist() == known.id
    np.testing.assert_array_equal(clinical.duration, np.array(known.duration) * DAYS[known.unit])
    assert clinical.event.tolist() == known.event
    assert set(clinical.covariates) <= {*known.numbers, *known.words}
    left_out = {*known.numbers, *known.words} - set(clinical.covariates)
    assert not (left_out and written.is_clear)
    for name in left_out:
        assert any(f"left out: column '{name}' can be read in two ways" in note for note in clinical.notes)
    for name, values in known.numbers.items():
        if name in left_out:
            continue
        np.testing.assert_array_equal(clinical.covariates[name], np.array(values, dtype=np.float64))
    for name, words in known.words.items():
        assert clinical.covariates[name].tolist() == [word or "" for word in words]


def check_tabular(known: Known, written: Written, folder: Path) -> None:
    """The source `tabular` prepares the complete subjects of the known table."""
    columns = {**known.numbers, **known.words}
    kept = [row for row in range(len(known.id)) if all(values[row] is not None for values in columns.values())]
    if len(kept) < 2:
        return
    source = Tabular(root=written.path, missing="drop", allow=tuple(columns), **written.options).build()  # type: ignore[arg-type]
    cohort = prepared(source, folder)
    assert cohort.subjects.id.tolist() == [known.id[row] for row in kept]
    assert cohort.subjects.duration.tolist() == [known.duration[row] for row in kept]
    assert cohort.subjects.event.tolist() == [known.event[row] for row in kept]
    images = cohort.images(range(len(kept)))[:, 0]
    for name, values in known.numbers.items():
        expected = np.array([values[row] for row in kept], dtype=np.float32)
        np.testing.assert_array_equal(images[:, cohort.header.features.index(name)], expected)


def outcome(seed: int, folder: Path) -> str:
    """`exact`, or the message of the refusal; an assertion fails if the table is read differently."""
    rng = random.Random(seed)
    known = known_table(rng)
    folder.mkdir()
    written = write(known, folder, rng)
    try:
        check_clinical(known, written)
        check_tabular(known, written, folder)
    except DataError as error:
        if written.is_clear:
            raise AssertionError(f"seed {seed}: {written.dialect}: {error}") from error
        return error.message
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {written.dialect}") from error
    return "exact"


def outcomes(seeds: range, folder: Path) -> Counter[str]:
    """Count of exact readings, and of refusals by their reason."""
    found = Counter(outcome(seed, folder / str(seed)) for seed in seeds)
    return Counter({message.split(":")[0].split("'")[-1]: n for message, n in found.items()})


def test_dialects(tmp_path: Path) -> None:
    found = outcomes(range(200), tmp_path)
    assert found["exact"] >= 180


@pytest.mark.slow
def test_many_dialects(tmp_path: Path) -> None:
    found = outcomes(range(200, 2200), tmp_path)
    assert found["exact"] >= 1800
