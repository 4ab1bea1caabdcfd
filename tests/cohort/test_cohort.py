"""Cohorts: what goes in comes out, in any order, and a file that is not whole is never read."""

from __future__ import annotations

import resource
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.cohort.cohort import Cohort, is_prepared, manifest_path, writing_cohort
from survembed.cohort.subjects import Channel, CohortHeader, Subjects
from survembed.errors import DataError
from survembed.storage.files import read_json, sha256, write_json
from survembed.storage.sealed import read_sealed, write_sealed

HEADER = CohortHeader(
    dataset="liver",
    title="synthetic liver phantom",
    channels=(
        Channel("ct", "gaussian", window=(-150.0, 250.0), unit="HU"),
        Channel("tumour", "bernoulli", overlay=True),
    ),
    shape=(3, 2),
    synthetic=True,
    spacing_mm=(5.0, 4.0),
    features=(),
    notes=("one", "two"),
)
N = 23


def subjects(n: int = N) -> Subjects:
    random = np.random.default_rng(1)
    return Subjects(
        id=np.array([f"süß-{row:03d}" for row in range(n)]),
        duration=random.uniform(0, 1000, n),
        event=np.arange(n) % 3 == 0,
        split=np.where(np.arange(n) % 2 == 0, "train", "test"),
        truth=random.normal(size=n),
        covariates={"age": random.uniform(20, 90, n), "stage T/N": np.array(["I", ""] * n)[:n]},
        measures={"tumour_ml": random.uniform(0, 100, n)},
        affine=random.normal(size=(n, 4, 4)),
        source=np.array([f"{row:x}" for row in range(n)]),
    )


def images(n: int = N) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 2, 3, 2), dtype=np.uint8)


def write(path: Path, header: CohortHeader = HEADER) -> Path:
    with writing_cohort(path, header, "key") as writer:
        for start in range(0, N, 10):
            writer.add(images()[start : start + 10])
        writer.finish(subjects(), where="here")
    return path


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return Cohort(write(tmp_path_factory.mktemp("cohort") / "c.h5"))


def test_round_trip(cohort: Cohort) -> None:
    assert cohort.header == HEADER
    assert cohort.fingerprint == "key"
    assert len(cohort) == N
    assert cohort.shape == (3, 2)
    assert cohort.bytes_per_subject == 12
    expected = subjects()
    for name in ("id", "duration", "event", "split", "truth", "affine", "source"):
        np.testing.assert_array_equal(getattr(cohort.subjects, name), getattr(expected, name))
    np.testing.assert_array_equal(cohort.subjects.covariates["age"], expected.covariates["age"])
    assert list(cohort.subjects.covariates) == ["age", "stage T∕N"]  # a slash would be a group in HDF5
    np.testing.assert_array_equal(cohort.subjects.covariates["stage T∕N"], expected.covariates["stage T/N"])
    np.testing.assert_array_equal(cohort.subjects.measures["tumour_ml"], expected.measures["tumour_ml"])
    np.testing.assert_allclose(cohort.images(range(N)), images() / 255, rtol=1e-6)
    assert cohort.images([0]).dtype == np.float32


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.lists(st.integers(0, N - 1), max_size=40))
def test_images_come_in_the_order_asked_for(cohort: Cohort, index: list[int]) -> None:
    np.testing.assert_array_equal(cohort.stored(index), images()[np.array(index, dtype=int)])


@pytest.mark.parametrize(
    ("index", "read"), [([4, 5, 6], 1), ([6, 4, 5], 1), ([0, 9, 1, 10, 20], 3), ([7, 7], 2), ([], 0)]
)
def test_images_are_read_in_stretches(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, index: list[int], read: int
) -> None:
    """HDF5 takes a hundred times as long to read scattered rows in one call."""
    asked: list[object] = []
    of_file = h5py.Dataset.__getitem__

    def noting(data: h5py.Dataset, key: object) -> object:
        asked.append(key)
        return of_file(data, key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noting)
    np.testing.assert_array_equal(cohort.stored(index), images()[np.array(index, dtype=int)])
    assert len(asked) == read
    assert all(isinstance(key, slice) for key in asked)


def test_float_images_are_quantised(tmp_path: Path) -> None:
    values = np.random.default_rng(2).uniform(-0.2, 1.2, (2, 2, 3, 2))
    with writing_cohort(tmp_path / "c.h5", HEADER, "key") as writer:
        writer.add(values)
        writer.finish(subjects(2), where="here")
    with Cohort(tmp_path / "c.h5") as cohort:
        np.testing.assert_allclose(cohort.images([0, 1]), np.clip(values, 0, 1), atol=0.5 / 255 + 1e-6)


def test_tables_keep_their_scale(tmp_path: Path) -> None:
    header = CohortHeader("tabular", "t", (Channel("covariates", "gaussian", standardise=True),), (2,), dtype="float32")
    values = np.array([[[1e6, -3.5]], [[0.25, np.pi]]], dtype=np.float32)
    with writing_cohort(tmp_path / "c.h5", header, "key") as writer:
        writer.add(values)
        writer.finish(Subjects(np.array(["a", "b"]), np.ones(2), np.ones(2, dtype=bool)), where="here")
    with Cohort(tmp_path / "c.h5") as cohort:
        np.testing.assert_array_equal(cohort.images([1, 0]), values[::-1])
        assert cohort.subjects.truth is cohort.subjects.split is None


