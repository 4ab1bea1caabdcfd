"""CTs in Hounsfield units pass; other units, scales and offsets are refused with their likely cause."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.hounsfield import NotHounsfieldError
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import PREPROCESSING, affine_of, write_case, write_cohort
from tests.datasets.checking import SPACING, case_of, checked
from tests.datasets.preparing import liver, prepared

SHAPE = (24, 22, 20)


def scan(organ_hu: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """HU of an ellipsoid organ with a lesion, in fat and air, with noise."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, count) for count in SHAPE], indexing="ij")
    radius = x**2 + y**2 + z**2
    labels = (radius < 0.5).astype(np.uint8)
    labels[(x - 0.2) ** 2 + y**2 + z**2 < 0.05] = 2
    hu = np.where(radius < 1.2, -90.0, -1000.0) + rng.normal(0, 12, SHAPE)
    hu[labels > 0] += organ_hu + 90
    hu[labels == 2] -= 40
    return hu, labels


def windowed(hu: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip((hu + 150) / 400, 0, 1)


WRONG: dict[str, tuple[Callable[[NDArray[np.float64]], NDArray[Any]], str]] = {
    "offset of 1024": (lambda hu: (hu + 1024).astype(np.int16), "offset of 1024: the rescale"),
    "offset of 1000": (lambda hu: (hu + 1000).clip(0).astype(np.int16), "offset of 1000|offset of 1024"),
    "subtracted twice": (lambda hu: (hu - 1024).astype(np.int16), "subtracted twice"),
    "12 bits": (lambda hu: (hu + 1024).clip(0, 4095).astype(np.uint16), "rescale intercept"),
    "HU / 10": (lambda hu: (hu / 10).astype(np.float32), "HU / 10"),
    "HU · 2": (lambda hu: (hu * 2).astype(np.int16), "another unit or scale|multiple of HU"),
    "HU · 10": (lambda hu: (hu * 10).astype(np.int16), "another unit or scale"),
    "inverted": (lambda hu: (-hu).astype(np.int16), "sign"),
    "0 to 1": (lambda hu: windowed(hu).astype(np.float32), r"scaled to \[0, 1\]"),
    "-1 to 1": (lambda hu: (windowed(hu) * 2 - 1).astype(np.float32), r"scaled to \[0, 1\] or \[-1, 1\]"),
    "0 to 255": (lambda hu: (windowed(hu) * 255).astype(np.uint8), "8-bit"),
    "0 to 255 as int16": (lambda hu: (windowed(hu) * 255).astype(np.int16), "not in Hounsfield"),
    "-128 to 127": (lambda hu: (windowed(hu) * 255 - 128).astype(np.int8), "8-bit"),
    "attenuation": (lambda hu: ((hu / 1000 + 1) * 0.0192).astype(np.float32), "attenuation"),
    "attenuation per m": (lambda hu: ((hu / 1000 + 1) * 19.2).astype(np.float32), "not in Hounsfield"),
    "standardised": (lambda hu: ((hu - hu.mean()) / hu.std()).astype(np.float32), "not in Hounsfield"),
    "constant": (lambda hu: np.full(hu.shape, 50, np.int16), "all its voxels are equal"),
    "shifted window": (lambda hu: (hu + 150).clip(0, 400).astype(np.int16), "not in Hounsfield"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("organ_hu", [40.0, 110.0])
def test_other_units_are_refused_with_their_cause(tmp_path: Path, name: str, organ_hu: float) -> None:
    change, cause = WRONG[name]
    hu, labels = scan(organ_hu)
    case = write_case(tmp_path, change(hu), labels)
    with pytest.raises(NotHounsfieldError, match=cause) as refused:
        make_cube(case, PREPROCESSING)
    assert refused.value.where == str(case.ct)
    assert "data.assume_hu" in str(refused.value.try_)
    assert make_cube(case, replace(PREPROCESSING, assume_hu=True)).organ_hu is None  # the remedy works


@pytest.mark.parametrize("organ_hu", [20, 35, 60, 110, 150, 180])
def test_phases_fatty_and_calcified_livers_pass(tmp_path: Path, organ_hu: float) -> None:
    hu, labels = scan(organ_hu)
    cube = make_cube(write_case(tmp_path, hu.astype(np.int16), labels), PREPROCESSING)
    assert cube.organ_hu == pytest.approx(organ_hu, abs=4)
    assert not any("Hounsfield" in warning for warning in cube.warnings if organ_hu not in (20, 180))
    stored = ((hu + 1000) * 2).astype(np.int16)
    scaled = write_case(tmp_path, stored, labels, slope=0.5, intercept=-1000.0, name="b")
    assert make_cube(scaled, PREPROCESSING).organ_hu == pytest.approx(organ_hu, abs=4)


def test_a_very_fatty_liver_is_a_warning_and_a_lung_needs_its_window(tmp_path: Path) -> None:
    hu, labels = scan(0)
    warnings = make_cube(write_case(tmp_path, hu.astype(np.int16), labels), PREPROCESSING).warnings
    assert any("is the CT in Hounsfield units" in warning for warning in warnings)
    hu, labels = scan(-800)
    case = write_case(tmp_path, hu.astype(np.int16), labels)
    with pytest.raises(DataError, match="not in Hounsfield"):
        make_cube(case, PREPROCESSING)
    assert make_cube(case, replace(PREPROCESSING, window=(-1000.0, 400.0))).organ_hu == pytest.approx(-800, abs=5)


@pytest.mark.parametrize("padding", [-1024, -2000, -3024])
def test_padding_is_no_multiple_of_hu(tmp_path: Path, padding: int) -> None:
    hu, labels = scan(90)
    case = write_case(tmp_path, np.where(hu < -900, padding, hu).astype(np.int16), labels)
    assert make_cube(case, PREPROCESSING).warnings == ()


@pytest.mark.parametrize("shift", [-70, 80, 100])
def test_air_elsewhere_is_a_warning(tmp_path: Path, shift: int) -> None:
    hu, labels = scan(60)
    case = write_case(tmp_path, (hu + shift).clip(-1200).astype(np.int16), labels)
    warnings = make_cube(case, PREPROCESSING).warnings
    assert any("not at -1000" in warning for warning in warnings), warnings


@pytest.mark.parametrize("change", [lambda hu: hu / 2, lambda hu: hu.clip(-200, 300), lambda hu: hu * 0.5 + 40])
def test_a_scan_without_air_is_a_warning(tmp_path: Path, change: Callable[[Any], Any]) -> None:
    hu, labels = scan(110)
    (warning,) = make_cube(write_case(tmp_path, change(hu).astype(np.int16), labels), PREPROCESSING).warnings
    assert "air has -1000" in warning


def test_a_ct_without_surroundings_is_judged_by_its_organ(tmp_path: Path) -> None:
    hu, labels = scan(90)
    hu[labels == 0] = np.nan
    assert make_cube(write_case(tmp_path, hu.astype(np.float32), labels), PREPROCESSING).organ_hu
    with pytest.raises(NotHounsfieldError):
        make_cube(write_case(tmp_path, (hu + 1024).astype(np.float32), labels), PREPROCESSING)


def test_check_and_prepare_agree_on_the_bad_case(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study", n=5)
    for number, factor, offset in ((0, 1, 1024), (3, 1, 120)):
        path = root / "imagesTr" / f"s{number}_0000.nii.gz"
        hu, labels = scan(108, number)
        write_nifti(path, (hu * factor + offset).astype(np.int16), affine_of(SPACING))
        write_nifti(root / "labelsTr" / f"s{number}.nii.gz", labels, affine_of(SPACING))
    found = checked(root)
    bad = {case.id: case.problem.message for case in found.cases if case.problem}
    assert sorted(bad) == ["s0", "s3"]
    assert "offset of 1024" in bad["s0"]
    assert "that of the cohort" in bad["s3"]
    assert case_of(found, "s0").thumbnail  # the picture shows what is wrong
    with pytest.raises(DataError) as refused:
        prepared(liver(root).build(), tmp_path / "out")
    assert refused.value.message.startswith("2 problem(s) in 5 cases")
    assert all(f"{subject}: " in refused.value.message for subject in bad)
    with prepared(liver(root, skip_bad=True).build(), tmp_path / "out") as cohort:
        assert cohort.subjects.id.tolist() == ["s1", "s2", "s4"]
    with prepared(liver(root, assume_hu=True).build(), tmp_path / "out") as cohort:
        assert len(cohort) == 5


@pytest.mark.parametrize("missing", [{"RescaleIntercept": None, "RescaleSlope": None}, {"RescaleIntercept": ""}])
def test_dicom_without_its_rescale_is_refused_by_its_values(tmp_path: Path, missing: dict[str, Any]) -> None:
    dicoms = pytest.importorskip("tests.datasets.dicoms")
    slices = dicoms.write_series(tmp_path / "ct", dicoms.stored(), "P1", **missing)
    dicoms.write_seg(tmp_path / "seg.dcm", slices, dicoms.masks())
    (tmp_path / "clinical.csv").write_text("id,days,event\nP1,100,1\n")
    problem = case_of(checked(tmp_path), "P1").problem
    assert problem is not None
    assert "offset of 1024: the rescale intercept was not applied" in problem.message


def test_files_of_the_field(test_data: Path, tmp_path: Path) -> None:
    field = test_data.parent / "field"
    if not (field / "ct_not_hu").is_dir():
        pytest.skip(f"no sample files at {field}")
    (tmp_path / "ct_not_hu").mkdir()
    for name in ("mk.py", "ct_not_hu/make.py"):
        (tmp_path / name).write_bytes((field / name).read_bytes())
    subprocess.run([sys.executable, "make.py"], cwd=tmp_path / "ct_not_hu", check=True)
    bad = {
        root.name: [case.id for case in checked(root).cases if case.problem]
        for root in sorted((tmp_path / "ct_not_hu").iterdir())
        if root.is_dir()
    }
    every = [f"c{number:03d}" for number in range(5)]
    assert bad == {**dict.fromkeys(("mu", "plus1024", "uint8win", "zeroone"), every), "one1024": ["c002"]}
