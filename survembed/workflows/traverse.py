"""Walk through the latent space of a run, one dimension at a time or along the hazard (the paper's Figure 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.physical_space import centred_affine, physical
from survembed.cohort.subjects import CohortHeader
from survembed.errors import UsageError
from survembed.evaluation import reencoding
from survembed.evaluation.latent_hazard import fit_on_test, risk_fit_on_test, silent_dimensions_of
from survembed.progress import QUIET, Reporter
from survembed.runs.given_covariates import given_covariates
from survembed.runs.latent_axes import Float
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.nifti import write_nifti
from survembed.storage.result import Result
from survembed.survival.cox_inference import CoxFit, HazardRatio

HAZARD_AXIS = "risk"


@dataclass(frozen=True)
class Walk(Result):
    """One row of a traversal.

    Attributes
    ----------
    name
        `z0`, `z1`, … or `risk` for the hazard axis.
    z
        (k, L) latents of the steps, in raw coordinates.
    images
        (k, C, *spatial) float32 decoded images.
    log_hazard
        (k,) claimed by the head, relative to the start of the traversal; None for a model without a head.
    reencoded
        (k,) log-hazard of the decoded images by the model's own encoder and head, relative to the same start: where it
        differs from `log_hazard`, the image does not show the claimed hazard.
    psi
        Slope of the log-hazard along the row's axis at the start, for one unit as shown; None without a head.
    hr_per_sd
        Hazard ratio of the model for one standard deviation of the training μ along that axis (of the log-hazard itself
        for the hazard axis), at the start.
    test
        Hazard ratio per SD of a Cox model refitted on the test set, with its interval: adjusted for the other
        dimensions; for the hazard axis that of the log-hazard alone. None where there is no such fit.
    test_reason
        Why `test` is None; empty where it is not, or without a head.
    volumes_ml
        (k,) decoded volumes by channel name: the sum of the decoded fractions of a mask.
    volumes_above_half_ml
        The same of the voxels with a decoded fraction above 0.5: what a mask of it would hold.
    """

    name: str
    z: Float
    images: NDArray[np.float32] = field(metadata={"json": False})
    log_hazard: Float | None
    reencoded: Float | None
    psi: float | None
    hr_per_sd: float | None
    test: HazardRatio | None
    test_reason: str
    volumes_ml: dict[str, Float]
    volumes_above_half_ml: dict[str, Float]

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values, for JSON; no images."""
        return {**super().to_dict(), "hazard_ratio": None if self.psi is None else float(np.exp(self.psi))}


