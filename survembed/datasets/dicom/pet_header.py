"""Elements of a PET header that decide how its values become SUV."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Any

PHILIPS, GE = "Philips PET Private Group", "GEMS_PETD_01"
"""Private creators."""


@dataclass(frozen=True)
class PetHeader:
    """Units, dose and times of one slice; None, "" or 0 where the header says nothing.

    Attributes
    ----------
    units, suv_type, decay_correction, corrections
        Values of `Units`, `SUVType`, `DecayCorrection` and `CorrectedImage`.
    weight_kg, dose_bq, half_life_s
        Of the patient, the injection and the nuclide.
    n_injections
        Number of radiopharmaceuticals.
    injected_at
        Date and time of the injection.
    injected_time
        Its time of day, of headers that have no more.
    series_at, acquired_at, ge_scan_at
        Start of the series, of the acquisition of this slice, and of the scan by a private element of GE.
    philips_suv, philips_activity
        Private factors of Philips from rescaled values to SUV, and to Bq/ml.
    """

    units: str = ""
    suv_type: str = ""
    decay_correction: str = ""
    corrections: tuple[str, ...] = ()
    weight_kg: float = 0.0
    dose_bq: float = 0.0
    half_life_s: float = 0.0
    n_injections: int = 0
    injected_at: datetime | None = None
    injected_time: time | None = None
    series_at: datetime | None = None
    acquired_at: datetime | None = None
    ge_scan_at: datetime | None = None
    philips_suv: float = 0.0
    philips_activity: float = 0.0


def read_pet_header(header: Any) -> PetHeader:
    """Read these elements; times are local, without a zone.

    Raises
    ------
    ValueError
        If an element is not of its type.
    """
    doses = header.get("RadiopharmaceuticalInformationSequence") or ()
    dose = doses[0] if doses else {}
    corrections = header.get("CorrectedImage") or ()
    zone = _zone(str(header.get("TimezoneOffsetFromUTC") or ""))
    return PetHeader(
        units=_code(header.get("Units")),
        suv_type=_code(header.get("SUVType")),
        decay_correction=_code(header.get("DecayCorrection")),
        corrections=tuple(map(_code, [corrections] if isinstance(corrections, str) else corrections)),
        weight_kg=_number(header.get("PatientWeight")),
        dose_bq=_number(dose.get("RadionuclideTotalDose")),
        half_life_s=_number(dose.get("RadionuclideHalfLife")),
        n_injections=len(doses),
        injected_at=_moment(dose.get("RadiopharmaceuticalStartDateTime"), zone),
        injected_time=_time(dose.get("RadiopharmaceuticalStartTime")),
        series_at=_joined(header.get("SeriesDate"), header.get("SeriesTime")),
        acquired_at=_joined(header.get("AcquisitionDate"), header.get("AcquisitionTime"))
        or _moment(header.get("AcquisitionDateTime"), zone),
        ge_scan_at=_moment(_private(header, 0x0009, GE, 0x0D), zone),
        philips_suv=_number(_private(header, 0x7053, PHILIPS, 0x00)),
        philips_activity=_number(_private(header, 0x7053, PHILIPS, 0x09)),
    )


def _code(value: Any) -> str:
    return str(value or "").strip().upper()


def _number(value: Any) -> float:
    return float(value) if value not in (None, "", b"") else 0.0


def _private(header: Any, group: int, creator: str, element: int) -> Any:
    """Value of a private element; text if its type is unknown."""
    try:
        value = header.private_block(group, creator)[element].value
    except KeyError:
        return None
    return value.decode("ascii").strip(" \0") if isinstance(value, bytes) else value


def _time(value: Any) -> time | None:
    from pydicom.valuerep import TM

    parsed = TM(str(value)) if value else None
    return None if parsed is None else parsed.replace(tzinfo=None)


def _joined(date: Any, clock: Any) -> datetime | None:
    from pydicom.valuerep import DA

    day, at = DA(str(date)) if date else None, _time(clock)
    return None if day is None or at is None else datetime.combine(day, at)


def _moment(value: Any, zone: timezone | None) -> datetime | None:
    """Date and time in the zone of the other times of the header."""
    from pydicom.valuerep import DT

    parsed = DT(str(value)) if value else None
    if parsed is None:
        return None
    moment = datetime.combine(parsed.date(), parsed.time(), parsed.tzinfo)
    if moment.tzinfo is not None and zone is not None:
        moment = moment.astimezone(zone)
    return moment.replace(tzinfo=None)


def _zone(offset: str) -> timezone | None:
    """The zone of `+0100`."""
    text = offset.strip()
    if not text:
        return None
    minutes = int(text[-4:-2]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text.startswith("-") else minutes))
