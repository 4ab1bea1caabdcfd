"""DICOM segmentations: frames of organ and tumour, by the labels of their segments, on the slices of the CT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.parsing import parsing
from survembed.datasets.dicom.segment_names import segment_name, segment_role
from survembed.datasets.dicom.series import ImageSeries
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.structure_names import MaskNames, Role
from survembed.errors import DataError

CODES = {Role.ORGAN: 1, Role.LESION: 2}
MAX_DISTANCE = 0.1
"""Largest distance of a frame from its slice, as a share of the smallest spacing."""
DESCRIPTION = "a DICOM segmentation"


def read_segments(
    files: DicomFiles, series: ImageSeries, organ: Sequence[str] = (), tumour: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Read the segments of organ and tumour on the grid of their CT.

    Segments may overlap (then the tumour is kept), cover some of the slices in any order, and be in several files.

    Parameters
    ----------
    files
        The segmentations drawn on `series`.
    organ, tumour
        Patterns for labels of segments, case-insensitive; `*` matches any characters. Empty: by `segment_role`.

    Returns
    -------
    ndarray
        (x, y, z) uint8 in RAS order, x fastest in memory: 0 outside, 1 organ, 2 tumour.

    Raises
    ------
    DataError
        If a file is damaged, has another frame of reference or grid than the CT, or if not exactly one file contains
        the organ, or two segments of it may be the organ.
    """
    columns, rows, count = series.stored_shape
    codes = np.zeros((count, rows, columns), np.uint8)
    names = MaskNames(tuple(organ), tuple(tumour))
    segments: list[tuple[str, Role]] = []
    n_with_organ = 0
    for path in files.files:
        drawn: list[tuple[str, Role]] = []

        def code_of(item: Any, drawn: list[tuple[str, Role]] = drawn) -> int:
            role = segment_role(item, names)
            drawn.append((segment_name(item), role))
            return CODES.get(role, 0)

        with parsing(path, DESCRIPTION):
            draw_file(path, series, code_of, codes)
        segments += drawn
        n_with_organ += any(role is Role.ORGAN for _, role in drawn)
    labels = ", ".join(label for label, _ in segments) or "none"
    if n_with_organ != 1:
        raise DataError(
            f"{n_with_organ} segmentations contain the organ: segments {labels}",
            where=str(files),
            expected=f"one with a segment {' or '.join(organ) or 'named liver'}",
            try_="--set data.organ_segments=LABEL" if not n_with_organ else "keep the segmentation to be used",
        )
    organs = [label.casefold() for label, role in segments if role is Role.ORGAN]
    if len(organs) > 1 and not organ:
        raise DataError(
            f"{len(organs)} segments may be the organ: {', '.join(sorted(organs))}",
            where=str(files),
            expected="one segment of the organ",
            try_="--set data.organ_segments=LABEL",
        )
    return np.asarray(series.to_ras(codes))


def draw_file(path: Path, series: ImageSeries, code_of: Callable[[Any], int], codes: NDArray[np.uint8]) -> None:
    """Draw the segments of one file into `codes` (slice, row, column); the highest code of a pixel is kept.

    Parameters
    ----------
    code_of
        Code of an item of the segment sequence; 0 is not drawn.
    """
    from highdicom.seg import segread

    with path.open("rb") as file:  # given a path, highdicom would leave its file open
        _draw_segments(segread(file, lazy_frame_retrieval=True), path, series, code_of, codes)