@dataclass(frozen=True)
class Traversal(Result):
    """Decoded images and their numbers along some axes of the latent space.

    Attributes
    ----------
    run, model
        Of the run.
    header
        Of its cohort.
    start
        `mean of training` for standardised axes, `zero` for raw ones, or a subject's id.
    axes
        `standardised` or `raw`.
    steps
        (k,) positions along each axis.
    walks
        One for each row: the hazard axis, then the dimensions by falling effect on the hazard.
    silent
        Dimensions without a row, as their μ hardly varies: they carry nothing of the image.
    cause
        Competing cause of the hazard; None for any event.
    covariates
        Text on the covariates at which it is drawn; empty for a model of the images alone. They cancel in every hazard
        relative to the start.
    """

    format = "survembed-traversal"

    run: str
    model: str
    header: CohortHeader = field(metadata={"json": False})
    start: str
    axes: str
    steps: Float
    walks: list[Walk] = field(metadata={"json": "rows"})
    silent: tuple[int, ...] = ()
    covariates: str = ""
    cause: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values, for JSON; no images."""
        return {**super().to_dict(), "title": self.header.title, "synthetic": self.header.synthetic}

    @property
    def unrated(self) -> list[str]:
        """Sentences on the rows without a hazard ratio on the test set, one for each reason."""
        rows: dict[str, list[str]] = {}
        for walk in self.walks:
            if walk.test_reason:
                rows.setdefault(walk.test_reason, []).append(walk.name)
        return [f"no hazard ratio on the test set for {', '.join(names)}: {why}" for why, names in rows.items()]

    @property
    def warning(self) -> str | None:
        """Sentence on images that do not show the claimed hazard; None if all do, or without a head."""
        rows = {
            walk.name: (walk.log_hazard, walk.reencoded)
            for walk in self.walks
            if walk.log_hazard is not None and walk.reencoded is not None
        }
        return reencoding.warning(self.steps, rows)


def traverse(
    run: Run,
    dims: Sequence[int] | None = None,
    *,
    raw: bool = False,
    risk: bool = False,
    start: str | None = None,
    low: float = -4.0,
    high: float = 4.0,
    n_steps: int = 9,
    cause: str | None = None,
    channel: str | None = None,
    reporter: Reporter = QUIET,
) -> Traversal:
    """Decode the latent space along some dimensions and along the hazard axis.

    Parameters
    ----------
    run
        A finished run whose model decodes.
    dims
        Latent dimensions, counted from 0; None for all that are not silent.
    raw
        The paper's literal axes in place of standardised ones (settled point 13).
    risk
        Add the hazard axis (settled point 14).
    start
        Id of a subject from which to walk; None for zero on the axes chosen.
    low, high, n_steps
        Positions: `n_steps` evenly from `low` to `high`.
    cause
        Name or number of a competing cause whose hazard is walked along; None for any event.
    channel
        Name of the channel that figures show; None for the first.

    Raises
    ------
    UsageError
        When a dimension does not exist or the range is empty.
    RunError
        When the run is damaged.
    """
    trained = TrainedModel.open(run, reporter=reporter, cause=cause, channel=channel)
    n_dims, has_head = trained.model.latent_dim, trained.model.head is not None
    wanted = list(range(n_dims)) if dims is None else list(dict.fromkeys(dims))
    _check(wanted, n_dims, low, high, n_steps, risk and not has_head)
    axes = trained.coordinates(raw=raw)
    base = axes.centre if start is None else _latents_of(trained, start)
    steps = np.linspace(low, high, n_steps).round(10) + 0.0  # neither 1e-17 nor -0 in titles and file names
    silent = [] if dims is not None else silent_dimensions_of(trained)
    wanted = [dimension for dimension in wanted if dimension not in silent]
    slope = trained.gradient(base) if has_head else None
    if slope is not None:
        wanted.sort(key=lambda dimension: -abs(slope[dimension] * axes.deviation[dimension]))
    walks = []
    with reporter.task("decoding", len(wanted) + risk, "rows") as task:
        if risk and slope is not None:
            psi = axes.hazard_sd(slope)
            path = axes.along_hazard(base, trained.gradient, steps)
            walks.append(_walk(trained, HAZARD_AXIS, base, path, (psi, psi), (risk_fit_on_test(trained), 0)))
            task.advance()
        fit = fit_on_test(trained) if wanted and slope is not None else None
        for dimension in wanted:
            path = axes.along_dimension(base, dimension, steps)
            effect = None
            if slope is not None:
                effect = (slope[dimension] * axes.scale[dimension], slope[dimension] * axes.deviation[dimension])
            walks.append(_walk(trained, f"z{dimension}", base, path, effect, (fit, dimension) if fit else None))
            task.advance()
    origin, units = start or ("zero" if raw else "mean of training"), "raw" if raw else "standardised"
    at = "".join(given_covariates(run).texts)
    at += "; axes of z − Wx, which the covariates do not say" if trained.has_conditional_prior else ""
    shown = (origin, units, steps, walks, tuple(silent), at, trained.cause_name)
    return Traversal(run.id, run.model_title, trained.header, *shown)


def _latents_of(trained: TrainedModel, subject: str) -> Float:
    z: Float = trained.latents.z[trained.latents.position(subject)].astype(np.float64)
    return z


def _check(dims: Sequence[int], n_dims: int, low: float, high: float, n_steps: int, headless_risk: bool) -> None:
    bad = [dimension for dimension in dims if not 0 <= dimension < n_dims]
    if bad:
        raise UsageError(
            f"no latent dimension {bad[0]}", where=f"--dim {bad[0]}", expected=f"0 to {n_dims - 1}", try_="--dim 0"
        )
    if not low < high or n_steps < 2 or not np.isfinite([low, high]).all():
        raise UsageError(
            f"no path from {low:g} to {high:g} in {n_steps} steps",
            where="--low, --high, --steps",
            expected="a lower and a higher number, and two steps or more",
        )
    if headless_risk:
        raise UsageError(
            "this model has no hazard to walk along", where="--risk", expected="a model with a head, such as coxvae"
        )


def _walk(
    trained: TrainedModel,
    name: str,
    base: Float,
    path: Float,
    effect: tuple[float, float] | None,
    test: tuple[CoxFit, int] | None,
) -> Walk:
    """The row of one path (k, L).

    Parameters
    ----------
    effect
        Slope of the log-hazard for one unit as shown, and for one SD.
    test
        Cox model on the test set, and the dimension of the row in it.
    """
    images = trained.decode(path)
    hazard = again = psi = hr_per_sd = None
    if effect is not None:
        raw = trained.log_hazard(np.vstack([base, path, trained.embed(images)]))
        hazard, again = np.split(raw[1:] - raw[0], 2)
        psi, hr_per_sd = float(effect[0]), float(np.exp(effect[1]))
    volumes, above_half = trained.volumes_ml(images), trained.volumes_above_half_ml(images)
    ratio, reason = (None, "") if test is None else (test[0].ratios.get(test[1]), test[0].why(test[1]))
    return Walk(name, path, images, hazard, again, psi, hr_per_sd, ratio, reason, volumes, above_half)


def save_volumes(traversal: Traversal, folder: Path) -> list[Path]:
    """Write every decoded volume as NIfTI: `z2_+1.0_tumour.nii.gz`, isotropic in RAS, the origin in its middle.

    Raises
    ------
    UsageError
        When the images are not volumes.
    """
    if traversal.header.spacing_mm is None or len(traversal.header.shape) != 3:
        raise UsageError("these images are no volumes", where="--nifti", expected="a run on a 3-D cohort")
    affine = centred_affine(traversal.header)
    decimals = decimals_of(traversal.steps)
    written = []
    for walk in traversal.walks:
        for step, image in zip(traversal.steps, walk.images, strict=True):
            for channel, volume in zip(traversal.header.channels, image, strict=True):
                path = folder / f"{walk.name}_{step:+.{decimals}f}_{channel.name}.nii.gz"
                write_nifti(path, physical(volume, channel), affine)
                written.append(path)
    return written


def decimals_of(steps: Float) -> int:
    """Digits behind the point with which no two steps have one name."""
    return max(1, 1 - math.floor(math.log10(np.diff(steps).min())))
