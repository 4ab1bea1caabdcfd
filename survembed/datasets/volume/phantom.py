"""Synthetic cohort of abdominal CTs in the file formats of real scanners and segmenters, with known log-hazards.

The hazard depends only on the tumour volume in the written mask, and on age and stage where these have an effect; size,
position, HU and noise are nuisance.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff
from numpy.typing import NDArray

from survembed.datasets.volume.phantom_anatomy import SHAPE, Float, Phantom, draw_phantom
from survembed.progress import QUIET, Reporter
from survembed.storage.cores import map_in_threads
from survembed.storage.files import cache_folder, digest, write_json
from survembed.storage.nifti import write_nifti

TITLE = "synthetic liver phantom"
MARK = "phantom.json"
"""File of a complete phantom cohort."""
TRUTH_COLUMN = "true_log_hazard"
MEDIAN_DAYS, WEIBULL_SHAPE, CENSORED = 450.0, 1.15, 0.17
VERSION = 2
"""Increased when the same options give other files."""

_STORED: tuple[tuple[type[Any], float, float], ...] = (
    (np.int16, 1.0, 0.0),
    (np.int16, 1.0, -1024.0),
    (np.uint16, 1.0, -1024.0),
    (np.int16, 0.5, -1000.0),
    (np.float32, 1.0, 0.0),
    (np.int32, 1.0, 0.0),
)
"""Type, slope and intercept of stored numbers, as scanners and converters write them."""


def write_subject(folder: Path, subject: str, phantom: Phantom, rng: np.random.Generator) -> None:
    """Write CT and label map in nnU-Net names, with random orientation, number type and scale."""
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


def draw_outcomes(
    tumour_ml: Float, effect: float, rng: np.random.Generator, clinical: Float | float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Float]:
    """Draw survival that depends on the tumour volume, and on `clinical` (n,), which is added to the log-hazard.

    Returns
    -------
    tuple
        Durations (n,) in whole days, from 1; events (n,); true log-hazards (n,), effect · zscore(log1p(tumour_ml)) +
        clinical.
        Times are Weibull with shape 1.15 and median 450 days at log-hazard 0. Censoring is exponential; its rate gives
        17 % censored subjects.
    """
    log_volume = np.log1p(tumour_ml)
    log_hazard = effect * (log_volume - log_volume.mean()) / max(float(log_volume.std()), 1e-9) + clinical
    scale = MEDIAN_DAYS / np.log(2) ** (1 / WEIBULL_SHAPE)
    times = scale * (rng.exponential(size=len(log_volume)) * np.exp(-log_hazard)) ** (1 / WEIBULL_SHAPE)
    unit_censoring = rng.exponential(size=len(log_volume))
    censoring = unit_censoring * np.quantile(times / unit_censoring, 1 - CENSORED)
    duration = np.ceil(np.minimum(times, censoring)).astype(np.int64)
    return duration, times <= censoring, log_hazard


def write_phantom(
    folder: Path,
    n_subjects: int = 300,
    seed: int = 0,
    effect: float = 1.0,
    shape: tuple[int, int, int] = SHAPE,
    reporter: Reporter = QUIET,
    age_effect: float = 0.0,
    stage_effect: float = 0.0,
) -> None:
    """Write a cohort: `imagesTr`, `labelsTr`, `clinical.csv` with the true log-hazards, and last `phantom.json`.

    Parameters
    ----------
    folder
        Created if missing.
    n_subjects, seed
        Number of subjects and seed; the images of a subject do not depend on the number of subjects.
    effect
        Standard deviation of the true log-hazard: 0.25 gives a C-index of about 0.57, 0.5 of 0.63, 1 of 0.735.
    shape
        Voxels of each CT.
    reporter
        Receives the progress.
    age_effect, stage_effect
        Log hazard ratios of ten years of age (a standard deviation) and of stage III against I and II. With either, the
        table has the columns `age` and `stage`, which do not depend on the image.
    """
    names = [f"phantom_{number:04d}" for number in range(n_subjects)]

    def write_one(number: int) -> tuple[float, float, int]:
        rng = np.random.default_rng([seed, number])
        phantom = draw_phantom(rng, shape)
        write_subject(folder, names[number], phantom, rng)
        return (*phantom.volumes_ml, phantom.n_lesions)

    rows: list[tuple[float, float, int]] = []
    with reporter.task("Drawing phantoms", n_subjects, "subjects") as task:
        for row in map_in_threads(write_one, range(n_subjects)):
            rows.append(row)
            task.advance()
    tumour_ml = np.array([row[1] for row in rows])
    has_clinical = bool(age_effect or stage_effect)
    age, stage = _draw_clinical(n_subjects, np.random.default_rng([seed, 2**31 + 1]))
    added = age_effect * (age - 60) / 10 + stage_effect * (stage == "III") if has_clinical else 0.0
    duration, event, log_hazard = draw_outcomes(tumour_ml, effect, np.random.default_rng([seed, 2**31]), added)
    columns = ",age,stage" if has_clinical else ""
    lines = [f"case_id,duration_days,event,organ_ml,tumour_ml,n_lesions,{TRUTH_COLUMN}{columns}"]
    for i, (organ, tumour, lesions) in enumerate(rows):
        numbers = f"{duration[i]},{int(event[i])},{organ:.3f},{tumour:.3f},{lesions},{log_hazard[i]:.9f}"
        lines.append(f"{names[i]},{numbers}" + (f",{age[i]:.1f},{stage[i]}" if has_clinical else ""))
    (folder / "clinical.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    clinical = {"age_effect": age_effect, "stage_effect": stage_effect} if has_clinical else {}
    write_json(folder / MARK, {"title": TITLE, **_phantom_key(n_subjects, seed, effect, shape), **clinical})


def _draw_clinical(n: int, rng: np.random.Generator) -> tuple[Float, NDArray[np.str_]]:
    """Age (n,) in years, normal with mean 60 and deviation 10 to one decimal, and stage (n,): I, II or III."""
    return rng.normal(60, 10, n).round(1), rng.choice(["I", "II", "III"], n, p=[0.25, 0.45, 0.3])


def _phantom_key(n_subjects: int, seed: int, effect: float, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"version": VERSION, "n_subjects": n_subjects, "seed": seed, "effect": effect, "shape": list(shape)}


def cached_phantom(n_subjects: int, seed: int, effect: float, reporter: Reporter = QUIET) -> Path:
    """Folder of a cohort in the user's cache; written at the first call."""
    folder = cache_folder() / "phantoms" / digest(_phantom_key(n_subjects, seed, effect, SHAPE))[:16]
    if is_phantom(folder):
        return folder
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        write_phantom(temporary, n_subjects, seed, effect, reporter=reporter)
        try:
            temporary.rename(folder)
        except OSError:
            if not is_phantom(folder):  # otherwise another process has written the same files
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def is_phantom(root: Path) -> bool:
    """Whether a folder contains a complete phantom cohort."""
    return (root / MARK).is_file()
