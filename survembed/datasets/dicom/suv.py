"""Standardised uptake values by body weight, from the header of a PET series.

The rules are those of the vendor-neutral pseudo-code of QIBA, which IBSI follows: SUV = activity · weight / dose, with
the dose decayed to the time to which the activity is corrected. What they do not define is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from survembed.datasets.dicom.image_slice import ImageSlice
from survembed.datasets.dicom.pet_header import PetHeader
from survembed.errors import DataError

MAX_HALF_LIVES = 10.0
"""A longer time from injection to scan is an error of the header: a thousandth of the dose is left."""
MAX_HALF_LIFE_WITHOUT_DATE_S = 6 * 3600.0
"""With a longer half-life, a scan may be on another day than the injection, and the time of day does not tell."""
DOSES_BQ, WEIGHTS_KG = (1e5, 1e11), (0.005, 650.0)
"""Plausible values; others are in another unit."""
REMEDY = "export it again with its complete header, or save it in SUV as NIfTI"


class NotConvertibleError(ValueError):
    """Why a PET has no SUV."""


def in_suv(slices: Sequence[ImageSlice], where: str) -> tuple[list[ImageSlice], tuple[str, ...]]:
    """The slices with a rescale to SUV in g/ml, and notes.

    Raises
    ------
    DataError
        If they are no PET, or their headers do not allow it.
    """
    headers = [each.pet for each in slices if each.pet is not None]
    try:
        if len(headers) < len(slices):
            raise NotConvertibleError(f"they are {slices[0].modality}")
        if not all(each.has_rescale for each in slices):
            raise NotConvertibleError("they have no rescale slope")
        if any(each.scale[1] != 0 for each in slices):
            raise NotConvertibleError("their rescale intercept is not 0, as the standard requires of PET")
        factor, notes = suv_factor(headers)
    except NotConvertibleError as error:
        message = f"a {slices[0].modality} series has no SUV: {error}"
        raise DataError(
            message, where=where, expected="a PET with units, weight, dose and times", try_=REMEDY
        ) from None
    return [replace(each, scale=(each.scale[0] * factor, 0.0)) for each in slices], notes


def suv_factor(headers: Sequence[PetHeader]) -> tuple[float, tuple[str, ...]]:
    """Factor from the rescaled values of a series to SUV by body weight in g/ml, and notes.

    Raises
    ------
    NotConvertibleError
        If the headers do not define it.
    """
    first = headers[0]
    if any(replace(each, acquired_at=first.acquired_at) != first for each in headers):
        raise NotConvertibleError("they differ in units, weight, dose or times of the series")
    missing = {"ATTN", "DECY"} - {"DECY" if name == "DECAY" else name for name in first.corrections}
    if first.decay_correction == "NONE":
        raise NotConvertibleError("they are not corrected for decay")
    if first.corrections and "ATTN" in missing:
        raise NotConvertibleError(_uncorrected(missing))
    if first.units == "GML":
        if first.suv_type not in ("", "BW"):
            raise NotConvertibleError(f"they are SUV by {first.suv_type}, not by body weight")
        return 1.0, ()
    if first.units not in ("BQML", "CNTS"):
        raise NotConvertibleError(f"Units is {first.units or 'missing'}, not BQML, GML or CNTS")
    if missing:
        raise NotConvertibleError(_uncorrected(missing))
    if first.decay_correction not in ("START", "ADMIN"):
        raise NotConvertibleError(f"DecayCorrection is {first.decay_correction or 'missing'}, not START or ADMIN")
    if first.units == "CNTS" and first.philips_suv:
        return _positive(first.philips_suv, "the factor (7053,1000) of Philips"), ()
    activity = 1.0
    if first.units == "CNTS":
        activity = _positive(
            first.philips_activity, "counts (CNTS) without the factors (7053,1000), (7053,1009) of Philips"
        )
    weight_kg = _positive(first.weight_kg, "PatientWeight", WEIGHTS_KG, "kg")
    if first.n_injections != 1:
        raise NotConvertibleError(f"they name {first.n_injections or 'no'} radiopharmaceuticals, not one")
    dose_bq = _positive(first.dose_bq, "RadionuclideTotalDose", DOSES_BQ, "Bq")
    remaining, notes = (1.0, ()) if first.decay_correction == "ADMIN" else _remaining_dose(headers)
    return activity * weight_kg * 1000 / (dose_bq * remaining), notes


def _uncorrected(missing: set[str]) -> str:
    names = {"ATTN": "attenuation", "DECY": "decay"}
    return f"CorrectedImage names no correction for {' and '.join(names[each] for each in sorted(missing))}"


def _positive(value: float, name: str, limits: tuple[float, float] = (0.0, math.inf), unit: str = "") -> float:
    if not math.isfinite(value) or value <= 0:
        raise NotConvertibleError(f"{name}: missing or 0" if unit else name)
    if not limits[0] <= value <= limits[1]:
        raise NotConvertibleError(f"{name} is {value:g}, which cannot be in {unit}")
    return value


def _remaining_dose(headers: Sequence[PetHeader]) -> tuple[float, tuple[str, ...]]:
    """Share of the dose that is left at the time to which the values are corrected, and notes."""
    first = headers[0]
    half_life_s = _positive(first.half_life_s, "RadionuclideHalfLife", (1.0, 1e7), "s")
    scanned_at, notes = _scan_start(headers)
    if first.injected_at is not None:
        elapsed_s = (scanned_at - first.injected_at).total_seconds()
        if elapsed_s < 0:
            raise NotConvertibleError(
                f"the injection is {-elapsed_s / 3600:.1f} h after the scan, by their dates and times"
            )
    elif first.injected_time is None:
        raise NotConvertibleError("the time of the injection is missing")
    elif half_life_s > MAX_HALF_LIFE_WITHOUT_DATE_S:
        raise NotConvertibleError("the date of the injection is missing, and the half-life is long")
    else:
        elapsed = scanned_at - datetime.combine(scanned_at.date(), first.injected_time)
        if elapsed < timedelta(0):  # the scan is after midnight
            elapsed += timedelta(days=1)
        elapsed_s = elapsed.total_seconds()
    if elapsed_s > MAX_HALF_LIVES * half_life_s:
        raise NotConvertibleError(
            f"the injection is {elapsed_s / 3600:.1f} h before the scan, {elapsed_s / half_life_s:.0f} half-lives"
        )
    return float(2.0 ** (-elapsed_s / half_life_s)), notes


def _scan_start(headers: Sequence[PetHeader]) -> tuple[datetime, tuple[str, ...]]:
    """Start of the scan, and notes.

    The time of the series is that of its creation in images made later. It is after the acquisition then.
    """
    first = headers[0]
    acquired = [each.acquired_at for each in headers if each.acquired_at is not None]
    if first.series_at is None or len(acquired) < len(headers):
        raise NotConvertibleError("date or time of the series or of the acquisition is missing")
    if first.series_at <= min(acquired):
        return first.series_at, ()
    if first.ge_scan_at is not None:
        return first.ge_scan_at, ("PET decayed to GE's scan time: its series time is after the acquisition",)
    return min(acquired), ("PET decayed to the earliest acquisition time: its series time is after the acquisition",)
