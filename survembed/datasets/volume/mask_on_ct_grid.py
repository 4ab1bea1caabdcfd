"""A mask resampled to the grid of its CT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from survembed.datasets.scan.grid import Volume, same_grid
from survembed.datasets.volume.label_map import TUMOUR
from survembed.datasets.volume.organ_mask import OrganMask
from survembed.errors import DataError

MIN_OVERLAP = 0.5
"""Share of the organ that must lie inside the CT."""


def resample_to_ct(mask: OrganMask, ct: Volume) -> OrganMask:
    """The mask on the grid of the CT: unchanged if the grids agree, else by nearest neighbour, with a warning.

    Volumes in ml stay those measured on the mask's own grid.

    Raises
    ------
    DataError
        If less than half of the organ lies inside the CT, or no voxel of the CT hits it.
    """
    from scipy.ndimage import affine_transform

    if same_grid(ct, mask):
        return mask
    to_ct = np.linalg.inv(ct.affine) @ mask.affine
    offset = np.array([side.start for side in mask.box])
    organ = np.argwhere(mask.codes > 0) + offset
    index = organ @ to_ct[:3, :3].T + to_ct[:3, 3]
    inside = ((index > -0.5) & (index < np.array(ct.shape) - 0.5)).all(axis=1)
    if inside.mean() < MIN_OVERLAP:
        hint = "same number of voxels, other affine: was the header lost?" if ct.shape == mask.shape else None
        raise DataError(
            f"only {inside.mean():.0%} of the organ lies inside {ct.name}",
            where=str(ct.path),
            expected="a CT and a mask of one scan" + (f" ({hint})" if hint else ""),
            try_="copy the affine of the CT into the mask, if the mask was drawn on this CT",
        )
    margin = np.abs(to_ct[:3, :3]).sum(axis=1)
    low = np.clip(np.floor(index[inside].min(axis=0) - margin), 0, None).astype(int)
    high = np.ceil(index[inside].max(axis=0) + margin).astype(int) + 1
    box = [slice(int(a), int(min(b, count))) for a, b, count in zip(low, high, ct.shape, strict=True)]
    from_ct = np.linalg.inv(to_ct)
    start = from_ct[:3, :3] @ np.array([side.start for side in box]) + from_ct[:3, 3] - offset
    shape = tuple(side.stop - side.start for side in box)
    codes = affine_transform(mask.codes, from_ct[:3, :3], start, shape, order=0, mode="grid-constant")
    spans = [np.flatnonzero((codes > 0).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not len(spans[0]):
        raise DataError(
            f"the organ falls between the voxels of {ct.name}",
            where=str(ct.path),
            expected="a CT and a mask of one scan",
            try_="check the spacing of both",
        )
    crop = tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    x, y, z = (slice(side.start + part.start, side.start + part.stop) for side, part in zip(box, crop, strict=True))
    lesions = inside[mask.codes[mask.codes > 0] == TUMOUR]
    share = f"{inside.mean():.0%} of the organ" + (f" and {lesions.mean():.0%} of its lesions" if lesions.size else "")
    warning = f"mask and CT are on different grids: the mask was resampled ({share} inside the CT)"
    return replace(
        mask,
        codes=np.asfortranarray(codes[crop]),
        box=(x, y, z),
        shape=ct.shape,
        affine=ct.affine,
        spacing_mm=ct.spacing_mm,
        warnings=(*mask.warnings, warning),
    )
