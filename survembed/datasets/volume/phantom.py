"""A synthetic cohort of abdominal CTs, written as the real files that scanners and segmenters write, with known truth.

Liver: smooth union of two ellipsoids under a low-frequency displacement. Lesions: Poisson(3) + 1 with log-normal radii.
The hazard depends on the tumour volume that is written and on nothing else; size, position, HU and noise are nuisance.
"""

from __future__ import annotations

import os
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff
from numpy.typing import NDArray

from survembed.progress import QUIET, Reporter
from survembed.storage.files import cache_folder, digest, write_json
from survembed.storage.nifti import write_nifti

Float = NDArray[np.float64]

TITLE = "synthetic liver phantom"
MARK = "phantom.json"
"""The file that says of a folder that it holds a phantom cohort, whole."""
TRUTH_COLUMN = "true_log_hazard"
SHAPE = (128, 128, 40)
MEDIAN_DAYS, WEIBULL_SHAPE, CENSORED = 450.0, 1.15, 0.17
VERSION = 2

_AXES = np.array([[75.0, 58.0, 58.0], [62.0, 40.0, 36.0]])  # semi-axes of the two lobes in mm
_CENTRES = np.array([[22.0, 0.0, 0.0], [-38.0, 14.0, 12.0]])
_STORED: tuple[tuple[type[Any], float, float], ...] = (  # dtype, slope, intercept: what scanners and converters write
    (np.int16, 1.0, 0.0),
    (np.int16, 1.0, -1024.0),
    (np.uint16, 1.0, -1024.0),
    (np.int16, 0.5, -1000.0),
    (np.float32, 1.0, 0.0),
    (np.int32, 1.0, 0.0),
)


@dataclass(frozen=True)
class Phantom:
    """A synthetic subject: what its two files hold, in RAS order."""

    hu: NDArray[np.float32]
    labels: NDArray[np.uint8]
    spacing_mm: Float
    n_lesions: int

    @property
    def volumes_ml(self) -> tuple[float, float]:
        """Organ (its tumour included) and tumour, as written."""
        voxel = float(np.prod(self.spacing_mm)) / 1000
        return np.count_nonzero(self.labels) * voxel, np.count_nonzero(self.labels == 2) * voxel


def draw_subject(rng: np.random.Generator, shape: tuple[int, int, int] = SHAPE) -> Phantom:
    """Draw anatomy, lesions and noise.

    Parameters
    ----------
    rng
        Source of all chance.
    shape
        Voxels along right, anterior, superior; the field of view stays about 245 × 245 × 180 mm.
    """
    fov = np.array([245.0, 245.0, 180.0]) * rng.uniform(0.97, 1.03, 2)[[0, 0, 1]]
    spacing = np.round(fov / shape, 3)
    size = np.clip(rng.normal(1.0, 0.06), 0.85, 1.12)
    centre = rng.normal(0, [4.0, 4.0, 2.0])
    axes = [
        ((np.arange(count) - (count - 1) / 2) * step - middle).astype(np.float32)
        for count, step, middle in zip(shape, spacing, centre, strict=True)
    ]
    wobble = _waves(rng, axes, 6, 0.05)
    lobes = [_ellipsoid(axes, _CENTRES[i] * size, _AXES[i] * size) for i in (0, 1)]
    liver = -np.logaddexp(-8 * lobes[0], -8 * lobes[1]) / 8 + wobble < 1
    labels = liver.astype(np.uint8)
    n_lesions = _add_lesions(rng, labels, axes, size)
    hu = _intensities(rng, labels, axes)
    return Phantom(hu, labels, spacing, n_lesions)


def _ellipsoid(axes: list[NDArray[np.float32]], centre: Float, semi: Float) -> NDArray[np.float32]:
    """Squared distance from `centre` in units of the semi-axes, (x, y, z)."""
    x, y, z = (((axis - middle) / half) ** 2 for axis, middle, half in zip(axes, centre, semi, strict=True))
    return np.asarray(x[:, None, None] + y[None, :, None] + z, dtype=np.float32)


def _waves(
    rng: np.random.Generator, axes: list[NDArray[np.float32]], n_waves: int, amplitude: float
) -> NDArray[np.float32]:
    """A smooth random field: products of slow cosines."""
    x, y, z = (
        np.cos(np.outer(rng.uniform(0.02, 0.06, n_waves), axis) + rng.uniform(0, 2 * np.pi, (n_waves, 1)))
        for axis in axes
    )
    strength = rng.normal(0, amplitude, n_waves)
    rows = (x * strength[:, None]).T.astype(np.float32)
    planes = (y[:, :, None] * z[:, None, :]).reshape(n_waves, -1).astype(np.float32)
    return (rows @ planes).reshape(len(axes[0]), len(axes[1]), len(axes[2]))


def _add_lesions(
    rng: np.random.Generator, labels: NDArray[np.uint8], axes: list[NDArray[np.float32]], size: float
) -> int:
    """Draw lesions into `labels`, most of them deep in the right lobe; their number."""
    count = int(rng.poisson(3)) + 1
    for _ in range(count):
        radius = float(np.clip(np.exp(rng.normal(np.log(11.0), 0.5)), 4.0, 38.0))
        middle = _CENTRES[0] * size + rng.normal(0, 0.2, 3) * _AXES[0]
        semi = radius * np.exp(rng.normal(0, 0.12, 3))
        near = tuple(
            slice(*np.searchsorted(axis, [centre - half, centre + half]))
            for axis, centre, half in zip(axes, middle, semi, strict=True)
        )
        ball = _ellipsoid([axis[side] for axis, side in zip(axes, near, strict=True)], middle, semi) < 1
        labels[near][ball & (labels[near] > 0)] = 2
    return count


