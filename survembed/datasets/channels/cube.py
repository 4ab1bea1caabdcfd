"""From the volumes of a subject to a cube with a channel for each image and each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.channels.find import LABELS, ChannelCase
from survembed.datasets.channels.recipe import ImageRecipe, LabelRecipe, VolumeRecipe
from survembed.datasets.channels.sampling import CubeGrid, Values, average
from survembed.datasets.dicom.series import open_series
from survembed.datasets.dicom.structures import Structures, read_structures
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.files import open_volume
from survembed.datasets.scan.grid import Float, Volume
from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.field_of_view import REFUSE_OUTSIDE, WARN_OUTSIDE, edge_for_extent
from survembed.datasets.volume.resample import fractions_to_bytes
from survembed.errors import DataError

PLAUSIBLE_SUV, MAX_ABOVE = 20.0, 0.1
"""A PET with more than this share of its voxels above 0 beyond this SUV is in another unit, such as Bq/ml."""
MIN_OVERLAP = 0.5
"""Share of the cube inside the first channel that each other channel must cover."""

Mask = tuple[Volume, NDArray[np.bool_]]


def make_cube(case: ChannelCase, recipe: VolumeRecipe) -> Cube:
    """Read the volumes of a subject and average them into its cube.

    Raises
    ------
    DataError
        If a file is invalid, all labels are empty where the cube is centred on them, more than 5 % of them lie outside
        the cube, or an image is constant, has NaN, seems to be a mask, or lies elsewhere than the first.
    """
    masks = {label.name: read_label(case, label, recipe) for label in recipe.labels}
    first = open_first(case, recipe)
    corners = extent(case, recipe, first, masks)
    assert recipe.fov_mm is not None
    grid = _grid(first, corners, recipe)
    warnings: list[str] = []
    inside = average(np.ones(first.shape, np.float32), first, grid)
    channels = []
    for image in recipe.images:
        path = dict(case.images).get(image.file)
        if path is None:
            channels.append(np.zeros(recipe.size, np.uint8))
            warnings.append(f"no channel {image.name}: it is 0")
            continue
        volume = open_part(path, recipe.voxel_limit, to_suv=image.normalise == "suv")
        warnings += [warning for warning in volume.warnings if warning not in warnings]
        channels.append(_image(volume, image, grid, inside))
    outside, volumes_ml = 0.0, []
    for label_volume, mask in masks.values():
        fraction = np.clip(average(mask.astype(np.float32), label_volume, grid), 0, 1)
        volumes_ml.append(np.count_nonzero(mask) * label_volume.voxel_ml)
        kept_ml = float(fraction.sum(dtype=np.float64)) * float(np.prod(grid.spacing_mm)) / 1000
        outside = max(outside, 1 - kept_ml / volumes_ml[-1] if volumes_ml[-1] else 0.0)
        channels.append(fractions_to_bytes(fraction))
    outside = outside if outside > 1e-3 else 0.0
    if outside > REFUSE_OUTSIDE:
        raise DataError(
            f"{outside:.1%} of a label lies outside the cube",
            where=str(case.mask),
            expected=f"at most {REFUSE_OUTSIDE:.0%}",
            try_=f"--set data.fov_mm={edge_for_extent(corners[1] - corners[0]):.0f}, or --set data.centre=labels",
        )
    if outside > WARN_OUTSIDE:
        warnings.append(f"{outside:.1%} of a label lies outside the cube")
    lesions = [ml for label, ml in zip(recipe.labels, volumes_ml, strict=True) if label.channel.overlay]
    return Cube(np.stack(channels), grid.affine, 0.0, sum(lesions), outside, tuple(warnings), tuple(volumes_ml))


def open_part(part: Path | DicomFiles, voxel_limit: int, *, to_suv: bool = False) -> Volume:
    """Read and check the header of a volume or a DICOM series; only a series is converted to SUV."""
    if isinstance(part, DicomFiles):
        return open_series(part, voxel_limit, to_suv=to_suv)
    return open_volume(part, voxel_limit)


def open_first(case: ChannelCase, recipe: VolumeRecipe) -> Volume:
    """The first channel, whose axes are those of the cube."""
    return open_part(case.images[0][1], recipe.voxel_limit)


def read_label(case: ChannelCase, label: LabelRecipe, recipe: VolumeRecipe) -> Mask:
    """The voxels of a label, and their grid.

    Raises
    ------
    DataError
        If the file is invalid or has fractions.
    """
    part = dict(case.masks_by_name)[LABELS if label.values else label.file]
    if isinstance(part, Structures):
        return read_structures(part, recipe.voxel_limit)
    volume = open_part(part, recipe.voxel_limit)
    values = volume.read().astype(np.float64) * volume.slope + volume.intercept
    if not np.array_equal(values, np.rint(values)):
        raise DataError(f"{volume.name} is no label map: it has fractions", where=str(volume.path), expected="integers")
    return volume, np.isin(values, label.values) if label.values else values > 0


def extent(case: ChannelCase, recipe: VolumeRecipe, first: Volume, masks: dict[str, Mask]) -> tuple[Float, Float]:
    """Lower and upper corner (3,), in mm along the axes of the first image, of what the cube is centred on."""
    direction = first.affine[:3, :3] / first.spacing_mm
    if recipe.centre == "image":
        corner = direction.T @ first.affine[:3, 3] - first.spacing_mm / 2
        return corner, corner + np.array(first.shape) * first.spacing_mm
    lows, highs = [], []
    for volume, mask in masks.values():
        index = np.argwhere(mask)
        if len(index):
            points = (index @ volume.affine[:3, :3].T + volume.affine[:3, 3]) @ direction
            half = np.abs(direction.T @ (volume.affine[:3, :3])).sum(axis=1) / 2
            lows.append(points.min(axis=0) - half)
            highs.append(points.max(axis=0) + half)
    if not lows:
        raise DataError(
            f"all labels of {case.id} are empty",
            where=str(case.mask),
            expected="at least one voxel, on which the cube is centred",
            try_="check the labels, or --set data.centre=image",
        )
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _grid(first: Volume, corners: tuple[Float, Float], recipe: VolumeRecipe) -> CubeGrid:
    direction = first.affine[:3, :3] / first.spacing_mm
    fov_mm = np.array(recipe.fov_mm)
    spacing = fov_mm / recipe.size
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = direction @ ((corners[0] + corners[1]) / 2 - fov_mm / 2 + spacing / 2)
    return CubeGrid(recipe.size, affine)


def _require_image(values: Values, volume: Volume, image: ImageRecipe) -> None:
    """Refuse NaN, a constant, a mask, and a PET that is not in SUV."""
    remedy = "correct the file, or leave the channel out with --set data.channels=NAMES"
    problem = None
    if not np.isfinite(values).all():
        problem = "contains NaN or infinity"
    elif values.min() == values.max():
        problem = "is constant"
    elif len(np.unique(values[:: max(1, values.shape[0] // 32)])) <= 2 and len(np.unique(values)) <= 2:
        problem = "holds only two values, such as a mask"
    elif image.normalise == "suv":
        body = values[values > 0]
        if np.count_nonzero(body > max(PLAUSIBLE_SUV, image.window[1])) > MAX_ABOVE * len(body):
            problem = f"is not in SUV: its median above 0 is {np.median(body):.3g}"
            remedy = "convert it with the weight and the dose of the patient, or give its DICOM series"
    if problem:
        raise DataError(
            f"{volume.name}, channel {image.name}, {problem}",
            where=str(volume.path),
            expected="SUV by body weight, about 1" if problem.startswith("is not") else "an image with finite values",
            try_=remedy,
        )


def _image(volume: Volume, image: ImageRecipe, grid: CubeGrid, inside_first: Values) -> NDArray[np.uint8]:
    """One channel of the cube as bytes; 0 where the image covers less than half of a voxel."""
    values = volume.read().astype(np.float32) * np.float32(volume.slope) + np.float32(volume.intercept)
    _require_image(values, volume, image)
    coverage = average(np.ones(values.shape, np.float32), volume, grid)
    covered = float(((coverage >= 0.5) & (inside_first >= 0.5)).sum()) / max(1.0, float((inside_first >= 0.5).sum()))
    if covered < MIN_OVERLAP:
        raise DataError(
            f"{volume.name}, channel {image.name}, covers only {covered:.0%} of the first channel in the cube",
            where=str(volume.path),
            expected="channels of one subject in one position",
            try_="register the channels, or check that they are of the same examination",
        )
    low, high = image.window
    if image.normalise in ("ct", "suv"):
        values = np.clip((values - low) / (high - low), 0, 1)
    mean = np.divide(average(values, volume, grid), coverage, out=np.zeros_like(coverage), where=coverage >= 0.5)
    if image.normalise in ("zscore", "percentile"):
        # the background of an MR is 0, and so is what is outside the image
        body = mean[(coverage >= 0.5) & (mean != 0)].astype(np.float64)
        if image.normalise == "zscore":
            centre, spread = (body.mean(), body.std()) if len(body) else (0.0, 0.0)
            bottom, top = centre + low * spread, centre + high * spread
        else:
            bottom, top = np.percentile(body, [0.5, 99.5]) if len(body) else (0.0, 0.0)
        if not top > bottom:
            raise DataError(
                f"{volume.name}, channel {image.name}, is constant inside the cube",
                where=str(volume.path),
                expected="an image with differences",
            )
        mean = np.where(coverage >= 0.5, (mean - bottom) / (top - bottom), 0).astype(np.float32)
    stored: NDArray[np.uint8] = np.rint(np.clip(mean, 0, 1) * 255).astype(np.uint8)
    return stored