def test_position(cohort: Cohort) -> None:
    assert cohort.position("süß-007") == 7
    with pytest.raises(DataError, match="no subject 'sus-07'") as caught:
        cohort.position("süß-07".replace("ü", "u").replace("ß", "s"))
    assert "23 ids" in str(caught.value)


def test_a_changed_file_is_never_opened(tmp_path: Path) -> None:
    path = write(tmp_path / "c.h5")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="differs from its manifest"):
        Cohort(path)
    path.write_bytes(content[:1000])
    with pytest.raises(DataError, match="differs from its manifest"):
        Cohort(path)


def test_a_file_or_manifest_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no cohort none\.h5"):
        Cohort(tmp_path / "none.h5")
    path = write(tmp_path / "c.h5")
    assert is_prepared(path, "key")
    assert not is_prepared(path, "another key")
    manifest_path(path).unlink()
    assert not is_prepared(path, "key")
    with pytest.raises(DataError, match=r"no file c\.json"):
        Cohort(path)


def test_a_manifest_of_another_shape(tmp_path: Path) -> None:
    path = write(tmp_path / "c.h5")
    manifest = read_json(manifest_path(path))
    for other in ([], {}, {**manifest, "sha256": "0"}):
        write_json(manifest_path(path), other)
        with pytest.raises(DataError):
            Cohort(path)
    manifest_path(path).write_text("{")
    assert not is_prepared(path, "key")


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with writing_cohort(tmp_path / "c.h5", HEADER, "key") as writer:
            writer.add(images())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_cohort_of_before(tmp_path: Path) -> None:
    path = write(tmp_path / "c.h5")

    def refused() -> None:
        with writing_cohort(path, HEADER, "new key") as writer:
            writer.add(images(1))
            writer.finish(subjects(1), where="here")

    with pytest.raises(DataError, match="too few"):
        refused()
    assert is_prepared(path, "key")
    assert len(Cohort(path)) == N


@pytest.mark.parametrize("fault", ["not finished", "too many rows", "wrong shape"])
def test_a_wrong_writer_is_a_bug(tmp_path: Path, fault: str) -> None:
    def write_wrongly() -> None:
        with writing_cohort(tmp_path / "c.h5", HEADER, "key") as writer:
            writer.add(images(4)[:, :1] if fault == "wrong shape" else images(4))
            if fault == "too many rows":
                writer.finish(subjects(5), where="here")

    with pytest.raises(ValueError, match=r"subjects for 4 images|not finished|images of shape"):
        write_wrongly()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [1_000, 100_000, 2_000_000])
def test_full_disk(tmp_path: Path, limit: int) -> None:
    """A file that may not grow beyond `limit` bytes stands for a full disk: the error comes from the system itself."""
    header = CohortHeader("d", "t", (Channel("a", "gaussian"),), (64, 64), dtype="float32")
    batch = np.random.default_rng(0).random((10, 1, 64, 64), dtype=np.float32)
    added = 0

    def fill() -> None:
        nonlocal added
        with writing_cohort(tmp_path / "c.h5", header, "key") as writer:
            for _ in range(300):
                writer.add(batch)
                added += 1

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(DataError, match=r"cannot write c\.h5: File too large"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    assert added < 150  # HDF5 keeps 8 MB back, then it does not go on in vain


def test_the_format_is_named(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "c.h5"), "r") as file:
        assert file.attrs["format"] == "survembed-cohort"
        assert file.attrs["format_version"] == 1
        assert file["image"].attrs["scale"] == pytest.approx(1 / 255)


@pytest.mark.parametrize("file", ["manifest", "cohort"])
def test_a_later_format_is_refused(tmp_path: Path, file: str) -> None:
    path = write(tmp_path / "c.h5")
    manifest = read_sealed(manifest_path(path))
    if file == "cohort":
        with h5py.File(path, "r+") as opened:
            opened.attrs["format_version"] = 99
        write_sealed(manifest_path(path), {**manifest, "sha256": sha256(path)})
    else:
        write_sealed(manifest_path(path), {**manifest, "format_version": 99})
    with pytest.raises(DataError, match="format version 99") as caught:
        Cohort(path)
    assert "pip install --upgrade" in str(caught.value.try_)


def test_an_edited_manifest_is_refused_and_one_without_checksum_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "c.h5")
    manifest = read_json(manifest_path(path))
    write_json(manifest_path(path), {**manifest, "fingerprint": "other"})
    assert not is_prepared(path, "other")
    with pytest.raises(DataError, match="differs from its checksum") as caught:
        Cohort(path)
    assert str(path) in str(caught.value.try_)
    write_json(manifest_path(path), {name: value for name, value in manifest.items() if name != "checksum"})
    assert Cohort(path).fingerprint == "key"


def test_damage_that_appears_while_the_file_is_open_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "c.h5")
    content = bytearray(path.read_bytes())
    content[content.index(images()[5].tobytes())] ^= 1
    path.write_bytes(content)
    write_sealed(manifest_path(path), {**read_sealed(manifest_path(path)), "sha256": sha256(path)})
    with pytest.raises(DataError, match="is damaged"):
        Cohort(path).images([5])