def _intensities(
    rng: np.random.Generator, labels: NDArray[np.uint8], axes: list[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """HU: organ and lesion, body and lung round it, air or padding round the body, noise."""
    liver = rng.normal(108, 10)
    levels = np.array([rng.normal(35, 8), liver, min(rng.normal(65, 10), liver - 15)], dtype=np.float32)
    hu = levels[labels]
    dome = _ellipsoid(axes, np.array([20.0, 0, 60.0]), np.array([85.0, 70.0, 60.0])) < 1
    hu[dome & (labels == 0)] = -850
    hu += rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(rng.uniform(10, 22))
    x, y = axes[0] / 118, axes[1] / 100
    hu[(x[:, None] ** 2 + y[None, :] ** 2) > 1] = -3024 if rng.random() < 0.2 else -1000
    return hu


def write_subject(folder: Path, subject: str, phantom: Phantom, rng: np.random.Generator) -> None:
    """Write CT and label map in nnU-Net names, in a random orientation, number type and scale."""
    dtype, slope, intercept = _STORED[rng.integers(len(_STORED))]
    orientation = np.column_stack([rng.permutation(3), rng.choice([-1.0, 1.0], 3)])
    affine = np.diag([*phantom.spacing_mm, 1.0])
    affine[:3, 3] = rng.normal(0, 60, 3).round(2)
    affine = affine @ inv_ornt_aff(orientation, phantom.labels.shape)
    hu = (phantom.hu - np.float32(intercept)) / np.float32(slope)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        hu = np.rint(np.clip(hu, limits.min, limits.max))
    ct = apply_orientation(hu, orientation).astype(dtype)
    labels = apply_orientation(phantom.labels, orientation)
    write_nifti(folder / "imagesTr" / f"{subject}_0000.nii.gz", ct, affine, slope, intercept)
    write_nifti(folder / "labelsTr" / f"{subject}.nii.gz", labels, affine)


def draw_times(
    tumour_ml: Float, effect: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Float]:
    """Survival that depends on tumour volume alone.

    Returns
    -------
    tuple
        Durations (n,) in whole days, from 1; events (n,); true log-hazards (n,), effect · zscore(log1p(tumour_ml)).
        Times are Weibull, of shape 1.15 and median 450 days where the log-hazard is 0; exponential censoring, its rate
        such that 17 % are censored.
    """
    load = np.log1p(tumour_ml)
    log_hazard = effect * (load - load.mean()) / max(float(load.std()), 1e-9)
    scale = MEDIAN_DAYS / np.log(2) ** (1 / WEIBULL_SHAPE)
    times = scale * (rng.exponential(size=len(load)) * np.exp(-log_hazard)) ** (1 / WEIBULL_SHAPE)
    waits = rng.exponential(size=len(load))
    censoring = waits * np.quantile(times / waits, 1 - CENSORED)
    duration = np.ceil(np.minimum(times, censoring)).astype(np.int64)
    return duration, times <= censoring, log_hazard


def write_phantom(
    folder: Path,
    n_subjects: int = 300,
    seed: int = 0,
    effect: float = 1.0,
    shape: tuple[int, int, int] = SHAPE,
    reporter: Reporter = QUIET,
) -> None:
    """Write a cohort to `folder`: `imagesTr`, `labelsTr`, `clinical.csv` with the truth, and last `phantom.json`.

    Parameters
    ----------
    folder
        Made where it is not there.
    n_subjects, seed
        How many, and of which draw; a subject is the same however many are drawn after it.
    effect
        Standard deviation of the true log-hazard: 0.25 gives a C-index of about 0.57, 0.5 of 0.63, 1 of 0.735.
    shape
        Voxels of each CT.
    reporter
        Hears of each subject.
    """
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    names = [f"phantom_{number:04d}" for number in range(n_subjects)]
    rows: list[tuple[float, float, int]] = []

    def write_one(number: int) -> tuple[float, float, int]:
        rng = np.random.default_rng([seed, number])
        phantom = draw_subject(rng, shape)
        write_subject(folder, names[number], phantom, rng)
        return (*phantom.volumes_ml, phantom.n_lesions)

    with reporter.task("Drawing phantoms", n_subjects, "subjects") as task, ThreadPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(write_one, range(n_subjects)):
            rows.append(row)
            task.advance()
    tumour_ml = np.array([row[1] for row in rows])
    duration, event, log_hazard = draw_times(tumour_ml, effect, np.random.default_rng([seed, 2**31]))
    lines = [f"case_id,duration_days,event,organ_ml,tumour_ml,n_lesions,{TRUTH_COLUMN}"]
    for i, (organ, tumour, lesions) in enumerate(rows):
        lines.append(f"{names[i]},{duration[i]},{int(event[i])},{organ:.3f},{tumour:.3f},{lesions},{log_hazard[i]:.9f}")
    (folder / "clinical.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / MARK, {"title": TITLE, **_key(n_subjects, seed, effect, shape)})


def _key(n_subjects: int, seed: int, effect: float, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"version": VERSION, "n_subjects": n_subjects, "seed": seed, "effect": effect, "shape": list(shape)}


def cached_phantom(n_subjects: int, seed: int, effect: float, reporter: Reporter = QUIET) -> Path:
    """The folder of such a cohort in the user's cache, written on first need."""
    key = _key(n_subjects, seed, effect, SHAPE)
    folder = cache_folder() / "phantoms" / digest(key)[:16]
    if is_phantom(folder):
        return folder
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        write_phantom(temporary, n_subjects, seed, effect, reporter=reporter)
        try:
            temporary.rename(folder)
        except OSError:
            if not is_phantom(folder):  # else another process was faster, with the same files
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def is_phantom(root: Path) -> bool:
    """Whether a folder holds a phantom cohort, whole."""
    return (root / MARK).is_file()
