"""Latents: what is written is read, and nothing else is taken for it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from survembed.errors import RunError
from survembed.runs.latents import FORMAT, FORMAT_VERSION, Latents
from survembed.storage.files import digest

PROVENANCE = {"weights": "ab", "cohort": "cd", "model": {"name": "coxvae", "tau": 0.2}, "format_version": 1}


def latents(n: int = 9) -> Latents:
    rng = np.random.default_rng(0)
    return Latents(
        z=rng.normal(size=(n, 2)).astype(np.float32),
        z_logvar=rng.normal(size=(n, 2)).astype(np.float32),
        log_hazard=rng.normal(size=n),
        id=np.array([f"süß-{row}" for row in range(n)]),
        duration=rng.exponential(size=n),
        event=rng.random(n) < 0.5,
        split=np.array(["train", "validation", "test"] * n)[:n],
        truth=rng.normal(size=n),
        model="coxvae",
        dataset="liver",
        title="synthetic liver phantom",
        time_unit="days",
        provenance=PROVENANCE,
    )


@pytest.mark.parametrize("without", [{}, {"z_logvar": None}, {"log_hazard": None, "truth": None}])
def test_round_trip(tmp_path: Path, without: dict[str, None]) -> None:
    written = replace(latents(), **without)  # type: ignore[arg-type]
    written.save(tmp_path / "latents.h5")
    read = Latents.load(tmp_path / "latents.h5")
    for field in fields(Latents):
        one, two = getattr(written, field.name), getattr(read, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype.kind == two.dtype.kind
            np.testing.assert_array_equal(one, two)
        else:
            assert one == two
    assert read.test.tolist() == [False, False, True] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["latents.h5"]


def test_the_file_is_as_promised(tmp_path: Path) -> None:
    latents().save(tmp_path / "latents.h5")
    with h5py.File(tmp_path / "latents.h5") as file:
        assert file["z"].shape == (9, 2)
        assert file["z"].dtype == file["z_logvar"].dtype == np.float32
        assert file["log_hazard"].shape == (9,)
        assert set(file["obs"]) == {"id", "duration", "event", "split", "truth"}
        assert file["obs/duration"].dtype == file["obs/truth"].dtype == np.float64
        assert file["obs/event"].dtype == np.bool_
        assert file["obs/id"].asstr()[0] == "süß-0"
        assert (file.attrs["format"], file.attrs["format_version"]) == (FORMAT, FORMAT_VERSION)
        assert file.attrs["provenance"] == digest(PROVENANCE)
        assert (file.attrs["model"], file.attrs["dataset"], file.attrs["time_unit"]) == ("coxvae", "liver", "days")


def test_what_differs_is_named() -> None:
    kept = latents()
    assert kept.differs_from(dict(PROVENANCE)) == []
    assert kept.differs_from({**PROVENANCE, "weights": "new"}) == ["weights"]
    assert kept.differs_from({**PROVENANCE, "model": {"name": "coxvae", "tau": 0.3}, "cohort": 1}) == [
        "cohort",
        "model",
    ]
    assert kept.differs_from({**PROVENANCE, "more": 1}) == ["more"]
    assert kept.differs_from({}) == sorted(PROVENANCE)


@pytest.mark.parametrize("keep", [0, 10, 500, 3000, -1])
def test_a_file_cut_short(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "latents.h5"
    latents().save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="contains no latents"):
        Latents.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.attrs.__setitem__("format", "survembed-cohort"),
        lambda file: file.attrs.__setitem__("format_version", 99),
        lambda file: file.attrs.__delitem__("provenance_fields"),
        lambda file: file.attrs.__setitem__("provenance_fields", "{"),
        lambda file: file.__delitem__("z"),
        lambda file: (file.__delitem__("z"), file.create_group("z")),
        lambda file: (file.__delitem__("obs/id"), file.__setitem__("obs/id", np.arange(3))),
        lambda file: file.__delitem__("obs"),
    ],
)
def test_another_files_are_refused(tmp_path: Path, change: object) -> None:
    path = tmp_path / "latents.h5"
    latents().save(path)
    with h5py.File(path, "r+") as file:
        change(file)  # type: ignore[operator]
    with pytest.raises(RunError, match="contains no latents") as caught:
        Latents.load(path)
    assert caught.value.try_ == "survembed embed"


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        Latents.load(tmp_path / "latents.h5")
