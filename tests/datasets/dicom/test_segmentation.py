"""DICOM segmentations: segments by label, on the slices of their CT."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from survembed.datasets.dicom.segmentation import read_segments
from survembed.datasets.dicom.series import open_series
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError
from tests.datasets.dicoms import (
    LIMIT,
    ORGAN,
    SPACING,
    STEP,
    TUMOUR,
    expected_codes,
    generate_uid,
    masks,
    pydicom,
    ras,
    series_of,
    stored,
    write_seg,
    write_series,
    write_study,
)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segments_by_label_overlap_on_some_of_the_slices(tmp_path: Path, kind: str) -> None:
    slices = write_series(tmp_path / "ct", stored())
    seg = write_seg(tmp_path / "seg.dcm", slices, masks(), kind)
    series = open_series(series_of(slices), LIMIT)
    codes = read_segments(DicomFiles("DICOM SEG", (seg,)), series, ORGAN, TUMOUR)
    np.testing.assert_array_equal(codes, ras(expected_codes()))
    only = read_segments(DicomFiles("DICOM SEG", (seg,)), series, ("LIVER",), ("tumor_2",))
    assert (only == 2).sum() == masks()["Tumor_2"].sum()


def test_labelmap_segmentation(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    drawn = masks()
    apart = {"Liver": drawn["Liver"] & ~drawn["Tumor_1"], "Tumor_1": drawn["Tumor_1"]}
    seg = write_seg(tmp_path / "seg.dcm", slices, apart, "LABELMAP")
    codes = read_segments(DicomFiles("SEG", (seg,)), open_series(series_of(slices), LIMIT), ORGAN, TUMOUR)
    assert (codes == 2).sum() == drawn["Tumor_1"].sum()
    assert (codes == 1).sum() == apart["Liver"].sum()


def test_segments_in_several_files(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    drawn = masks()
    liver = write_seg(tmp_path / "1.dcm", slices, {"Liver": drawn["Liver"]})
    tumours = write_seg(tmp_path / "2.dcm", slices, {name: drawn[name] for name in ("Tumor_1", "Tumor_2")})
    series = open_series(series_of(slices), LIMIT)
    codes = read_segments(DicomFiles("SEG", (tumours, liver)), series, ORGAN, TUMOUR)
    np.testing.assert_array_equal(codes, ras(expected_codes()))
    for files, count in (((tumours,), 0), ((liver, liver), 2)):
        with pytest.raises(DataError, match=f"{count} segmentations contain the organ"):
            read_segments(DicomFiles("SEG", files), series, ORGAN, TUMOUR)


def test_segmentation_of_another_space_or_grid_is_refused(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    series = open_series(series_of(slices), LIMIT)

    def refused(path: Path, reason: str) -> None:
        with pytest.raises(DataError, match=reason):
            read_segments(DicomFiles("SEG", (path,)), series, ORGAN, TUMOUR)

    refused(
        write_seg(tmp_path / "1.dcm", slices, masks(), FrameOfReferenceUID=generate_uid()), "another frame of reference"
    )
    path = write_seg(tmp_path / "2.dcm", slices, masks())

    def changed(name: str, change: Any) -> Path:
        seg = pydicom.dcmread(path)
        change(seg)
        seg.save_as(tmp_path / name)
        return tmp_path / name

    def shift(seg: Any) -> None:
        position = seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
        position.ImagePositionPatient = [float(at) + 1 for at in position.ImagePositionPatient]

    def swap(seg: Any) -> None:
        frames = seg.PerFrameFunctionalGroupsSequence
        one, two = frames[0].PlanePositionSequence[0], frames[1].PlanePositionSequence[0]
        one.ImagePositionPatient, two.ImagePositionPatient = two.ImagePositionPatient, one.ImagePositionPatient

    def unplaced(seg: Any) -> None:
        for frame in seg.PerFrameFunctionalGroupsSequence:
            del frame.PlanePositionSequence

    def scale(seg: Any) -> None:
        seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [1.0, 1.0]

    refused(changed("3.dcm", shift), "lies 1.73 mm from the nearest slice")
    refused(changed("4.dcm", swap), "not that of the slice it refers to")
    refused(changed("5.dcm", scale), "rotated or scaled")
    cropped = write_series(
        tmp_path / "small", stored()[:, :20], FrameOfReferenceUID=series.slices[0].frame_of_reference
    )
    refused(write_seg(tmp_path / "6.dcm", cropped, {"Liver": masks()["Liver"][:, :20]}), "another grid")
    content, frames = path.read_bytes(), pydicom.dcmread(path).PixelData
    for name, end in (("7.dcm", 2000), ("8.dcm", content.index(frames)), ("9.dcm", content.index(frames) + 5)):
        (tmp_path / name).write_bytes(content[:end])
        refused(tmp_path / name, "damaged")


def test_real_segmentation_equals_its_nrrd_voxel_by_voxel(test_data: Path) -> None:
    case = find_cases(test_data / "ct" / "dicom_seg").cases[0]
    assert isinstance(case.ct, DicomFiles)
    assert isinstance(case.mask, DicomFiles)
    series = open_series(case.ct, LIMIT)
    codes = read_segments(case.mask, series, ORGAN, TUMOUR)
    labels, affine = read_nrrd(test_data / "ct" / "dicom_seg" / "liver_seg.nrrd")
    np.testing.assert_array_equal(codes, labels[::-1, ::-1])
    assert labels.sum() == 107_098
    np.testing.assert_allclose(
        series.spacing_mm, np.diag(affine)[:3], atol=1e-4
    )  # slices say 1.25 mm thick, lie 1 apart
    np.testing.assert_allclose(series.affine @ [511, 511, 0, 1], [235.2, 226.8, -128.69, 1], atol=1e-4)


def read_nrrd(path: Path) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Array in LPS order and its LPS affine; as much of NRRD as this file uses."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    assert (fields["type"], fields["encoding"], fields["endian"]) == ("short", "gzip", "little")
    assert fields["space"] == "left-posterior-superior"
    affine = np.eye(4)
    vectors = fields["space directions"].split()
    affine[:3, :3] = np.array([[float(x) for x in vector.strip("()").split(",")] for vector in vectors]).T
    shape = [int(count) for count in fields["sizes"].split()]
    return np.frombuffer(gzip.decompress(body), "<i2").reshape(shape, order="F"), affine


def test_case_becomes_a_cube(tmp_path: Path) -> None:
    case = find_cases(write_study(tmp_path, ("P1",))).cases[0]
    preprocessing = Preprocessing((16, 16, 16), (60.0, 60.0, 60.0), (-150.0, 250.0), (), (2,), LIMIT, ORGAN, TUMOUR)
    cube = make_cube(case, preprocessing)
    voxel = SPACING[0] * SPACING[1] * STEP / 1000
    assert cube.organ_ml == pytest.approx((expected_codes() > 0).sum() * voxel)
    assert cube.tumour_ml == pytest.approx((expected_codes() == 2).sum() * voxel)
    assert cube.image[1].sum() / 255 * (60 / 16) ** 3 / 1000 == pytest.approx(cube.tumour_ml, rel=0.01)
    inside = cube.image[0][cube.image[0] > 0]
    assert np.median(inside) == pytest.approx((1100 - 1024 + 150) / 400 * 255, abs=12)
