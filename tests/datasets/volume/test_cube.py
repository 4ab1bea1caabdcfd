"""Real files do all of this; each line of the list in the issue is a test."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, inv_ornt_aff

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.cube import Cube, make_cube
from survembed.datasets.volume.cube_cache import load_cube, save_cube
from survembed.datasets.volume.organ_mask import read_mask
from survembed.datasets.volume.resample import box_average, fractions_to_bytes, overlap_weights
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import LIMIT, PREPROCESSING, SPACING, affine_of, anatomy, is_made_or_refused, write_case

CELL_ML = 5.0**3 / 1000


def tumour_in(cube: Cube, cell_ml: float = CELL_ML) -> float:
    return float(cube.image[1].sum() / 255 * cell_ml)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


# Exactness


def test_overlap_is_the_length_that_cells_and_voxels_share() -> None:
    weights = overlap_weights(n_source=3, spacing=2.0, start=-1.0, n_target=3, target_spacing=2.5)
    expected = [[1.5, 0, 0], [0.5, 2, 0], [0, 0, 2]]  # cells [-1, 1.5], [1.5, 4], [4, 6.5]
    np.testing.assert_allclose(weights, np.array(expected) / 2.5, rtol=1e-6)


@given(
    count=st.integers(1, 40),
    spacing=st.floats(0.3, 6),
    start=st.floats(-30, 30),
    cells=st.integers(1, 30),
    cell=st.floats(0.3, 9),
)
def test_overlap_conserves_length(count: int, spacing: float, start: float, cells: int, cell: float) -> None:
    covered = max(0.0, min(count * spacing, start + cells * cell) - max(0.0, start))
    weights = overlap_weights(count, spacing, start, cells, cell)
    assert weights.min() >= 0
    assert weights.max() <= 1 + 1e-6
    assert weights.sum() * cell == pytest.approx(covered, rel=1e-4, abs=1e-4)


def test_box_average_equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    volume = rng.random((4, 5, 6), dtype=np.float32)  # z, y, x in voxels of 1
    along = (
        overlap_weights(6, 1, -0.5, 3, 2.2),
        overlap_weights(5, 1, 0.3, 2, 2.1),
        overlap_weights(4, 1, 0.1, 3, 1.3),
    )
    fine = volume.repeat(20, 0).repeat(20, 1).repeat(20, 2)
    at = [(np.arange(n * 20) + 0.5) / 20 for n in (6, 5, 4)]
    for k, j, i in itertools.product(range(3), range(2), range(3)):
        x = (at[0] > -0.5 + i * 2.2) & (at[0] < -0.5 + (i + 1) * 2.2)
        y = (at[1] > 0.3 + j * 2.1) & (at[1] < 0.3 + (j + 1) * 2.1)
        z = (at[2] > 0.1 + k * 1.3) & (at[2] < 0.1 + (k + 1) * 1.3)
        expected = fine[np.ix_(z, y, x)].sum() / 20**3 / (2.2 * 2.1 * 1.3)
        assert box_average(volume, along)[k, j, i] == pytest.approx(expected, rel=1e-3, abs=1e-3)


@given(st.lists(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1, width=32)), max_size=300))
def test_bytes_keep_the_sum_and_each_value(values: list[float]) -> None:
    fraction = np.array(values, np.float32)
    stored = fractions_to_bytes(fraction).astype(np.float64)
    assert abs(stored.sum() - fraction.sum(dtype=np.float64) * 255) <= 0.5 + 1e-6
    assert np.all(np.abs(stored - fraction * 255.0) <= 1 + 1e-6)
    assert (stored[fraction == 0] == 0).all()
    assert (stored[fraction == 1] == 255).all()


def test_volumes_are_those_of_the_mask(case: Case) -> None:
    labels = anatomy()[1]
    voxel = float(np.prod(SPACING)) / 1000
    cube = make_cube(case, PREPROCESSING)
    assert cube.organ_ml == pytest.approx((labels > 0).sum() * voxel)
    assert cube.tumour_ml == pytest.approx((labels == 2).sum() * voxel)
    assert tumour_in(cube) == pytest.approx(cube.tumour_ml, rel=1e-4)
    assert cube.outside == 0
    assert cube.warnings == ()


def test_organ_is_the_union_of_its_labels_and_the_tumour(case: Case) -> None:
    every = read_mask(case, PREPROCESSING)
    named = read_mask(case, replace(PREPROCESSING, organ_labels=(1,), tumour_labels=(2,)))
    np.testing.assert_array_equal(every.codes, named.codes)
    assert read_mask(case, replace(PREPROCESSING, organ_labels=(1,), tumour_labels=(7,))).tumour_ml == 0


def test_further_structures_have_masks_and_volumes_of_their_own(case: Case) -> None:
    _, labels = anatomy()
    labels[20:24, 20:24, 12:16][labels[20:24, 20:24, 12:16] == 1] = 3
    recipe = replace(PREPROCESSING, organ_name="kidney", further_labels=(("cyst", (3,)),), keep_organ=True)
    with_ct = write_case(case.mask.parents[1] / "b", anatomy()[0], labels)
    cube, plain = make_cube(with_ct, recipe), make_cube(replace(with_ct, ct=None), recipe)
    assert [channel.name for channel in recipe.channels(True)] == ["ct", "kidney", "tumour", "cyst"]
    assert [channel.name for channel in recipe.channels(False)] == ["kidney", "tumour", "cyst"]
    np.testing.assert_array_equal(cube.image[1:], plain.image)
    np.testing.assert_array_equal(cube.image[[0, 2]], make_cube(with_ct, PREPROCESSING).image)
    ml = float(np.prod(SPACING)) / 1000
    assert cube.further_ml == pytest.approx([(labels == 3).sum() * ml])
    assert cube.organ_ml == pytest.approx((labels > 0).sum() * ml)  # a cyst is part of its organ
    decoded = plain.image.sum(axis=(1, 2, 3), dtype=np.float64) / 255 * 5**3 / 1000
    np.testing.assert_allclose(decoded, [plain.organ_ml, plain.tumour_ml, *plain.further_ml], rtol=1e-3)
    path = with_ct.mask.parents[1] / "part.npz"
    save_cube(path, cube)
    assert (kept := load_cube(path)) is not None
    assert kept.further_ml == cube.further_ml


def test_hu_are_averaged_inside_the_organ_only(tmp_path: Path) -> None:
    _, labels = anatomy()
    hu = np.where(labels > 0, 50, -900).astype(np.int16)
    image = make_cube(write_case(tmp_path, hu, labels), PREPROCESSING).image[0]
    assert set(np.unique(image)) == {0, round(200 / 400 * 255)}


def test_clip_goes_before_the_average(tmp_path: Path) -> None:
    _, labels = anatomy()
    hu = np.full(labels.shape, 50, np.int16)
    hu[::2] = -3024  # padding of some scanners; unclipped it would pull every mean below the window
    image = make_cube(write_case(tmp_path, hu, labels), PREPROCESSING).image[0]
    inner = image[11:13, 11:13, 11:13]
    assert inner.mean() == pytest.approx(255 * 0.25, abs=15)


def test_affine_places_the_cube_on_the_patient(case: Case) -> None:
    cube = make_cube(case, PREPROCESSING)
    index = np.argwhere(cube.image[1] > 0)
    weights = cube.image[1][tuple(index.T)]
    centre = cube.affine[:3, :3] @ np.average(index, axis=0, weights=weights) + cube.affine[:3, 3]
    expected = affine_of()[:3, :3] @ np.argwhere(anatomy()[1] == 2).mean(axis=0) + affine_of()[:3, 3]
    np.testing.assert_allclose(centre, expected, atol=0.05)


def test_anisotropic_size_and_field_of_view(case: Case) -> None:
    cube = make_cube(case, replace(PREPROCESSING, size=(40, 24, 16), fov_mm=(120.0, 132.0, 112.0)))
    assert cube.image.shape == (2, 40, 24, 16)
    np.testing.assert_allclose(np.diag(cube.affine)[:3], [3, 5.5, 7])
    assert tumour_in(cube, 3 * 5.5 * 7 / 1000) == pytest.approx(cube.tumour_ml, rel=1e-3)


def test_stretched_organ_fills_its_cube(case: Case) -> None:
    cube = make_cube(case, replace(PREPROCESSING, fov_mm=None))
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(cube.image[0].any(axis=others))
        assert filled[0] <= 1
        assert filled[-1] >= 22


# What real files do


def without_sform(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[254:256] = b"\0\0"  # sform_code
    path.write_bytes(gzip.compress(bytes(content), 1))


@pytest.mark.parametrize("form", ["sform", "qform"])
def test_all_48_orientations_give_the_same_bytes(tmp_path: Path, form: str) -> None:
    hu, labels = anatomy((33, 28, 22))
    cubes = []
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((1.0, -1.0), repeat=3):
            orientation = np.column_stack([axes, flips])
            affine = affine_of() @ inv_ornt_aff(orientation, hu.shape)
            stored = [apply_orientation(values, orientation) for values in (hu, labels)]
            name = "".join(nib.aff2axcodes(affine))
            case = write_case(tmp_path, *stored, affine, name=name)
            if form == "qform":
                for path in case.files:
                    without_sform(path)
            cubes.append(make_cube(case, PREPROCESSING))
    assert len({path.name for path in (tmp_path / "labelsTr").iterdir()}) == 48
    assert len({cube.image.tobytes() for cube in cubes}) == 1
    assert len({open_nifti(path, LIMIT).spacing_mm.tobytes() for path in (tmp_path / "labelsTr").iterdir()}) == 1
    for cube in cubes:
        np.testing.assert_allclose(cube.affine, cubes[0].affine, atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept"),
    [
        (np.uint16, 1.0, -1024.0),
        (np.int32, 0.5, -1000.0),
        (np.float32, 1.0, 0.0),
        (np.float64, 2.0, 10.0),
    ],
)
def test_types_and_scales_mean_the_same(
    case: Case, tmp_path: Path, dtype: type, slope: float, intercept: float
) -> None:
    hu, labels = anatomy()
    stored = ((hu.astype(np.float64) - intercept) / slope).astype(dtype)
    other = write_case(tmp_path / "other", stored, labels, slope=slope, intercept=intercept)
    difference = make_cube(other, PREPROCESSING).image.astype(int) - make_cube(case, PREPROCESSING).image
    assert np.abs(difference).max() <= (1 if dtype == np.int32 else 0)


def test_big_endian_file_is_read(case: Case, tmp_path: Path) -> None:
    assert case.ct is not None
    path = tmp_path / "big.nii"
    image = nib.load(case.ct)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, image.header.as_byteswapped(">")), path)
    assert open_nifti(path, LIMIT).dtype.byteorder == ">"
    np.testing.assert_array_equal(
        make_cube(replace(case, ct=path), PREPROCESSING).image, make_cube(case, PREPROCESSING).image
    )


def test_nifti_2_is_read(case: Case, tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(anatomy()[0], affine_of()), tmp_path / "two.nii.gz")
    other = replace(case, ct=tmp_path / "two.nii.gz")
    np.testing.assert_array_equal(make_cube(other, PREPROCESSING).image, make_cube(case, PREPROCESSING).image)


def test_float_labels_are_labels_and_fractions_are_refused(case: Case) -> None:
    labels = anatomy()[1].astype(np.float64)
    before = read_mask(case, PREPROCESSING)
    write_nifti(case.mask, labels, affine_of())
    np.testing.assert_array_equal(read_mask(case, PREPROCESSING).codes, before.codes)
    labels[3, 3, 3] = 0.4
    write_nifti(case.mask, labels, affine_of())
    with pytest.raises(DataError, match="fractions"):
        read_mask(case, PREPROCESSING)


def test_oblique_scan_keeps_volume_and_place(tmp_path: Path) -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = affine_of()
    affine[:3, :3] = turn @ affine[:3, :3]
    cube = make_cube(write_case(tmp_path, *anatomy(), affine), PREPROCESSING)
    assert tumour_in(cube) == pytest.approx(cube.tumour_ml, rel=1e-4)
    np.testing.assert_allclose(cube.affine[:3, :3] / 5, turn, atol=1e-6)


def test_sheared_axes_are_refused(tmp_path: Path) -> None:
    affine = affine_of()
    affine[1, 2] = 0.5
    with pytest.raises(DataError, match="right angles") as refused:
        make_cube(write_case(tmp_path, *anatomy(), affine), PREPROCESSING)
    assert refused.value.try_


def test_mask_on_another_grid_is_resampled_with_a_warning(case: Case, tmp_path: Path) -> None:
    expected = make_cube(case, PREPROCESSING)
    labels = anatomy()[1]
    padded = np.pad(labels, ((3, 0), (0, 2), (1, 1)))  # the same voxels in a larger grid
    affine = affine_of()
    affine[:3, 3] -= affine[:3, :3] @ [3, 0, 1]
    write_nifti(case.mask, padded, affine)
    cube = make_cube(case, PREPROCESSING)
    np.testing.assert_array_equal(cube.image, expected.image)
    assert any("different grids" in warning for warning in cube.warnings)

    fine = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    affine = affine_of(tuple(np.array(SPACING) / 2), tuple(np.array([-40.0, 20.0, 11.0]) - np.array(SPACING) / 4))
    write_nifti(case.mask, fine, affine)
    cube = make_cube(case, PREPROCESSING)
    assert cube.tumour_ml == pytest.approx(expected.tumour_ml)
    np.testing.assert_array_equal(cube.image, expected.image)


def test_a_ct_that_leaves_lesions_out_says_how_many(case: Case) -> None:
    assert case.ct is not None
    hu, labels = anatomy()
    write_nifti(case.ct, hu[:30], affine_of())
    (warning,) = (text for text in make_cube(case, PREPROCESSING).warnings if "different grids" in text)
    organ, lesions = ((part[:30]).sum() / part.sum() for part in (labels > 0, labels == 2))
    assert f"({organ:.0%} of the organ and {lesions:.0%} of its lesions inside the CT)" in warning


def test_mask_that_lies_elsewhere_is_refused(case: Case) -> None:
    write_nifti(case.mask, anatomy()[1], affine_of(origin=(400.0, 0.0, 0.0)))
    with pytest.raises(DataError, match="only 0% of the organ lies inside") as refused:
        make_cube(case, PREPROCESSING)
    assert "header lost" in str(refused.value.expected)


def test_identity_affine_gives_way_to_voxel_sizes(case: Case, tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    labels = anatomy()[1]
    header.set_data_shape(labels.shape)
    header.set_zooms(SPACING)
    header.set_sform(np.eye(4), 1)
    header["qform_code"] = 0
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = tmp_path / "identity.nii"
    path.write_bytes(header.binaryblock + bytes(4) + labels.tobytes(order="F"))
    cube = make_cube(Case("a", None, path), PREPROCESSING)
    assert cube.tumour_ml == pytest.approx(make_cube(case, PREPROCESSING).tumour_ml)
    assert "identity" in cube.warnings[0]
    write_nifti(path, labels, np.eye(4))
    assert "a lost header" in make_cube(Case("a", None, path), PREPROCESSING).warnings[0]


def test_sform_and_qform_that_disagree(case: Case, tmp_path: Path) -> None:
    image = nib.load(case.mask)
    labels = np.asarray(image.dataobj)
    shifted = affine_of(origin=(300.0, 0.0, 0.0))
    image.header.set_qform(shifted, 1)
    path = tmp_path / "disagree.nii.gz"
    nib.save(nib.Nifti1Image(labels, None, image.header), path)
    cube = make_cube(Case("a", None, path), PREPROCESSING)
    assert "sform and qform differ" in cube.warnings[0]
    np.testing.assert_allclose(cube.affine, make_cube(replace(case, ct=None), PREPROCESSING).affine, atol=1e-4)
    header = image.header.copy()
    header.set_sform(affine_of((1.0, 1.0, 7.0)), 1)
    nib.save(nib.Nifti1Image(labels, None, header), path)
    with pytest.raises(DataError, match="two voxel sizes"):
        open_nifti(path, LIMIT)


def test_nan_inside_the_organ_is_refused_and_outside_is_not(tmp_path: Path) -> None:
    hu, labels = anatomy()
    floats = hu.astype(np.float32)
    floats[labels == 0] = np.nan
    case = write_case(tmp_path, floats, labels)
    np.testing.assert_array_equal(
        make_cube(case, PREPROCESSING).image, make_cube(write_case(tmp_path, hu, labels, name="b"), PREPROCESSING).image
    )
    floats[tuple(np.argwhere(labels == 2)[0])] = np.nan
    with pytest.raises(DataError, match="NaN or infinity inside the organ"):
        make_cube(write_case(tmp_path, floats, labels), PREPROCESSING)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.999])
def test_truncated_gzip_is_refused(case: Case, keep: float) -> None:
    content = case.mask.read_bytes()
    case.mask.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataError, match="truncated"):
        make_cube(case, PREPROCESSING)


def test_broken_checksum_is_refused_even_outside_the_organ(case: Case) -> None:
    assert case.ct is not None
    content = bytearray(case.ct.read_bytes())
    content[-8] ^= 1  # the CRC stands in the last eight bytes
    case.ct.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        make_cube(case, PREPROCESSING)


def test_checksum_is_reached_where_the_voxels_fill_their_buffer(tmp_path: Path) -> None:
    labels = np.zeros((32, 33, 341), np.uint8)  # with its 352 bytes of header a multiple of 8192
    labels[10:20, 10:20, 100:140] = 1
    path = tmp_path / "large.nii.gz"
    write_nifti(path, labels, affine_of((2.0, 2.0, 0.5)))
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        make_cube(Case("a", None, path), PREPROCESSING)


def test_gzip_of_several_members_is_read_whole(case: Case) -> None:
    expected = make_cube(case, PREPROCESSING)
    content = gzip.decompress(case.mask.read_bytes())
    cut = len(content) // 2
    case.mask.write_bytes(gzip.compress(content[:cut]) + gzip.compress(content[cut:]))
    np.testing.assert_array_equal(make_cube(case, PREPROCESSING).image, expected.image)


def test_name_does_not_decide_on_compression(case: Case, tmp_path: Path) -> None:
    expected = make_cube(case, PREPROCESSING)
    content = case.mask.read_bytes()
    case.mask.write_bytes(gzip.decompress(content))  # a plain file named .gz
    zipped = tmp_path / "zipped.nii"
    zipped.write_bytes(content)
    for mask in (case.mask, zipped):
        np.testing.assert_array_equal(make_cube(replace(case, mask=mask), PREPROCESSING).image, expected.image)


def test_truncated_plain_file_is_refused_from_its_size(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "plain.nii"
    path.write_bytes(gzip.decompress(case.mask.read_bytes())[:-1])
    with pytest.raises(DataError, match="truncated"):
        open_nifti(path, LIMIT)


def test_empty_organ_is_refused_and_empty_tumour_is_not(tmp_path: Path) -> None:
    hu, labels = anatomy()
    case = write_case(tmp_path, hu, np.minimum(labels, 1))
    assert make_cube(case, PREPROCESSING).tumour_ml == 0
    assert make_cube(case, PREPROCESSING).image[1].max() == 0
    with pytest.raises(DataError, match="contains no organ") as refused:
        make_cube(write_case(tmp_path, hu, np.zeros_like(labels)), PREPROCESSING)
    assert refused.value.try_


def test_fourth_axis_of_one_is_let_pass_and_others_are_refused(case: Case) -> None:
    labels = anatomy()[1]
    expected = read_mask(case, PREPROCESSING).codes
    write_nifti(case.mask, labels[..., None], affine_of())
    np.testing.assert_array_equal(read_mask(case, PREPROCESSING).codes, expected)
    for wrong in (np.stack([labels, labels], axis=-1), labels[0]):
        write_nifti(case.mask, wrong, affine_of())
        with pytest.raises(DataError, match="axes"):
            read_mask(case, PREPROCESSING)


def test_lesions_that_fill_the_organ_are_noted(tmp_path: Path) -> None:
    hu, labels = anatomy()
    mask = read_mask(write_case(tmp_path, hu, np.where(labels > 0, 2, 0).astype(np.uint8)), PREPROCESSING)
    assert mask.tumour_ml == mask.organ_ml
    assert any("fill the whole organ" in warning for warning in mask.warnings)


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_lengths_in_metres_and_micrometres_are_refused(case: Case, factor: float) -> None:
    """Read as mm they would give organs of no volume, or of a whole country's, and cubes that hold nothing."""
    scaled = np.diag([factor, factor, factor, 1.0]) @ affine_of()
    write_nifti(case.mask, anatomy()[1], scaled)
    with pytest.raises(DataError, match=r"affine of .* is not valid") as refused:
        read_mask(case, PREPROCESSING)
    assert "in mm" in str(refused.value.try_)


