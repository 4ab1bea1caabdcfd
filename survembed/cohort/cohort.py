"""`Cohort`: the prepared subjects of a study in one HDF5 file, written once and read in batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from survembed.cohort.form import UINT8_SCALE, CohortForm, Image, as_stored, levels_of
from survembed.cohort.subjects import Channel, CohortHeader, Subjects, position_of
from survembed.errors import DataError
from survembed.storage.files import HashIndex, sha256
from survembed.storage.hdf5 import writing_hdf5
from survembed.storage.sealed import read_sealed, require_format, write_sealed

FORMAT = "survembed-cohort"
FORMAT_VERSION = 1


@contextmanager
def writing_cohort(path: Path, header: CohortHeader, fingerprint: str) -> Iterator[CohortWriter]:
    """Write a cohort to `path` atomically, and its manifest next to it.

    Parameters
    ----------
    path
        The HDF5 file; the manifest has the same name with `.json`.
    header
        Properties that all subjects share.
    fingerprint
        Hash of sources and preprocessing: the cohort's key.
    """
    with writing_hdf5(path) as (file, check):
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        writer = CohortWriter(file, header, check)
        yield writer
        if "obs" not in file:
            raise ValueError("the cohort was not finished: call CohortWriter.finish")
    checksum = sha256(path)
    write_sealed(
        manifest_path(path),
        {"format": FORMAT, "format_version": FORMAT_VERSION, "fingerprint": fingerprint, "sha256": checksum},
    )


def is_prepared(path: Path, fingerprint: str) -> bool:
    """Whether `path` is a complete cohort with this fingerprint; a damaged manifest belongs to none."""
    try:
        return path.is_file() and read_sealed(manifest_path(path)).get("fingerprint") == fingerprint
    except DataError:
        return False


def manifest_path(path: Path) -> Path:
    """Path of the manifest of the cohort at `path`."""
    return path.with_suffix(".json")


def _verified(path: Path) -> dict[str, Any]:
    """The manifest of `path` if the hash of the file matches; HDF5 opens no other file."""
    if not path.is_file():
        raise DataError(f"no cohort {path.name}", where=str(path), try_="survembed data prepare")
    try:
        manifest = read_sealed(manifest_path(path))
    except DataError as error:
        raise DataError(error.message, where=error.where, try_=_remedy(path)) from error
    require_format(manifest, FORMAT, FORMAT_VERSION, manifest_path(path))
    index = HashIndex()
    if index.sha256(path) != manifest.get("sha256") or not isinstance(manifest.get("fingerprint"), str):
        raise DataError(
            f"cohort {path.name} differs from its manifest: damaged or changed", where=str(path), try_=_remedy(path)
        )
    index.save()
    return manifest


def _remedy(path: Path) -> str:
    return f"rm {path}, and the same command prepares it again"


class CohortWriter:
    """Writes the images of a cohort in batches, then its table; see `writing_cohort`."""

    def __init__(self, file: h5py.File, header: CohortHeader, check: Callable[[], None]) -> None:
        self._file = file
        self._check = check
        self.header = header
        shape = (len(header.channels), *header.shape)
        self._image = file.create_dataset(
            "image",
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(max(1, min(256, 2**18 // int(np.prod(shape)))), *shape),
            dtype=header.dtype,
            fletcher32=True,  # read with the images, it shows damage that leaves the times of the file unchanged
        )
        self._image.attrs["scale"] = UINT8_SCALE if header.dtype == "uint8" else 1.0

    def add(self, images: NDArray[Any]) -> None:
        """Append images (m, C, *spatial): float in [0, 1], or uint8 as stored, or any float for a `float32` cohort."""
        if images.shape[1:] != self._image.shape[1:]:
            raise ValueError(f"images of shape {images.shape[1:]}, expected {self._image.shape[1:]}")
        images = as_stored(images, self.header)
        count = len(self._image)
        self._image.resize(count + len(images), axis=0)
        self._image[count:] = images
        self._check()

    def finish(self, subjects: Subjects, where: str) -> None:
        """Write the table: one row per image, or the rows of subjects whose images follow each other.

        Raises
        ------
        DataError
            If `Subjects.check` refuses the table.
        """
        subjects.check(where)
        n_images = len(subjects) if subjects.n_images is None else int(subjects.n_images.sum())
        if n_images != len(self._image):
            raise ValueError(f"{n_images} images of subjects for {len(self._image)} images")
        self._file.attrs["header"] = json.dumps(self.header.to_dict())
        obs = self._file.create_group("obs")
        text = h5py.string_dtype()
        obs.create_dataset("id", data=subjects.id.astype(object), dtype=text)
        obs["duration"] = subjects.duration.astype(np.float64)
        obs["event"] = subjects.event.astype(np.bool_)
        if subjects.n_images is not None:
            obs["n_images"] = subjects.n_images.astype(np.int64)
        if subjects.truth is not None:
            obs["truth"] = subjects.truth.astype(np.float64)
        if subjects.entry is not None:
            obs["entry"] = subjects.entry.astype(np.float64)
        if subjects.cause is not None:
            obs["cause"] = subjects.cause.astype(np.int64)
        if subjects.affine is not None:
            self._file["affine"] = subjects.affine.astype(np.float64)
        for name, values in (("split", subjects.split), ("source", subjects.source)):
            if values is not None:
                obs.create_dataset(name, data=values.astype(object), dtype=text)
        for name, group in (("covariates", subjects.covariates), ("measures", subjects.measures)):
            datasets = self._file.create_group(name, track_order=True)
            for title, column_values in group.items():
                column = _hdf5_name(title)
                if column_values.dtype.kind in "OUS":
                    datasets.create_dataset(column, data=column_values.astype(object), dtype=text)
                else:
                    datasets[column] = column_values.astype(np.float64)


def _hdf5_name(title: str) -> str:
    """`title` as an HDF5 name, in which a slash would be a group and a dot the group itself."""
    return {".": "dot"}.get(title, title.replace("/", "∕"))


def _contiguous(wanted: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Positions in `wanted` (m,), grouped into runs of consecutive values, in increasing order of the values."""
    if not len(wanted):
        return []
    order = np.argsort(wanted, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(wanted[order]) != 1) + 1)


