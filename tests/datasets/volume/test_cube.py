"""Cubes: volumes, orientation, place and scale are those of the files."""

from __future__ import annotations

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, inv_ornt_aff

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.cube import Cube, make_cube
from survembed.datasets.volume.cube_cache import load_cube, save_cube
from tests.datasets.cases import LIMIT, PREPROCESSING, SPACING, affine_of, anatomy, write_case

CELL_ML = 5.0**3 / 1000


def tumour_in(cube: Cube, cell_ml: float = CELL_ML) -> float:
    return float(cube.image[1].sum() / 255 * cell_ml)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_volumes_are_those_of_the_mask(case: Case) -> None:
    labels = anatomy()[1]
    voxel = float(np.prod(SPACING)) / 1000
    cube = make_cube(case, PREPROCESSING)
    assert cube.organ_ml == pytest.approx((labels > 0).sum() * voxel)
    assert cube.tumour_ml == pytest.approx((labels == 2).sum() * voxel)
    assert tumour_in(cube) == pytest.approx(cube.tumour_ml, rel=1e-4)
    assert cube.outside == 0
    assert cube.warnings == ()


def test_further_structures_have_masks_and_volumes_of_their_own(case: Case) -> None:
    _, labels = anatomy()
    labels[20:24, 20:24, 12:16][labels[20:24, 20:24, 12:16] == 1] = 3
    preprocessing = replace(PREPROCESSING, organ_name="kidney", further_labels=(("cyst", (3,)),), keep_organ=True)
    with_ct = write_case(case.mask.parents[1] / "b", anatomy()[0], labels)
    cube, plain = make_cube(with_ct, preprocessing), make_cube(replace(with_ct, ct=None), preprocessing)
    assert [channel.name for channel in preprocessing.channels(True)] == ["ct", "kidney", "tumour", "cyst"]
    assert [channel.name for channel in preprocessing.channels(False)] == ["kidney", "tumour", "cyst"]
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


def test_oblique_scan_keeps_volume_and_place(tmp_path: Path) -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = affine_of()
    affine[:3, :3] = turn @ affine[:3, :3]
    cube = make_cube(write_case(tmp_path, *anatomy(), affine), PREPROCESSING)
    assert tumour_in(cube) == pytest.approx(cube.tumour_ml, rel=1e-4)
    np.testing.assert_allclose(cube.affine[:3, :3] / 5, turn, atol=1e-6)


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
