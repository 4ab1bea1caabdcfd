"""`CubeSource`: all invalid cases are reported together, and an interrupted preparation continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from survembed.cohort.cohort import Cohort
from survembed.datasets import Liver
from survembed.datasets.scan.case import Case
from survembed.datasets.volume import cubes as module
from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError
from survembed.progress import QUIET
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import affine_of, anatomy, write_case, write_cohort
from tests.datasets.preparing import RecordingReporter, key, liver, prepared


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def test_fingerprint_follows_images_table_and_options(root: Path) -> None:
    first = key(liver(root))
    assert key(liver(root)) == first
    assert key(liver(root, size=24)) != first
    assert key(liver(root, tumour_labels=(3,))) != first
    assert key(liver(root, skip_bad=True)) != first
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("100,0", "101,0"))
    second = key(liver(root))
    assert second != first
    write_case(root, *anatomy((30, 28, 24), seed=99), affine_of((4.0, 4.0, 5.0)), name="s0")
    assert key(liver(root)) != second


def test_field_of_view_is_the_smallest_that_holds_every_organ(root: Path, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    _, labels = anatomy((60, 28, 24))
    hu, _ = anatomy((60, 28, 24))
    write_case(root, hu, labels, affine_of((6.5, 4.0, 5.0)), name="s0")  # 290 mm wide
    with prepared(Liver(root=root, size=(16, 16, 16)).build(), tmp_path, reporter) as cohort:
        spans = np.flatnonzero((labels > 0).any(axis=(1, 2)))
        assert (spans[-1] - spans[0] + 1) * 6.5 > 260
        chosen = cohort.header.spacing_mm[0] * 16
        assert chosen in (260, 280, 300)
        assert (cohort.subjects.measures["organ_outside"] <= 0.01).all()
        (note,) = [note for note in cohort.header.notes if "field of view" in note]
        assert note in reporter.said
        assert f"field of view {chosen:.0f} mm" in note
        assert "masks of all 6 subjects, including those of a later test part; outcomes are not used" in note
    with pytest.raises(DataError, match=r"s0: .* of the organ lies outside"):
        prepared(liver(root).build(), tmp_path)


def break_two(root: Path) -> None:
    mask = root / "labelsTr" / "s1.nii.gz"
    mask.write_bytes(mask.read_bytes()[:200])
    write_nifti(root / "labelsTr" / "s4.nii.gz", np.zeros((30, 28, 24), np.uint8), affine_of((4.0, 4.0, 5.0)))


@pytest.mark.parametrize("fov", [None, 150])
def test_bad_cases_are_all_listed_and_nothing_is_written(root: Path, tmp_path: Path, fov: int | None) -> None:
    break_two(root)
    with pytest.raises(DataError) as refused:
        prepared(liver(root, fov_mm=fov).build(), tmp_path / "out")
    assert refused.value.message.startswith("2 problem(s) in 6 cases:")
    assert "s1: s1.nii.gz is truncated" in refused.value.message
    assert "s4: s4.nii.gz contains no organ" in refused.value.message
    assert "labelsTr" in refused.value.message
    assert "skip_bad" in str(refused.value.try_)
    assert list((tmp_path / "out").glob("*.h5")) == []


def test_skip_bad_leaves_them_out_and_says_so(root: Path, tmp_path: Path) -> None:
    break_two(root)
    reporter = RecordingReporter()
    with prepared(liver(root, skip_bad=True).build(), tmp_path, reporter) as cohort:
        assert cohort.subjects.id.tolist() == ["s0", "s2", "s3", "s5"]
        assert cohort.subjects.covariates["age"].tolist() == [50, 52, 53, 55]
        assert sum(note.startswith("left out: s") for note in cohort.header.notes) == 2
        assert {exclusion.n for exclusion in cohort.header.exclusions} == {1}
        reasons = sorted(exclusion.reason for exclusion in cohort.header.exclusions)
        assert reasons[0].startswith("a file contains no organ")
        assert reasons[1].startswith("a file is truncated")
    assert sum("left out: s" in warned for warned in reporter.warned) == 2


def test_good_cases_of_a_refused_preparation_are_not_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_two(root)
    with pytest.raises(DataError):
        prepared(liver(root).build(), tmp_path)
    made = []
    monkeypatch.setattr(module, "make_cube", lambda case, preprocessing: made.append(case.id) or _refuse(case))
    prepared(liver(root, skip_bad=True).build(), tmp_path).close()
    assert sorted(made) == ["s1", "s4"]


def test_files_that_make_no_case_stand_in_one_list_with_bad_cases_and_the_rest_is_made(
    root: Path, tmp_path: Path
) -> None:
    prepared(liver(root).build(), tmp_path / "before").close()
    break_two(root)
    (root / "imagesTr" / "s2_0000.nii.gz").unlink()
    with pytest.raises(DataError) as refused:
        prepared(liver(root).build(), tmp_path / "out")
    for problem in ("s1: s1.nii.gz is truncated", "s4: s4.nii.gz contains no organ", "s2: a mask without its CT"):
        assert problem in refused.value.message
    assert len(list((tmp_path / "out").glob("*.parts/*.npz"))) == 3


def _refuse(case: Case) -> Cube:
    raise DataError(f"{case.mask.name} is bad", where=str(case.mask))


def test_no_event_and_too_few_are_refused(root: Path, tmp_path: Path) -> None:
    table = root / "clinical.csv"
    text = table.read_text()
    table.write_text(text.replace(",1,", ",0,"))
    with pytest.raises(DataError, match="no event at all"):
        prepared(liver(root).build(), tmp_path / "a")
    table.write_text("\n".join(text.splitlines()[:2]) + "\n")
    with pytest.raises(DataError, match="too few"):
        prepared(liver(root, skip_bad=True).build(), tmp_path / "b")
    assert list(tmp_path.glob("*/*.h5")) == []


def test_interrupted_preparation_goes_on_where_it_stopped(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, path = liver(root), tmp_path / "c.h5"
    real, made = module.make_cube, []

    def counted(case: Case, preprocessing: Preprocessing) -> Cube:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(case.id)
        return real(case, preprocessing)

    with monkeypatch.context() as patch:
        patch.setattr(module, "make_cube", counted)
        patch.setattr("survembed.storage.cores.available_cores", lambda: 1)
        with pytest.raises(KeyboardInterrupt):
            options.build().prepare(path, key(options), QUIET)
        assert not path.exists()
        first, made[:] = list(made), []
        options.build().prepare(path, key(options), QUIET)
    assert set(first).isdisjoint(made)
    assert {*first, *made} == {f"s{i}" for i in range(6)}
    expected = prepared(options.build(), tmp_path / "afresh")
    with Cohort(path) as cohort:
        np.testing.assert_array_equal(cohort.stored(range(6)), expected.stored(range(6)))
    expected.close()


def test_damaged_part_is_made_again(root: Path, tmp_path: Path) -> None:
    options, path = liver(root), tmp_path / "c.h5"
    options.build().prepare(path, key(options), QUIET)
    with Cohort(path) as cohort:
        before = cohort.stored(range(6))
    for part in path.with_suffix(".parts").iterdir():
        part.write_bytes(part.read_bytes()[:-100])
    options.build().prepare(path, key(options), QUIET)
    with Cohort(path) as cohort:
        np.testing.assert_array_equal(cohort.stored(range(6)), before)


KILLED = """
import os, sys, time
from pathlib import Path
from survembed.datasets import Liver
from survembed.datasets.volume import cubes
from survembed.progress import QUIET
real = cubes.make_cube
def slow(case, preprocessing):
    os.write(1, b"made\\n")  # in one piece: two threads make cubes
    time.sleep(0.2)
    return real(case, preprocessing)
cubes.make_cube = slow
source = Liver(root=Path(sys.argv[1]), size=(16, 16, 16), fov_mm=(150, 150, 150)).build()
source.prepare(Path(sys.argv[2]), "f", QUIET)
"""


def test_killed_preparation_leaves_no_cohort(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "c.h5"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(root), str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(4)] == [b"made\n"] * 4
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not path.exists()
    assert not path.with_suffix(".json").exists()
    liver(root).build().prepare(path, "f", QUIET)
    with Cohort(path) as cohort:
        assert len(cohort) == 6


def test_prepared_file_is_plain_hdf5_with_a_scale(root: Path, tmp_path: Path) -> None:
    with prepared(liver(root).build(), tmp_path) as cohort, h5py.File(cohort.path) as file:
        assert file["image"].dtype == np.uint8
        assert file["image"].attrs["scale"] == pytest.approx(1 / 255)
        assert file["measures/tumour_ml"].shape == (6,)
