"""The dataset of pictures: what is in the files is in the cohort, and every bad file is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from survembed.datasets.picture import images as module
from survembed.errors import DataError, UsageError
from survembed.progress import QUIET
from survembed.storage.files import digest
from tests.datasets.picture.pictures import grey, images, table, write_pictures
from tests.datasets.preparing import RecordingReporter, prepared


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "study")


def key(root: Path, **options: object) -> str:
    return digest(images(root, **options).build().fingerprint(QUIET))


def several(root: Path) -> None:
    """Three subjects with 3, 1 and 2 of the pictures, in a table with a row for each."""
    files = [f"s{number}.png" for number in range(6)]
    text = table(["a", "a", "b", "c", "c", "a"], {"file": list(files), "view": list("xyxxyz")}, "patient_id")
    rows = text.splitlines()
    outcome = {"a": "500,1", "b": "400,1", "c": "300,0"}
    changed = [rows[0], *(",".join([r.split(",")[0], outcome[r[0]], *r.split(",")[3:]]) for r in rows[1:])]
    (root / "clinical.csv").write_text("\n".join(changed) + "\n")


def test_pixels_of_all_pictures(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    with prepared(images(root).build(), tmp_path) as cohort:
        assert cohort.subjects.id.tolist() == [f"s{number}" for number in range(6)]
        assert cohort.shape == (12, 10)
        assert [channel.name for channel in cohort.channels] == ["grey"]
        for number in range(6):
            assert np.array_equal(cohort.stored([number])[0, 0], grey(number))
        assert cohort.subjects.duration.tolist() == [100, 137, 174, 211, 248, 285]
        assert cohort.subjects.source is not None
        assert len(set(cohort.subjects.source.tolist())) == 6


def test_subjects_by_folder(root: Path, tmp_path: Path) -> None:
    for number in range(6):
        (root / "x" / f"s{number}").mkdir(parents=True)
        (root / f"s{number}.png").rename(root / "x" / f"s{number}" / "view.png")
    reporter = RecordingReporter()
    with prepared(images(root).build(), tmp_path, reporter) as cohort:
        assert np.array_equal(cohort.stored([4])[0, 0], grey(4))
    assert any("6 pictures of 6 subjects by ids" in said for said in reporter.said)


def test_several_pictures_of_a_subject(root: Path, tmp_path: Path) -> None:
    several(root)
    with prepared(images(root).build(), tmp_path) as cohort:
        assert cohort.subjects.id.tolist() == ["a", "b", "c"]
        assert cohort.subjects.n_images is not None
        assert cohort.subjects.n_images.tolist() == [3, 1, 2]
        assert cohort.header.combine == "mean"
        assert np.array_equal(cohort.stored([2, 0])[:, 0], [grey(3), grey(0)])
        stored = cohort.stored_images(np.arange(6))[:, 0]
        assert np.array_equal(stored, [grey(number) for number in (0, 1, 5, 2, 3, 4)])
        assert cohort.images_of(np.array([2, 0])).tolist() == [0, 1, 2, 4, 5]
        assert "view" not in cohort.subjects.covariates
        assert any("differ between the pictures" in note for note in cohort.header.notes)


def test_an_outcome_that_differs_between_pictures_is_refused(root: Path, tmp_path: Path) -> None:
    several(root)
    text = (root / "clinical.csv").read_text()
    (root / "clinical.csv").write_text(text.replace("a,500,1,s1", "a,501,1,s1"))
    with pytest.raises(DataError, match="'time_days' differs between the pictures"):
        key(root)


def test_an_official_split(root: Path, tmp_path: Path) -> None:
    ids = [f"s{number}" for number in range(6)]
    parts: list[object] = ["Train", "train", "val", "test", "train", "testing"]
    (root / "clinical.csv").write_text(table(ids, {"part": parts}))
    with prepared(images(root, split_column="part").build(), tmp_path) as cohort:
        assert cohort.subjects.split is not None
        assert cohort.subjects.split.tolist() == ["train", "train", "validation", "test", "train", "test"]
        assert "part" not in cohort.subjects.covariates
    (root / "clinical.csv").write_text(table(ids, {"part": [*parts[:5], "holdout"]}))
    with pytest.raises(DataError, match="'part' has 'holdout'"):
        key(root, split_column="part")


def test_a_subject_in_two_parts_is_refused(root: Path) -> None:
    several(root)
    with pytest.raises(DataError, match="different parts"):
        key(root, split_column="view")


def test_colours_and_size(root: Path, tmp_path: Path) -> None:
    for number in range(6):
        colours = np.zeros((20, 16, 3), np.uint8)
        colours[..., number % 3] = 200
        Image.fromarray(colours).save(root / f"s{number}.png")
    with prepared(images(root, size="10,8").build(), tmp_path) as cohort:
        assert [channel.name for channel in cohort.channels] == ["red", "green", "blue"]
        assert cohort.shape == (10, 8)
        assert (cohort.stored([4])[0] == np.array([0, 200, 0])[:, None, None]).all()


def spoil(root: Path) -> None:
    """One file of each kind that cannot be used."""
    (root / "s0.png").write_bytes((root / "s0.png").read_bytes()[:60])
    (root / "s1.png").unlink()
    Image.fromarray(grey(2, 14, 10)).save(root / "s2.png")
    Image.fromarray(np.zeros((12, 10, 3), np.uint8) + np.array([1, 2, 3], np.uint8)).save(root / "s3.png")


def test_all_bad_files_are_named_together(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "study", 40)
    spoil(root)
    with pytest.raises(DataError) as refused:
        prepared(images(root).build(), tmp_path)
    message = refused.value.message
    assert "4 problem(s)" in message
    for part in ("s0: s0.png is damaged", "row(s) without an image: s1", "s2.png has 14 × 10 pixels", "s3.png is in"):
        assert part in message
    assert not list(tmp_path.glob("*.h5*"))


def test_the_others_are_prepared(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "study", 40)
    spoil(root)
    reporter = RecordingReporter()
    with prepared(images(root, skip_bad=True).build(), tmp_path, reporter) as cohort:
        assert cohort.subjects.id.tolist() == [f"s{number}" for number in range(4, 40)]
        position = cohort.position("s17")
        assert np.array_equal(cohort.stored([position])[0, 0], grey(17))
        assert sum(exclusion.n for exclusion in cohort.header.exclusions) == 4
        assert not any("s0" in exclusion.reason for exclusion in cohort.header.exclusions)
    assert sum(warned.startswith("left out") for warned in reporter.warned) == 4


def test_a_subject_keeps_its_other_pictures(root: Path, tmp_path: Path) -> None:
    several(root)
    (root / "s1.png").write_bytes(b"damaged")
    with prepared(images(root, skip_bad=True).build(), tmp_path) as cohort:
        assert cohort.subjects.n_images is not None
        assert cohort.subjects.n_images.tolist() == [2, 1, 2]


def test_a_picture_of_two_subjects_is_refused(root: Path, tmp_path: Path) -> None:
    files: list[object] = ["s0.png", "s1.png", "s0.png", "s3.png"]
    (root / "clinical.csv").write_text(table(["a", "b", "c", "d"], {"file": files}))
    with pytest.raises(DataError, match=r"c: picture s0.png is that of subject a, too"):
        prepared(images(root).build(), tmp_path)


def test_twelve_bits_in_sixteen_are_said(root: Path, tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(grey(number).astype(np.uint16) * 16).save(root / f"s{number}.png")
    reporter = RecordingReporter()
    with prepared(images(root).build(), tmp_path, reporter) as cohort:
        assert cohort.stored([0]).max() <= 16
    assert any("data.window=0,40" in warned for warned in reporter.warned)
    with prepared(images(root, window="0,4080").build(), tmp_path) as cohort:
        assert np.array_equal(cohort.stored([0])[0, 0], grey(0))


def test_the_fingerprint_follows_files_and_options(root: Path) -> None:
    first = key(root)
    assert key(root) == first
    assert key(root, fit="crop") != first
    Image.fromarray(grey(99)).save(root / "s3.png")
    assert key(root) != first


def test_causes_and_late_entries_are_in_the_cohort(root: Path, tmp_path: Path) -> None:
    """Both are in the fingerprint where they are declared, and leave that of other cohorts alone."""
    rows = (root / "clinical.csv").read_text().splitlines()
    codes, late = [2, 1, 0, 2, 0, 1], [3, 5, 7, 9, 11, 13]
    changed = [f"{row.rpartition(',')[0]},{codes[n]},{late[n]}" for n, row in enumerate(rows[1:])]
    (root / "clinical.csv").write_text("\n".join([rows[0] + ",late", *changed]) + "\n")
    one = {"event_value": "1,2"}
    declared = {"causes": (("1", "recurrence"), ("2", "death")), "entry_column": "late"}
    with prepared(images(root, **declared).build(), tmp_path) as cohort:
        assert cohort.header.causes == ("recurrence", "death")
        assert cohort.subjects.cause is not None
        assert cohort.subjects.cause.tolist() == codes
        assert cohort.subjects.event.tolist() == [code > 0 for code in codes]
        assert cohort.subjects.entry is not None
        assert cohort.subjects.entry.tolist() == late
    keys = {key(root, **options) for options in (one, declared, one | {"entry_column": "late"})}
    assert len(keys) == 3


def test_entries_that_differ_within_a_subject_are_refused(root: Path) -> None:
    several(root)
    rows = (root / "clinical.csv").read_text().splitlines()
    (root / "clinical.csv").write_text("\n".join([rows[0] + ",late", *(f"{r},{n}" for n, r in enumerate(rows[1:]))]))
    with pytest.raises(DataError, match="column 'late' differs between the pictures"):
        key(root, entry_column="late")


def test_a_new_picture(root: Path, tmp_path: Path) -> None:
    source = images(root, size=16).build()
    with prepared(source, tmp_path) as cohort:
        new = source.read_new({"image": root / "s4.png"}, cohort)
        assert np.array_equal(new.images[0], cohort.stored([4])[0])
        with pytest.raises(UsageError):
            source.read_new({"ct": root / "s4.png"}, cohort)
        with pytest.raises(DataError, match="no picture"):
            source.read_new({"image": root / "clinical.csv"}, cohort)


def test_no_pictures_no_folder_no_match(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="root is not set"):
        images(None).build().fingerprint(QUIET)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "t.csv").write_text(table(["a"]))
    with pytest.raises(DataError, match="no pictures"):
        key(tmp_path / "empty")
    (root / "clinical.csv").write_text(table(["x", "y"]))
    with pytest.raises(DataError, match=r"no subject of clinical\.csv has a picture") as refused:
        key(root)
    assert "data.image_column" in str(refused.value.try_)