def test_colours_are_refused(case: Case) -> None:
    assert case.ct is not None
    picture = np.zeros((50, 44, 34), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(picture, affine_of()), case.ct)
    with pytest.raises(DataError, match="contains colours"):
        make_cube(case, PREPROCESSING)


def test_too_many_voxels_are_refused_from_the_header(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((20000, 20000, 20000))
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(2**26)))  # 64 kB that unpack to 64 MB
    tracemalloc.start()
    with pytest.raises(DataError, match="declares 8,000,000,000,000 voxels"):
        make_cube(Case("a", None, path), PREPROCESSING)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_organ_outside_the_field_of_view_warns_then_refuses(case: Case) -> None:
    warned = make_cube(case, replace(PREPROCESSING, fov_mm=(60.0, 120.0, 120.0)))
    assert 0.01 < warned.outside < 0.05
    assert any("outside the cube" in warning for warning in warned.warnings)
    codes = read_mask(case, PREPROCESSING).codes
    kept = codes[(codes.shape[0] - 30) // 2 :][:30] if codes.shape[0] % 2 == 0 else None
    if kept is not None:
        assert warned.outside == pytest.approx(1 - (kept > 0).sum() / (codes > 0).sum(), abs=1e-5)
    with pytest.raises(DataError, match="lies outside a cube of 40 × 120 × 120 mm") as refused:
        make_cube(case, replace(PREPROCESSING, fov_mm=(40.0, 120.0, 120.0)))
    assert refused.value.try_ == "--set data.fov_mm=80"


def test_organ_at_the_edge_of_the_scan_is_noted(tmp_path: Path) -> None:
    hu, labels = anatomy()
    case = write_case(tmp_path, hu[:, :, 10:], labels[:, :, 10:])
    assert any("may be cut" in warning for warning in make_cube(case, PREPROCESSING).warnings)


def test_separate_masks_of_tumours_are_joined(case: Case, tmp_path: Path) -> None:
    labels = anatomy()[1]
    first, second = labels == 2, labels == 2
    first[25:], second[:25] = False, False
    paths = [tmp_path / f"{name}.nii.gz" for name in ("liver", "tumour1", "tumour2")]
    for path, values in zip(paths, (labels == 1, first, second), strict=True):
        write_nifti(path, values.astype(np.uint8) * 255, affine_of())
    apart = Case("a", case.ct, paths[0], (paths[1], paths[2]))
    np.testing.assert_array_equal(make_cube(apart, PREPROCESSING).image, make_cube(case, PREPROCESSING).image)
    write_nifti(paths[1], np.zeros((4, 4, 4), np.uint8), affine_of())
    with pytest.raises(DataError, match="different grids"):
        make_cube(apart, PREPROCESSING)


# Real files


def test_real_ct_with_its_liver(test_data: Path) -> None:
    folder = test_data / "ct" / "nnunet"
    case = Case("a", folder / "imagesTr" / "totalseg_0000.nii.gz", folder / "labelsTr" / "totalseg.nii.gz")
    cube = make_cube(case, replace(PREPROCESSING, size=(64, 64, 64), fov_mm=(240.0, 240.0, 240.0)))
    labels = np.asarray(nib.load(case.mask).dataobj)
    assert cube.organ_ml == pytest.approx((labels > 0).sum() * 0.027, rel=1e-5)
    assert cube.tumour_ml == 0
    assert any("may be cut" in warning for warning in cube.warnings)  # its top is missing
    hu = cube.image[0][cube.image[0] > 0] / 255 * 400 - 150
    in_file = np.asarray(nib.load(case.ct).dataobj)[labels > 0]
    assert np.mean(hu) == pytest.approx(np.clip(in_file, -150, 250).mean(), abs=1.5)


def test_real_ct_with_padding_is_clipped(test_data: Path, tmp_path: Path) -> None:
    ct = test_data / "ct" / "crlm" / "CRLM-CT-1004_0000.nii.gz"
    volume = open_nifti(ct, LIMIT)
    stored = volume.read()
    assert stored.min() < -1000
    labels = np.zeros(volume.shape, np.uint8)
    labels[5:100, 40:100, 20:50] = 1  # reaches from the body into the padding beside it
    write_nifti(tmp_path / "mask.nii.gz", labels, volume.affine)
    cube = make_cube(Case("a", ct, tmp_path / "mask.nii.gz"), replace(PREPROCESSING, fov_mm=(300.0, 300.0, 300.0)))
    inside = (np.clip(stored, -150, 250)[labels > 0].mean() + 150) / 400
    occupied = make_cube(
        Case("a", None, tmp_path / "mask.nii.gz"), replace(PREPROCESSING, fov_mm=(300.0, 300.0, 300.0))
    )
    weights = occupied.image[0] * (occupied.image[0] >= 128)
    assert np.average(cube.image[0], weights=weights) / 255 == pytest.approx(inside, abs=0.01)


def test_reading_equals_nibabel(test_data: Path) -> None:
    for path in (test_data / "ct" / "nnunet" / "imagesTr").iterdir():
        canonical = nib.as_closest_canonical(nib.load(path))
        volume = open_nifti(path, LIMIT)
        np.testing.assert_array_equal(volume.read(), np.asarray(canonical.dataobj))
        np.testing.assert_allclose(volume.affine, canonical.affine)
        box = (slice(3, 40), slice(10, 11), slice(60, 100))
        np.testing.assert_array_equal(volume.read(box), np.asarray(canonical.dataobj)[box])


# Hostile files: only our own errors come out


@pytest.fixture(scope="module")
def valid_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("valid") / "a.nii"
    write_nifti(path, anatomy((10, 9, 8))[1], affine_of())
    return path.read_bytes()


def attempt(path: Path) -> None:
    assert is_made_or_refused(Case("a", None, path), replace(PREPROCESSING, voxel_limit=10**6))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_headers_raise_only_our_errors(tmp_path: Path, valid_bytes: bytes, data: st.DataObject) -> None:
    content = bytearray(valid_bytes)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.one_of(st.integers(40, 124), st.integers(252, 328), st.integers(0, 351)))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated.nii"
    path.write_bytes(bytes(content))
    attempt(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=900), zipped=st.booleans(), magic=st.booleans(), cut=st.integers(0, 40))
def test_random_bytes_raise_only_our_errors(
    tmp_path: Path, content: bytes, zipped: bool, magic: bool, cut: int
) -> None:
    if magic:
        content = content[:344].ljust(344, b"\1") + b"n+1\0" + content[344:]
    if zipped:
        content = gzip.compress(content)
        content = content[: max(2, len(content) - cut)]
    path = tmp_path / "random.nii.gz"
    path.write_bytes(content)
    attempt(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_damaged_gzip_raises_only_our_errors(tmp_path: Path, valid_bytes: bytes, at: int, value: int) -> None:
    content = bytearray(gzip.compress(valid_bytes))
    content[at % len(content)] = value
    path = tmp_path / "damaged.nii.gz"
    path.write_bytes(bytes(content))
    attempt(path)