def _draw_segments(
    seg: Any, path: Path, series: ImageSeries, code_of_item: Callable[[Any], int], codes: NDArray[np.uint8]
) -> None:
    from highdicom.seg import SegmentationTypeValues

    frame_of_reference = str(seg.get("FrameOfReferenceUID", series.slices[0].frame_of_reference))
    if frame_of_reference != series.slices[0].frame_of_reference:
        raise DataError(
            f"{DESCRIPTION} has another frame of reference than its CT",
            where=str(path),
            expected="a segmentation drawn on this CT",
        )
    if (int(seg.Rows), int(seg.Columns)) != codes.shape[1:]:
        raise _other_grid(path, f"{seg.Rows} × {seg.Columns} pixels, the CT has {codes.shape[1]} × {codes.shape[2]}")
    code_of = {int(item.SegmentNumber): code_of_item(item) for item in seg.SegmentSequence}
    is_label_map = seg.segmentation_type == SegmentationTypeValues.LABELMAP
    half = float(seg.get("MaximumFractionalValue", 1)) / 2
    shared = seg.SharedFunctionalGroupsSequence[0]
    for number, frame in enumerate(seg.PerFrameFunctionalGroupsSequence, 1):
        segment = None if is_label_map else _segment_number(frame, shared)
        if segment is not None and not code_of.get(segment):
            continue
        slice_codes = codes[_slice_index(frame, shared, series, path)]
        pixels = np.asarray(seg.get_stored_frame(number))
        for value, code in code_of.items() if segment is None else [(segment, code_of[segment])]:
            inside = pixels == value if segment is None else pixels > half
            if code:
                np.maximum(slice_codes, np.uint8(code), out=slice_codes, where=inside)


def _functional_group(frame: Any, shared: Any, name: str) -> Any:
    """A functional group of the frame, else of all frames; None if there is none."""
    group = frame.get(name) or shared.get(name)
    return group[0] if group else None


def _segment_number(frame: Any, shared: Any) -> int:
    return int(_functional_group(frame, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)


def _slice_index(frame: Any, shared: Any, series: ImageSeries, path: Path) -> int:
    """Index of the slice at the position of a frame.

    Raises
    ------
    DataError
        If there is none, the frame is rotated or scaled relative to it, or refers to another slice.
    """
    position = np.array(
        _functional_group(frame, shared, "PlanePositionSequence").ImagePositionPatient, dtype=np.float64
    )
    distances = [float(np.linalg.norm(each.position - position)) for each in series.slices]
    index = int(np.argmin(distances))
    if not distances[index] <= MAX_DISTANCE * float(series.spacing_mm.min()):
        raise _other_grid(path, f"a frame lies {distances[index]:.2f} mm from the nearest slice")
    if _source_index(frame, shared, series) not in (None, index):
        raise _other_grid(path, "a frame's position is not that of the slice it refers to")
    nearest = series.slices[index]
    orientation = _functional_group(frame, shared, "PlaneOrientationSequence").ImageOrientationPatient
    pixel_spacing = _functional_group(frame, shared, "PixelMeasuresSequence").PixelSpacing
    axes, spacing = np.array(orientation, dtype=np.float64), np.array(pixel_spacing, dtype=np.float64)
    if not np.allclose(axes, nearest.axes.ravel(), atol=1e-3) or not np.allclose(
        spacing, nearest.spacing_mm, rtol=1e-3
    ):
        raise _other_grid(path, "its frames are rotated or scaled relative to the slices")
    return index


def _source_index(frame: Any, shared: Any, series: ImageSeries) -> int | None:
    """Index of the slice that the frame refers to; None if it refers to no slice, or to several."""
    derivation = _functional_group(frame, shared, "DerivationImageSequence")
    images = derivation.get("SourceImageSequence") if derivation is not None else None
    uids = [str(image.ReferencedSOPInstanceUID) for image in images or ()]
    indices = [index for index, each in enumerate(series.slices) if each.uid and each.uid in uids]
    return indices[0] if len(indices) == 1 else None


def _other_grid(path: Path, reason: str) -> DataError:
    return DataError(
        f"{DESCRIPTION} is on another grid than its CT: {reason}",
        where=str(path),
        expected="a segmentation drawn on the slices of this CT",
        try_="convert both to NIfTI; then the mask is resampled to its CT",
    )
