"""DICOM segmentations: organ and tumour by the labels of their segments, frame by frame onto the slices of their CT."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.series import Series, reading
from survembed.datasets.scan.case import DicomFiles
from survembed.errors import DataError

ORGAN, TUMOUR = 1, 2
NEAR = 0.1
"""In spacings: how far a frame may lie from the slice that it was drawn on."""
WHAT = "a DICOM segmentation"


def read_segments(files: DicomFiles, series: Series, organ: Sequence[str], tumour: Sequence[str]) -> NDArray[np.uint8]:
    """The segments of organ and tumour on the grid of their CT.

    Segments may overlap (tumour goes before organ), lie on some of the slices only, in any order, and in several files.

    Parameters
    ----------
    files
        The segmentations drawn on `series`.
    series
        The CT.
    organ, tumour
        Labels of segments, in any case, with `*` for any signs.

    Returns
    -------
    ndarray
        (x, y, z) uint8 in RAS order, x fastest in memory: 0 outside, 1 organ, 2 tumour.

    Raises
    ------
    DataError
        When a file is damaged, belongs to another frame of reference or another grid, or no segment, or several in
        different files, are the organ.
    """
    columns, rows, count = series.stored_shape
    codes = np.zeros((count, rows, columns), np.uint8)
    labels: list[str] = []
    with_organ = 0
    for path in files.files:
        with reading(path, WHAT):
            found = _add(path, series, (organ, tumour), codes)
        labels += found
        with_organ += any(_among(label, organ) for label in found)
    if with_organ != 1:
        raise DataError(
            f"{with_organ} segmentations hold the organ: segments {', '.join(labels) or 'none'}",
            where=str(files),
            expected=f"one with a segment {' or '.join(organ)}",
            try_="--set data.organ_segments=LABEL" if not with_organ else "keep the segmentation that is meant",
        )
    return np.asarray(series.canonical(codes))


def _add(
    path: Path, series: Series, wanted: tuple[Sequence[str], Sequence[str]], codes: NDArray[np.uint8]
) -> list[str]:
    """Draw the wanted segments of one file into `codes` (slice, row, column); the labels of all its segments."""
    from highdicom.seg import segread

    with path.open("rb") as file:  # frames are fetched as they are wanted; a file of highdicom's own would stay open
        return _draw(segread(file, lazy_frame_retrieval=True), path, series, wanted, codes)


def _draw(
    seg: Any, path: Path, series: Series, wanted: tuple[Sequence[str], Sequence[str]], codes: NDArray[np.uint8]
) -> list[str]:
    """The same for a segmentation that is open."""
    from highdicom.seg import SegmentationTypeValues

    frame_of_reference = str(seg.get("FrameOfReferenceUID", series.slices[0].frame_of_reference))
    if frame_of_reference != series.slices[0].frame_of_reference:
        raise DataError(
            f"{WHAT} belongs to another frame of reference than its CT",
            where=str(path),
            expected="a segmentation drawn on this CT",
        )
    if (int(seg.Rows), int(seg.Columns)) != codes.shape[1:]:
        raise _other_grid(path, f"{seg.Rows} × {seg.Columns} pixels, the CT has {codes.shape[1]} × {codes.shape[2]}")
    labels = {int(item.SegmentNumber): str(item.SegmentLabel) for item in seg.SegmentSequence}
    code_of = {number: _code(label, *wanted) for number, label in labels.items()}
    is_map = seg.segmentation_type == SegmentationTypeValues.LABELMAP
    half = float(seg.get("MaximumFractionalValue", 1)) / 2
    shared = seg.SharedFunctionalGroupsSequence[0]
    for number, frame in enumerate(seg.PerFrameFunctionalGroupsSequence, 1):
        segment = None if is_map else _segment_of(frame, shared)
        if segment is not None and not code_of.get(segment):
            continue
        plane = codes[_index(frame, shared, series, path)]
        pixels = np.asarray(seg.get_stored_frame(number))
        for value, code in code_of.items() if segment is None else [(segment, code_of[segment])]:
            inside = pixels == value if segment is None else pixels > half
            if code:
                np.maximum(plane, np.uint8(code), out=plane, where=inside)
    return list(labels.values())


def _among(label: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(label.strip().lower(), pattern.lower()) for pattern in patterns)


def _code(label: str, organ: Sequence[str], tumour: Sequence[str]) -> int:
    return TUMOUR if _among(label, tumour) else ORGAN if _among(label, organ) else 0


def _group(frame: Any, shared: Any, name: str) -> Any:
    """A functional group of a frame, its own or the one that all frames share; None where neither has it."""
    found = frame.get(name) or shared.get(name)
    return found[0] if found else None


def _segment_of(frame: Any, shared: Any) -> int:
    return int(_group(frame, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)


def _index(frame: Any, shared: Any, series: Series, path: Path) -> int:
    """The slice that a frame lies on, by its position.

    Raises
    ------
    DataError
        When no slice lies there, the frame is turned, scaled or shifted against it, or names another as its source.
    """
    position = np.array(_group(frame, shared, "PlanePositionSequence").ImagePositionPatient, dtype=np.float64)
    apart = [float(np.linalg.norm(at.position - position)) for at in series.slices]
    index = int(np.argmin(apart))
    if not apart[index] <= NEAR * float(series.spacing_mm.min()):
        raise _other_grid(path, f"a frame lies {apart[index]:.2f} mm from the nearest slice")
    if _source(frame, shared, series) not in (None, index):
        raise _other_grid(path, "a frame's position is not that of the slice it says it was drawn on")
    at = series.slices[index]
    axes = np.array(_group(frame, shared, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64)
    spacing = np.array(_group(frame, shared, "PixelMeasuresSequence").PixelSpacing, dtype=np.float64)
    if not np.allclose(axes, at.axes.ravel(), atol=1e-3) or not np.allclose(spacing, at.spacing_mm, rtol=1e-3):
        raise _other_grid(path, "its frames are turned or scaled against the slices")
    return index


def _source(frame: Any, shared: Any, series: Series) -> int | None:
    """Which slice the frame names as its source; None where it names none of them."""
    derivation = _group(frame, shared, "DerivationImageSequence")
    images = derivation.get("SourceImageSequence") if derivation is not None else None
    named = [str(image.ReferencedSOPInstanceUID) for image in images or ()]
    found = [index for index, at in enumerate(series.slices) if at.uid and at.uid in named]
    return found[0] if len(found) == 1 else None


def _other_grid(path: Path, reason: str) -> DataError:
    return DataError(
        f"{WHAT} stands on another grid than its CT: {reason}",
        where=str(path),
        expected="a segmentation drawn on the slices of this CT",
        try_="convert both to NIfTI, where a mask is resampled to its CT",
    )
