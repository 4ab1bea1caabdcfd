"""DICOM: slices by position, Hounsfield units, segments by label, subjects by id, and nothing else of a patient."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from survembed.datasets import Liver
from survembed.datasets.dicom.segmentation import read_segments
from survembed.datasets.dicom.series import open_series
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError, PluginError
from survembed.workflows.check import check, write_check_page
from tests.datasets.cases import is_made_or_refused
from tests.datasets.dicoms import SECRETS, SPACING, STEP, generate_uid, pydicom, write_seg, write_series
from tests.datasets.preparing import prepared

LIMIT = 10**7
ORGAN, TUMOUR = ("liver",), ("tumor*", "tumour*")
SHAPE = (10, 30, 24)  # slices, rows, columns


def stored(seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(900, 1300, SHAPE).astype(np.int16)


def masks() -> dict[str, NDArray[np.bool_]]:
    """A liver on slices 2 to 7, two tumours that lie over it and over one another, and a vessel."""
    liver, one, two, vessel = (np.zeros(SHAPE, np.bool_) for _ in range(4))
    liver[2:8, 5:25, 4:20] = True
    one[3:5, 8:12, 8:12] = True
    two[4:6, 10:15, 10:14] = True
    vessel[:, 0:3, 0:3] = True
    return {"Liver": liver, "Portal": vessel, "Tumor_1": one, "Tumor_2": two}


def expected_codes() -> NDArray[np.uint8]:
    """(k, rows, columns)."""
    drawn = masks()
    codes = drawn["Liver"].astype(np.uint8)
    codes[drawn["Tumor_1"] | drawn["Tumor_2"]] = 2
    return codes


def ras(planes: NDArray[Any]) -> NDArray[Any]:
    """Slices (k, rows, columns) of an axial scan in RAS order."""
    return planes.transpose(2, 1, 0)[::-1, ::-1]


def series_of(paths: list[Path]) -> DicomFiles:
    return DicomFiles("CT series", tuple(paths))


def write_study(root: Path, patients: tuple[str, ...] = ("P1", "P2", "P3")) -> Path:
    """A tree as downloaded, with a table."""
    for number, patient in enumerate(patients):
        slices = write_series(root / "x" / f"{number}" / "a", stored(number), patient)
        write_seg(root / "x" / f"{number}" / "b" / "1.dcm", slices, masks())
    rows = [f"{patient},{100 + 10 * i},{i % 2}" for i, patient in enumerate(patients)]
    (root / "clinical.csv").write_text("\n".join(["id,days,event", *rows]) + "\n")
    return root


# CT series


def test_slices_in_order_of_position_with_spacing_from_positions(tmp_path: Path) -> None:
    series = open_series(series_of(write_series(tmp_path, stored())[::-1]), LIMIT)
    assert series.shape == (24, 30, 10)
    np.testing.assert_allclose(series.spacing_mm, [SPACING[1], SPACING[0], STEP])
    np.testing.assert_array_equal(series.read(), ras(stored()))
    assert (series.slope, series.intercept) == (1.0, -1024.0)
    corner = series.affine @ [23, 29, 0, 1]  # the first stored pixel: rightmost, most anterior, lowest
    np.testing.assert_allclose(corner[:3], [50, 60, -70])
    box = (slice(3, 9), slice(5, 20), slice(2, 4))
    np.testing.assert_array_equal(series.read(box), ras(stored())[box])


@pytest.mark.parametrize("axes", [(1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), (0.8, 0.6, 0, -0.6, 0.8, 0)])
def test_other_planes_are_placed_as_their_headers_say(tmp_path: Path, axes: tuple[float, ...]) -> None:
    series = open_series(series_of(write_series(tmp_path, stored(), axes=axes)), LIMIT)
    k, row, column = 4, 11, 7
    normal = np.cross(axes[:3], axes[3:])
    lps = np.array([-50, -60, -70]) + k * STEP * normal
    lps = lps + column * SPACING[1] * np.array(axes[:3]) + row * SPACING[0] * np.array(axes[3:])
    volume = series.read()
    index = np.linalg.inv(series.affine) @ [*(lps * [-1, -1, 1]), 1]
    at = tuple(np.rint(index[:3]).astype(int))
    np.testing.assert_allclose(index[:3], at, atol=1e-3)
    assert volume[at] == stored()[k, row, column]


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    changes = {3: {"RescaleSlope": 2, "RescaleIntercept": -2000}}
    series = open_series(series_of(write_series(tmp_path, stored(), changes=changes)), LIMIT)
    assert (series.slope, series.intercept) == (1.0, 0.0)
    hu = stored().astype(float) - 1024
    hu[3] = stored()[3] * 2.0 - 2000
    np.testing.assert_allclose(series.read(), ras(hu))


def bad_series() -> dict[str, tuple[dict[str, Any], str]]:
    even = [k * STEP for k in range(10)]
    return {
        "gap": ({"positions": [*even[:5], *(at + STEP for at in even[5:])]}, r"has a gap: 6 mm after slice 5 of 10"),
        "same position": ({"positions": [*even[:9], even[4]]}, "1 slice.s. at the position of another"),
        "mixed spacing": ({"changes": {2: {"PixelSpacing": [1.0, 1.0]}}}, "mixes slices"),
        "mixed direction": ({"changes": {2: {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}}}, "mixes slices"),
        "mixed space": ({"changes": {2: {"FrameOfReferenceUID": generate_uid()}}}, "mixes slices"),
        "no position": ({"changes": {2: {"ImagePositionPatient": None}}}, "lacks ImagePositionPatient"),
        "no direction": ({"ImageOrientationPatient": None}, "lacks ImageOrientationPatient"),
        "no spacing": ({"PixelSpacing": None}, "lacks PixelSpacing"),
        "spacing 0": ({"PixelSpacing": [0.0, 0.0]}, "affine of .* is not valid"),
        "slope 0": ({"RescaleSlope": 0}, "invalid position, direction, spacing or rescale"),
        "pixels cut": ({"changes": {5: {"PixelData": b"\0" * 64}}}, "damaged"),
        "no pixels": ({"changes": {5: {"PixelData": None}}}, "damaged"),
    }


@pytest.mark.parametrize("name", bad_series())
def test_bad_series_are_refused(tmp_path: Path, name: str) -> None:
    options, reason = bad_series()[name]
    files = series_of(write_series(tmp_path, stored(), **options))
    with pytest.raises(DataError, match=reason) as refused:
        open_series(files, LIMIT).read()
    assert refused.value.where
    assert refused.value.remedy


def test_tilted_gantry_and_single_slice_and_size_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "a", stored())
    for k, path in enumerate(paths):
        file = pydicom.dcmread(path)
        file.ImagePositionPatient = [-50, -60 + k, -70 + k * STEP]
        file.save_as(path)
    with pytest.raises(DataError, match="not at right angles"):
        open_series(series_of(paths), LIMIT)
    with pytest.raises(DataError, match="one slice"):
        open_series(series_of(paths[:1]), LIMIT)
    with pytest.raises(DataError, match="declares 7,200 voxels"):
        open_series(series_of(paths), 7_199)


def test_without_pydicom_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path, ("P1",))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(PluginError) as refused:
        find_cases(tmp_path)
    assert refused.value.try_ == "pip install 'survembed[dicom]'"


# Segments


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


def test_real_compressed_series(test_data: Path) -> None:
    files = series_of(sorted((test_data / "ct" / "dicom").iterdir()))
    series = open_series(files, LIMIT)
    assert series.shape == (512, 512, 20)
    np.testing.assert_allclose(series.spacing_mm, [0.976562, 0.976562, 2.0])  # slices say 3 mm thick, lie 2 apart
    hu = series.read((slice(0, 512), slice(0, 512), slice(9, 11))) * series.slope + series.intercept
    assert hu.min() == -1024
    assert 20 < np.median(hu[hu > -200]) < 80


# Trees


def test_tree_is_read_by_modality_whatever_folders_are_called(tmp_path: Path) -> None:
    root = write_study(tmp_path)
    other = write_series(root / "SEG" / "liver", stored(9), "P1")  # a second phase, not segmented
    series = pydicom.dcmread(root / "x" / "1" / "a" / "000.dcm").SeriesInstanceUID
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]  # of the very series that is segmented
    write_series(root / "CT", stored(8)[:1], "P2", ImageType=scout, SeriesInstanceUID=series)
    write_series(root / "CT-like", stored(7), "P3", Modality="MR")
    (root / "LICENSE").write_text("x" * 200)
    (root / ".hidden.dcm").write_bytes(other[0].read_bytes())
    layout = find_cases(root)
    assert layout.name == "DICOM"
    assert layout.problems == ()
    assert [case.id for case in layout.cases] == ["P1", "P2", "P3"]
    for number, case in enumerate(layout.cases):
        assert {path.parent for path in case.files} == {root / "x" / f"{number}" / room for room in ("a", "b")}


def test_what_makes_no_case_is_named(tmp_path: Path) -> None:
    root = write_study(tmp_path, ("good",))
    write_series(root / "1", stored(1), "no-seg")
    lost = write_series(root / "2", stored(2), "no-ct")
    write_seg(root / "2" / "seg.dcm", lost, masks())
    for path in lost:
        path.unlink()
    for phase in ("3", "4"):
        write_seg(root / phase / "s.dcm", write_series(root / phase, stored(3), "two"), masks())
    write_series(root / "5", stored(5), "")
    broken = write_series(root / "6", stored(6), "broken")
    broken[0].write_bytes(broken[0].read_bytes()[:180])
    layout = find_cases(root)
    assert [case.id for case in layout.cases] == ["good"]
    reasons = "\n".join(problem.message for problem in layout.problems)
    for reason in (
        "no-seg: a CT without its segmentation",
        "no-ct: a segmentation whose CT series is not there",
        "two: segmentations of 2 CT series",
        "1 CT series without a PatientID",
    ):
        assert reason in reasons


def test_segmentation_that_names_no_series_is_matched_by_its_space(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    path = write_seg(tmp_path / "seg.dcm", slices, masks())
    seg = pydicom.dcmread(path)
    del seg.ReferencedSeriesSequence
    seg.save_as(path)
    write_series(tmp_path / "other", stored(1))
    layout = find_cases(tmp_path)
    assert [len(case.files) for case in layout.cases] == [11]


def test_case_becomes_a_cube(tmp_path: Path) -> None:
    case = find_cases(write_study(tmp_path, ("P1",))).cases[0]
    recipe = Preprocessing((16, 16, 16), (60.0, 60.0, 60.0), (-150.0, 250.0), (), (2,), LIMIT, ORGAN, TUMOUR)
    cube = make_cube(case, recipe)
    voxel = SPACING[0] * SPACING[1] * STEP / 1000
    assert cube.organ_ml == pytest.approx((expected_codes() > 0).sum() * voxel)
    assert cube.tumour_ml == pytest.approx((expected_codes() == 2).sum() * voxel)
    assert cube.image[1].sum() / 255 * (60 / 16) ** 3 / 1000 == pytest.approx(cube.tumour_ml, rel=0.01)
    inside = cube.image[0][cube.image[0] > 0]
    assert np.median(inside) == pytest.approx((1100 - 1024 + 150) / 400 * 255, abs=12)


def test_nothing_of_a_patient_but_the_id_is_stored(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study")
    options = Liver(root=root, size=(16, 16, 16), fov_mm=(60, 60, 60))
    with prepared(options.build(), tmp_path / "out") as cohort:
        assert cohort.subjects.id.tolist() == ["P1", "P2", "P3"]
        assert cohort.subjects.event.tolist() == [False, True, False]
    found = check(options, "liver")
    write_check_page(found, tmp_path / "out" / "page.html")
    (tmp_path / "out" / "check.json").write_text(str(found.to_dict()))
    header = pydicom.dcmread(root / "x" / "0" / "a" / "000.dcm")
    uids = [header.SOPInstanceUID, header.SeriesInstanceUID, header.StudyInstanceUID, header.FrameOfReferenceUID]
    stored_files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(stored_files) >= 4
    for path in stored_files:
        content = path.read_bytes()
        for secret in (*SECRETS, *map(str, uids)):
            assert secret.encode() not in content, f"{secret} in {path.name}"


def test_bad_cases_of_a_tree_name_no_paths_in_what_is_stored(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study", ("P1", "P2", "P3", "P4"))
    (root / "x" / "1" / "a" / "007.dcm").unlink()
    options = Liver(root=root, size=(16, 16, 16), fov_mm=(60, 60, 60), skip_bad=True)
    with prepared(options.build(), tmp_path / "out") as cohort:
        assert cohort.subjects.id.tolist() == ["P1", "P3", "P4"]
        assert any("P2: a CT series has a gap" in note for note in cohort.header.notes)
        assert not any(".dcm" in note or "/" in note for note in cohort.header.notes)
    found = check(options, "liver")
    bad = next(case for case in found.cases if case.problem)
    assert bad.id == "P2"
    assert bad.problem is not None
    assert bad.problem.where is None


# Fuzz


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("sound"), ("P1",))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_only_our_own_errors_come_of_damaged_files(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from(["a/000.dcm", "b/1.dcm"]))
    content = bytearray((sound / "x" / "0" / victim).read_bytes())
    head = min(len(content), 4000)
    for at, value in data.draw(st.lists(st.tuples(st.integers(132, head - 1), st.integers(0, 255)), max_size=8)):
        content[at] = value
    content = content[: data.draw(st.integers(140, len(content)))]
    root = tmp_path / "study"
    for path in (sound / "x" / "0").rglob("*.dcm"):
        copy = root / path.relative_to(sound / "x" / "0")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(bytes(content) if str(path).endswith(victim) else path.read_bytes())
    recipe = Preprocessing((8, 8, 8), (60.0, 60.0, 60.0), (-150.0, 250.0), (), (2,), LIMIT, ORGAN, TUMOUR)
    for case in find_cases(root).cases:
        assert is_made_or_refused(case, recipe)