class Cohort:
    """A prepared cohort, open for reading.

    Parameters
    ----------
    path
        The HDF5 file.

    Raises
    ------
    DataError
        If the file is missing, damaged or differs from the hash in its manifest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fingerprint: str = _verified(path)["fingerprint"]
        self._file = h5py.File(path, "r", locking="best-effort")
        require_format(self._file.attrs, FORMAT, FORMAT_VERSION, path)
        self.header = CohortHeader.from_dict(json.loads(self._file.attrs["header"]))
        self.subjects = self._read_subjects()

    def _read_subjects(self) -> Subjects:
        obs = self._file["obs"]

        def strings(dataset: h5py.Dataset) -> NDArray[np.str_]:
            return np.asarray(dataset.asstr()[:], dtype=np.str_)

        def column(dataset: h5py.Dataset) -> NDArray[Any]:
            return strings(dataset) if dataset.dtype.kind == "O" else np.asarray(dataset[:])

        return Subjects(
            id=strings(obs["id"]),
            duration=np.asarray(obs["duration"][:]),
            event=np.asarray(obs["event"][:], dtype=np.bool_),
            split=strings(obs["split"]) if "split" in obs else None,
            truth=np.asarray(obs["truth"][:]) if "truth" in obs else None,
            covariates={name: column(values) for name, values in self._file["covariates"].items()},
            measures={name: column(values) for name, values in self._file["measures"].items()},
            affine=np.asarray(self._file["affine"][:]) if "affine" in self._file else None,
            source=strings(obs["source"]) if "source" in obs else None,
            n_images=np.asarray(obs["n_images"][:]) if "n_images" in obs else None,
            entry=np.asarray(obs["entry"][:]) if "entry" in obs else None,
            cause=np.asarray(obs["cause"][:]) if "cause" in obs else None,
        )

    @cached_property
    def subject_of_image(self) -> NDArray[np.int64]:
        """(m,) position of the subject of each image, increasing; 0 to n − 1 where each subject has one image."""
        counts = self.subjects.n_images
        return np.repeat(np.arange(len(self)), 1 if counts is None else counts)

    def images_of(self, index: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Positions of all images of the subjects at `index`, in the order of the cohort."""
        return np.flatnonzero(np.isin(self.subject_of_image, index))

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One for each image channel."""
        return self.header.channels

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of an image."""
        return self.header.shape

    @property
    def voxel_ml(self) -> float | None:
        """Volume of one voxel in ml; None where the image has no physical size."""
        return None if self.header.spacing_mm is None else float(np.prod(self.header.spacing_mm)) / 1000

    @property
    def bytes_per_subject(self) -> int:
        """Bytes of one stored image."""
        return int(np.prod(self._file["image"].shape[1:])) * int(self._file["image"].dtype.itemsize)

    @property
    def scale(self) -> float:
        """Factor from stored values to values of `images`."""
        return float(self._file["image"].attrs["scale"])

    def stored(self, index: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[Any]:
        """The first image of each subject at `index`, as stored; see `stored_images`."""
        rows = np.asarray(index, dtype=np.int64)
        if self.subjects.n_images is not None:
            rows = np.searchsorted(self.subject_of_image, np.arange(len(self)))[rows]
        return self.stored_images(rows)

    def stored_images(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Images at `rows`, as stored: (m, C, *spatial), uint8 (255 is 1) or float32, in the order of `rows`.

        Raises
        ------
        DataError
            If the file is damaged there.
        """
        try:
            return self._rows(rows)
        except OSError as error:
            raise DataError(
                f"cohort {self.path.name} is damaged", where=str(self.path), try_=_remedy(self.path)
            ) from error

    def _rows(self, wanted: NDArray[np.int64]) -> NDArray[Any]:
        data = self._file["image"]
        if len(wanted) and np.array_equal(wanted, np.arange(wanted[0], wanted[0] + len(wanted))):
            return np.asarray(data[wanted[0] : wanted[0] + len(wanted)])
        rows = np.empty((len(wanted), *data.shape[1:]), data.dtype)
        # One read of scattered rows is a hundred times slower in HDF5 than one read for each contiguous run.
        for places in _contiguous(wanted):
            first = int(wanted[places[0]])
            rows[places] = data[first : first + len(places)]
        return rows

    def images(self, index: Sequence[int] | NDArray[np.integer[Any]]) -> Image:
        """The first image of each subject at `index`: (m, C, *spatial) float32, in [0, 1] unless it is a table."""
        return self._scaled(self.stored(index))

    @property
    def form(self) -> CohortForm:
        """What new subjects need to be prepared like these."""
        return CohortForm(self.header, levels_of(self.header.features, self.subjects.covariates))

    def _scaled(self, stored: NDArray[Any]) -> Image:
        return stored.astype(np.float32) * np.float32(self.scale)

    def position(self, subject: str) -> int:
        """Row of the subject with this id.

        Raises
        ------
        DataError
            If no subject has it; the nearest id is suggested.
        """
        return position_of(subject, self.subjects.id)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Cohort:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
