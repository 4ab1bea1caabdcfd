"""PET to SUV: each branch of QIBA's pseudo-code against arithmetic, and a published conversion of a real scan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.datasets.dicom.pet_header import PetHeader
from survembed.datasets.dicom.series import open_series
from survembed.datasets.dicom.suv import NotConvertibleError, suv_factor
from survembed.datasets.scan.case import DicomFiles
from survembed.errors import DataError
from tests.datasets.dicoms import LIMIT, pet_elements, pydicom, series_of, stored, write_series

HALF_LIFE_S = 6586.2
UNDECAYED = 70 * 1000 / 350e6
HOUR = 2 ** (3600 / HALF_LIFE_S)
"""The scan of `pet_elements` is an hour after the injection."""
START = {"RadiopharmaceuticalStartTime": None}
PHILIPS = (0x7053, "Philips PET Private Group", 0x00)
ACTIVITY = (0x7053, "Philips PET Private Group", 0x09)
GE = (0x0009, "GEMS_PETD_01", 0x0D)


def factor_of(folder: Path, changes: dict[str, Any], dose: dict[str, Any], private: dict[Any, Any]) -> float:
    """SUV per rescaled value, of slices that differ in their slope."""
    slopes = 1 + np.arange(len(stored())) / 4
    each = {k: {"RescaleSlope": slope} for k, slope in enumerate(slopes)}
    elements = {key: value for key, value in {**pet_elements(**dose), **changes}.items() if value is not None}
    paths = write_series(folder, stored(), changes=each, private=private, **elements)
    series = open_series(series_of(paths), LIMIT, to_suv=True)
    suv = series.read()[::-1, ::-1].transpose(2, 1, 0) * series.slope + series.intercept
    ratio = suv.astype(np.float64) / (stored() * slopes[:, None, None])
    assert np.ptp(ratio) < 1e-5 * ratio.mean()
    return float(ratio.mean())


@pytest.mark.parametrize(
    ("changes", "dose", "private", "expected"),
    [
        pytest.param({}, {}, {}, UNDECAYED * HOUR, id="start"),
        pytest.param({"DecayCorrection": "ADMIN"}, {}, {}, UNDECAYED, id="admin"),
        pytest.param({"Units": "GML"}, {}, {}, 1.0, id="gml"),
        pytest.param({"Units": "GML", "SUVType": "BW", "PatientWeight": None}, {}, {}, 1.0, id="gml without weight"),
        pytest.param(
            {"SeriesTime": "003000", "AcquisitionTime": "003000"},
            {"RadiopharmaceuticalStartTime": "233000"},
            {},
            UNDECAYED * HOUR,
            id="midnight",
        ),
        pytest.param(
            {},
            {"RadiopharmaceuticalStartDateTime": "20200101091500"},
            {},
            UNDECAYED * HOUR**2,
            id="date and time first",
        ),
        pytest.param(
            {"TimezoneOffsetFromUTC": "+0100"},
            {**START, "RadiopharmaceuticalStartDateTime": "20200101091500.00+0000"},
            {},
            UNDECAYED * HOUR,
            id="another zone",
        ),
        pytest.param(
            {},
            {"RadionuclideHalfLife": 282240.0, "RadiopharmaceuticalStartDateTime": "20191230111500"},
            {},
            UNDECAYED * 2 ** (2 * 86400 / 282240),
            id="89Zr after two days",
        ),
        pytest.param({"AcquisitionTime": "113000"}, {}, {}, UNDECAYED * HOUR, id="series before acquisition"),
        pytest.param({"SeriesTime": "181500"}, {}, {}, UNDECAYED * HOUR, id="series made later"),
        pytest.param({"SeriesDate": "20200301"}, {}, {}, UNDECAYED * HOUR, id="series made months later"),
        pytest.param(
            {"SeriesTime": "181500", "AcquisitionTime": "111600"},
            {},
            {GE: ("DT", "20200101111500.00")},
            UNDECAYED * HOUR,
            id="scan time of GE",
        ),
        pytest.param({"Units": "CNTS"}, {}, {PHILIPS: ("DS", "0.0005")}, 0.0005, id="Philips to SUV"),
        pytest.param({"Units": "CNTS"}, {}, {PHILIPS: ("UN", b"0.0005 ")}, 0.0005, id="Philips, type unknown"),
        pytest.param({"Units": "CNTS"}, {}, {ACTIVITY: ("DS", "2.5")}, 2.5 * UNDECAYED * HOUR, id="Philips to Bq/ml"),
        pytest.param(
            {"Units": "CNTS"},
            {},
            {PHILIPS: ("DS", "0"), ACTIVITY: ("DS", "2.5")},
            2.5 * UNDECAYED * HOUR,
            id="Philips, first factor 0",
        ),
    ],
)
def test_factors(
    tmp_path: Path, changes: dict[str, Any], dose: dict[str, Any], private: dict[Any, Any], expected: float
) -> None:
    assert factor_of(tmp_path, changes, dose, private) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "dose", "reason"),
    [
        ({"PatientWeight": None}, {}, "PatientWeight: missing or 0"),
        ({"PatientWeight": 0}, {}, "PatientWeight: missing or 0"),
        ({"PatientWeight": 70000}, {}, "cannot be in kg"),
        ({"DecayCorrection": "NONE"}, {}, "not corrected for decay"),
        ({"DecayCorrection": None}, {}, "DecayCorrection is missing"),
        ({"CorrectedImage": ["DECY", "SCAT"]}, {}, "no correction for attenuation"),
        ({"CorrectedImage": None}, {}, "no correction for attenuation and decay"),
        ({"Units": "PROPCPS"}, {}, "Units is PROPCPS"),
        ({"Units": None}, {}, "Units is missing"),
        ({"Units": "CNTS"}, {}, r"counts \(CNTS\) without the factors"),
        ({"Units": "GML", "SUVType": "LBM"}, {}, "SUV by LBM"),
        ({"RescaleIntercept": 5}, {}, "intercept is not 0"),
        ({"RescaleIntercept": None, "RescaleSlope": None}, {}, "no rescale slope"),
        ({"Modality": "CT"}, {}, "they are CT"),
        ({"SeriesTime": None}, {}, "date or time of the series"),
        ({"AcquisitionTime": None}, {}, "date or time of the series or of the acquisition"),
        ({"RadiopharmaceuticalInformationSequence": None}, {}, "no radiopharmaceuticals"),
        ({}, {"RadionuclideTotalDose": 350}, "RadionuclideTotalDose is 350, which cannot be in Bq"),
        ({}, {"RadionuclideTotalDose": None}, "RadionuclideTotalDose: missing"),
        ({}, {"RadionuclideHalfLife": None}, "RadionuclideHalfLife: missing"),
        ({}, START, "time of the injection is missing"),
        ({}, {"RadiopharmaceuticalStartDateTime": "20200102101500"}, "injection is 23.0 h after the scan"),
        ({}, {"RadiopharmaceuticalStartTime": "111600"}, "24.0 h before the scan, 13 half-lives"),
        ({}, {"RadionuclideHalfLife": 109.8}, "33 half-lives"),
        ({}, {"RadionuclideHalfLife": 282240.0}, "date of the injection is missing"),
    ],
)
def test_what_has_no_suv_is_refused(tmp_path: Path, changes: dict[str, Any], dose: dict[str, Any], reason: str) -> None:
    elements = {key: value for key, value in {**pet_elements(**dose), **changes}.items() if value is not None}
    removed = {key: None for key, value in changes.items() if value is None and key.startswith("Rescale")}
    paths = write_series(tmp_path, stored()[:3], **elements, **removed)
    with pytest.raises(DataError, match=reason) as refused:
        open_series(series_of(paths), LIMIT, to_suv=True)
    assert refused.value.try_


def test_slices_of_two_doses_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, stored()[:3], changes={1: {"PatientWeight": 71.0}}, **pet_elements())
    with pytest.raises(DataError, match="differ in units, weight, dose"):
        open_series(series_of(paths), LIMIT, to_suv=True)


@pytest.mark.parametrize(
    ("uid", "kind"),
    [
        ("1.2.840.10008.5.1.4.1.1.130", "an enhanced"),
        ("1.2.840.10008.5.1.4.1.1.128.1", "a legacy-converted enhanced"),
        (None, "a multi-frame"),
    ],
)
def test_files_with_many_slices_are_refused(tmp_path: Path, uid: str | None, kind: str) -> None:
    path = write_series(tmp_path, stored()[:1], **pet_elements())[0]
    header = pydicom.dcmread(path)
    if uid is None:
        header.NumberOfFrames = 3
    else:
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = uid
        del header.PixelSpacing, header.ImagePositionPatient, header.ImageOrientationPatient
    header.save_as(path)
    with pytest.raises(DataError, match=f"{kind}.* PT image is not read") as refused:
        open_series(series_of([path, path]), LIMIT, to_suv=True)
    assert "single slices" in str(refused.value.try_)


MORNING = datetime(2020, 5, 5, 8)
PET = PetHeader(
    units="BQML",
    decay_correction="START",
    corrections=("ATTN", "DECY"),
    weight_kg=70.0,
    dose_bq=3e8,
    half_life_s=HALF_LIFE_S,
    n_injections=1,
)


@given(
    minute=st.integers(0, 24 * 60 - 1),
    delay_s=st.integers(0, 6 * 3600),
    late_s=st.lists(st.integers(0, 1800), min_size=1, max_size=4),
    days=st.integers(-3, 3),
)
def test_the_same_delay_gives_the_same_factor_at_any_time_of_day(
    minute: int, delay_s: int, late_s: list[int], days: int
) -> None:
    """By time of day alone, also over midnight; by date and time; and with a series time that is too late."""
    scan = datetime(2020, 5, 5) + timedelta(days=days, minutes=minute)
    injection = scan - timedelta(seconds=delay_s)
    expected = 70 * 1000 / (3e8 * 2 ** (-delay_s / HALF_LIFE_S))
    slices = [
        replace(PET, series_at=scan, acquired_at=scan + timedelta(seconds=late), injected_time=injection.time())
        for late in (0, *late_s)
    ]
    assert suv_factor(slices) == (pytest.approx(expected, rel=1e-9), ())
    dated = [replace(each, injected_time=None, injected_at=injection) for each in slices]
    assert suv_factor(dated)[0] == pytest.approx(expected, rel=1e-9)
    remade = [replace(each, series_at=scan + timedelta(days=1)) for each in dated]
    factor, notes = suv_factor(remade)
    assert factor == pytest.approx(expected, rel=1e-9)
    assert "series time is after the acquisition" in notes[0]


@given(weight=st.floats(0.005, 650), dose=st.floats(1e5, 1e11))
def test_suv_is_proportional_to_weight_over_dose(weight: float, dose: float) -> None:
    header = replace(PET, decay_correction="ADMIN", weight_kg=weight, dose_bq=dose)
    assert suv_factor([header])[0] == pytest.approx(weight * 1000 / dose, rel=1e-12)


@given(weight=st.floats(allow_nan=True, allow_infinity=True))
def test_no_weight_gives_a_factor_that_is_not_finite(weight: float) -> None:
    try:
        factor = suv_factor([replace(PET, decay_correction="ADMIN", weight_kg=weight)])[0]
    except NotConvertibleError:
        return
    assert 0 < factor < np.inf


def test_a_real_scan_equals_its_published_conversion(test_data: Path) -> None:
    """STS_001: counts as GE's scanner wrote them, with another slope in each slice; and SUV as prepared for IBSI 1."""
    raw, published = test_data / "petct" / "STS_001" / "FDG_PET_raw", test_data / "petct" / "STS_001" / "PET" / "nifti"
    series = open_series(DicomFiles("PT", tuple(raw.glob("*.dcm"))), 10**7, to_suv=True)
    image = nib.load(published / "image" / "image.nii.gz")
    assert isinstance(image, nib.Nifti1Image)
    image = image.as_reoriented(nib.orientations.io_orientation(image.affine))
    start = (np.linalg.inv(series.affine) @ image.affine)[:3, 3]
    assert np.abs(start - start.round()).max() < 1e-3
    box = tuple(slice(int(at), int(at) + size) for at, size in zip(start.round(), image.shape, strict=True))
    ours, theirs = series.read()[box] * series.slope, np.asarray(image.dataobj)
    assert np.abs(ours - theirs).max() < 1e-3
    high = theirs > 0.05 * theirs.max()
    assert np.abs(ours[high] / theirs[high] - 1).max() < 1e-3
