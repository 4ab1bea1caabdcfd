"""Whether a CT is in Hounsfield units, by its values inside the organ and in the whole scan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.grid import Volume
from survembed.errors import DataError

SOFT_TISSUE_HU = (-20.0, 250.0)
"""Plausible median of a soft organ: a very fatty liver has some -10 HU, a kidney full of contrast 250."""
USUAL_HU = (20.0, 180.0)
"""Usual median of a liver, from fatty to calcified; outside, the rest of the scan or of the cohort decides."""
SOFT_WINDOW = -400.0
"""A window that starts below is for lungs or bones; then the organ's median must lie in the window."""
FAT_HU, AIR_HU = -50.0, -500.0
"""Every CT of a body has values below these: fat, and air around it or in the bowel."""
LOWEST_AIR_HU, HIGHEST_AIR_HU = -1300.0, -300.0
"""Range in which the peak of the air is looked for, in HU or in an unknown unit."""
MIN_AIR, MIN_AIR_SHARE = 20, 0.002
"""Smallest number of sampled voxels of air, and their share."""
AIR_BIN_HU, AIR_PEAK_HU = 20.0, 40.0
"""Width of the bins that find the peak, and its half width."""
LUNGS_HU = (-895.0, -700.0)
"""A peak here is that of lungs, in a scan that ends within the body or is padded around it."""
USUAL_AIR_HU = (-1060.0, -940.0)
"""Peak of the air of a scan in HU; some scanners store -1024."""
DARK_HU, BELOW_AIR_HU = -700.0, -1100.0
"""Air is darker than the first, unless the scan was cropped or clipped; only padding is darker than the second."""
SPAN_HU = 1000.0
"""Numbers with a smaller range cannot hold a CT."""
PADDING_HU = -1024.0
"""Smaller values are padding of the scanner."""
LOWEST_PADDING_HU = -3100.0
ASSUME = "--set data.assume_hu=true if all CTs are right"
OFFSETS = (1024.0, 1000.0)
MAX_SAMPLE = 200_000


class NotHounsfieldError(DataError):
    """A CT whose values cannot be Hounsfield units."""


@dataclass
class Extremes:
    """Smallest and largest stored number of all slabs that were seen, and the number of voxels; NaN is ignored.

    `sample` has every 31st voxel of each slab.
    """

    low: float = np.inf
    high: float = -np.inf
    n: int = 0
    sample: list[NDArray[Any]] = field(default_factory=list)

    def see(self, slab: NDArray[Any]) -> None:
        """Include a slab."""
        self.sample.append(slab.reshape(-1)[::31].copy())
        self.low = float(np.fmin(self.low, np.fmin.reduce(slab, axis=None)))
        self.high = float(np.fmax(self.high, np.fmax.reduce(slab, axis=None)))
        self.n += int(np.isfinite(slab).sum()) if slab.dtype.kind == "f" else slab.size


