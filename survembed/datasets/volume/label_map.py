"""Codes of organ, tumour and further structures from a label map."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.grid import LabelEncoder, Volume
from survembed.datasets.volume.label_roles import NO_TUMOUR
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError

ORGAN, TUMOUR = 1, 2
"""Codes; further structures follow."""
BINARY_LABEL = 255
"""Label of a mask that was saved as a black and white picture."""
LISTED = 12
"""Largest number of labels in a message."""


def read_label_map(volume: Volume, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """(x, y, z) codes: 0 outside, 1 organ, 2 tumour, then further structures. The only label may also be 255.

    Raises
    ------
    DataError
        If the map contains fractions, or labels that are neither chosen nor ignored.
    """
    organ = preprocessing.organ_labels
    lesions = (preprocessing.tumour_labels, *(labels for _, labels in preprocessing.further_labels))
    ignored = preprocessing.ignored_labels
    unknown: set[int] = set()
    codes = volume.read(encode=_encoder(volume, organ, lesions, unknown))
    unknown = set() if ignored is None else unknown - set(ignored)
    if unknown == {BINARY_LABEL} and not codes.any():
        return volume.read(encode=any_label(volume))
    if unknown:
        raise _unknown_labels(volume, unknown, organ, preprocessing.tumour_labels)
    return codes


def any_label(volume: Volume, seen: set[int] | None = None) -> LabelEncoder:
    """Encoder of a mask of one structure: all labels above 0 become 1; `seen` gets the smallest and the largest."""

    def encode(stored: NDArray[Any]) -> NDArray[np.uint8]:
        values = _values(volume, stored)
        inside: NDArray[np.bool_] = values > 0
        if seen is not None and inside.any():
            seen.update({int(values.min(where=inside, initial=values.max())), int(values.max())})
        return inside.view(np.uint8)

    return encode


def _encoder(
    volume: Volume, organ: tuple[int, ...], lesions: tuple[tuple[int, ...], ...], unknown: set[int]
) -> LabelEncoder:
    """Function from stored labels to codes; labels without a code are added to `unknown`."""

    def is_any_of(values: NDArray[Any], labels: tuple[int, ...]) -> NDArray[np.bool_]:
        return reduce(np.logical_or, [values == label for label in labels])

    def encode(stored: NDArray[Any]) -> NDArray[np.uint8]:
        values = _values(volume, stored)
        codes: NDArray[np.uint8] = (is_any_of(values, organ) if organ else values > 0).view(np.uint8)
        for code, labels in enumerate(lesions, start=TUMOUR):
            if labels:
                codes[is_any_of(values, labels)] = code
        if np.count_nonzero(values) != np.count_nonzero(codes):
            rest = values[(codes == 0) & (values > 0)]
            unknown.update(int(label) for label in np.unique(rest))
        return codes

    return encode


def _values(volume: Volume, stored: NDArray[Any]) -> NDArray[Any]:
    """Labels from stored numbers; they may be stored with a scale."""
    if volume.dtype.kind in "iu" and (volume.slope, volume.intercept) == (1.0, 0.0):
        return stored
    scaled = stored.astype(np.float64) * volume.slope + volume.intercept
    values: NDArray[np.float64] = np.rint(scaled)
    if not (np.abs(scaled - values) <= 1e-3).all():
        raise DataError(
            f"{volume.name} contains fractions or NaN",
            where=str(volume.path),
            expected="whole numbers, one per label",
            try_="resample masks with nearest-neighbour interpolation",
        )
    return values


def _unknown_labels(volume: Volume, unknown: set[int], organ: tuple[int, ...], tumour: tuple[int, ...]) -> DataError:
    listed = ", ".join(map(str, sorted(unknown)[:LISTED])) + (", …" if len(unknown) > LISTED else "")
    labels = ",".join(map(str, tumour))
    return DataError(
        f"{volume.name} contains label {listed}, whose meaning is not known: the organ is label "
        f"{','.join(map(str, organ))}, the tumour {f'label {labels}' if labels else 'has no label'}",
        where=str(volume.path),
        expected="only these labels, or a dataset.json that names all labels",
        try_=f"--set data.organ_labels=LABEL and --set data.tumour_labels=LABEL; others are then ignored ({NO_TUMOUR})",
    )