def organ_hu(
    ct: Volume, stored: NDArray[Any], codes: NDArray[np.uint8], scan: Extremes, window: tuple[float, float], where: str
) -> float:
    """Median of the CT inside the organ.

    Parameters
    ----------
    ct
        Header of the CT.
    stored, codes
        (x, y, z) stored numbers and codes of the organ, 0 outside.
    scan
        Extremes of the stored numbers of the scan.
    window
        HU of the window of the image.

    Raises
    ------
    DataError
        If the values cannot be Hounsfield units.
    """
    inside = stored[codes > 0]
    sample = inside[:: max(1, len(inside) // MAX_SAMPLE)].astype(np.float64) * ct.slope + ct.intercept
    median = float(np.median(sample[sample >= PADDING_HU] if (sample >= PADDING_HU).any() else sample))
    low, high = _range_hu(ct, scan)
    is_whole = scan.n > len(inside) and low < high
    cause = _cause(ct, median, low, high, window, is_whole)
    if cause is None and _air_is_too_dark(ct, scan):
        cause = "most of its air is far below -1000 HU: likely a multiple of HU, such as HU · 2"
    if cause:
        raise NotHounsfieldError(
            f"{ct.name} is not in Hounsfield units: the median inside the organ is {median:.4g}, the scan has values "
            f"from {low:.4g} to {high:.4g}; {cause}",
            where=where,
            expected=f"a median of {SOFT_TISSUE_HU[0]:g} to {SOFT_TISSUE_HU[1]:g} HU in a soft organ, with fat and air "
            f"below {FAT_HU:g} HU around it; does the mask lie on the organ?",
            try_=f"export the CT again with its rescale, before any scaling; {ASSUME}",
        )
    return median


def air_hu(ct: Volume, scan: Extremes) -> float:
    """HU of the air around the body: the narrow peak of the dark values; NaN if the scan shows none.

    Lungs alone have no narrow peak, or one within `LUNGS_HU`. Padding darker than `LOWEST_AIR_HU` is ignored.
    """
    sample = np.concatenate(scan.sample).astype(np.float64) * ct.slope + ct.intercept
    sample = sample[np.isfinite(sample)]
    dark = sample[(sample > LOWEST_AIR_HU) & (sample < HIGHEST_AIR_HU)]
    if dark.size < max(MIN_AIR, MIN_AIR_SHARE * sample.size):
        return float("nan")
    bins, counts = np.unique(np.round(dark / AIR_BIN_HU), return_counts=True)
    peak = dark[np.abs(dark - bins[counts.argmax()] * AIR_BIN_HU) <= AIR_PEAK_HU]
    air = float(np.median(peak))
    is_air = 2 * peak.size >= dark.size and not LUNGS_HU[0] <= air <= LUNGS_HU[1]
    return air if is_air else float("nan")


def unusual_hu(median: float, air: float, ct: Volume, scan: Extremes) -> tuple[str, ...]:
    """Warnings of an organ of unusual density, and of a scan without air or with air elsewhere than at -1000 HU."""
    warnings: tuple[str, ...] = ()
    if not USUAL_HU[0] <= median <= USUAL_HU[1]:
        warnings += (
            f"the median inside the organ is {median:.0f} HU: is the CT in Hounsfield units, and the mask on the "
            "organ?",
        )
    low, high = _range_hu(ct, scan)
    if DARK_HU < low < min(0.0, high):
        warnings += (
            f"the darkest value of {ct.name} is {low:.0f} HU, air has -1000: was it cropped, clipped or scaled?",
        )
    elif not (np.isnan(air) or USUAL_AIR_HU[0] <= air <= USUAL_AIR_HU[1]):
        warnings += (f"the air of {ct.name} is at {air:.0f} HU, not at -1000: was it clipped, shifted or scaled?",)
    return warnings


def _cause(
    ct: Volume, median: float, low: float, high: float, window: tuple[float, float], is_whole: bool
) -> str | None:
    """Likely cause of values that are not HU; None if they can be. `is_whole`: the scan shows more than the organ."""
    is_soft = window[0] >= SOFT_WINDOW
    lowest, highest = SOFT_TISSUE_HU if is_soft else window
    is_plausible = lowest <= median <= highest
    if low == high:
        return "all its voxels are equal"
    if not np.isfinite(median):
        return None  # refused as NaN inside the organ
    if ct.dtype.kind in "iu" and _span(ct) < SPAN_HU:
        return "8-bit numbers cannot hold a CT: it was scaled to a window"
    if low >= -1.5 and high <= 1.5:
        return "it was scaled to [0, 1] or [-1, 1], or holds attenuation coefficients"
    if is_whole and low >= 0 and 200 < high <= 256:
        return "it was scaled to a window of 0 to 255"
    for offset in () if is_plausible else OFFSETS:
        for sign, reason in ((1, "the rescale intercept was not applied"), (-1, "it was subtracted twice")):
            if lowest <= median - sign * offset <= highest and low - sign * offset >= LOWEST_PADDING_HU:
                return f"likely an offset of {sign * offset:g}: {reason}"
    if not is_plausible:
        is_inverted = is_soft and lowest <= -median <= highest
        return "likely its sign is inverted" if is_inverted else "likely another unit or scale"
    if is_whole and low >= FAT_HU:
        return "nothing is as dark as fat or air: it was scaled, shifted or cut off"
    if is_whole and is_soft and median < USUAL_HU[0] and low > AIR_HU:
        return "nothing is as dark as air: likely a fraction of HU, such as HU / 10"
    return None


def _air_is_too_dark(ct: Volume, scan: Extremes) -> bool:
    """Whether most voxels as dark as air have values that are darker than air and, unlike padding, vary."""
    sample = np.concatenate(scan.sample).astype(np.float64) * ct.slope + ct.intercept
    dark = sample[sample < AIR_HU]
    if not dark.size:
        return False
    values, counts = np.unique(dark[dark < BELOW_AIR_HU].round(), return_counts=True)
    return len(values) > 1 and int(counts.sum() - counts.max()) > dark.size / 2


def _range_hu(ct: Volume, scan: Extremes) -> tuple[float, float]:
    low, high = sorted((scan.low * ct.slope + ct.intercept, scan.high * ct.slope + ct.intercept))
    return low, high


def _span(ct: Volume) -> float:
    limits = np.iinfo(ct.dtype)
    return float(abs(ct.slope) * (float(limits.max) - float(limits.min)))
