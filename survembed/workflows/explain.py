"""Explain a subject's hazard: its own image, changed along the hazard axis to lower and higher risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.captions import DISCLAIMER
from survembed.cohort.physical_space import centred_affine, physical
from survembed.cohort.subjects import CohortHeader
from survembed.errors import RunError, UsageError
from survembed.evaluation import reencoding
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import encoder_of_run
from survembed.runs.given_covariates import given_covariates
from survembed.runs.latent_axes import Float
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.nifti import write_nifti
from survembed.storage.result import Result
from survembed.workflows.explained_subject import Start, subject_of_cohort, subject_of_files
from survembed.workflows.traverse import decimals_of


@dataclass(frozen=True)
class Explanation(Result):
    """A subject and its walk along the hazard.

    Attributes
    ----------
    run, model, header
        Of the run and its cohort.
    subject
        Its id.
    steps
        (k,) positions on the hazard axis; 0, the subject itself, is among them. A unit is one standard deviation of
        the log-hazard over the training μ, to first order.
    z
        (k, L) latents of the steps.
    log_hazard_ratio
        (k,) claimed by the head, against the subject itself.
    reencoded
        (k,) of the images `walked`, by the model's own encoder and head, against the subject itself: where it differs
        from `log_hazard_ratio`, the image does not show the claimed hazard.
    image
        (C, *spatial) of the subject, as the model sees it.
    decoded
        (k, C, *spatial) what the steps decode to.
    decoded_ml, walked_ml
        (k,) volumes by mask: sums of the decoded fractions, and of those of `walked`.
    walked_above_half_ml
        (k,) the same of the voxels of `walked` with a fraction above 0.5, as NIfTI masks have them.
    affine
        (4, 4) from voxel to RAS mm on the subject's own anatomy; None without physical space.
    covariates
        Text on the covariates, the same at every step; empty for a model of the images alone.
    covariate_hazard_ratio
        Hazard of the subject at these covariates against that at its own; it multiplies every step.
    """

    format = "survembed-explanation"

    run: str
    model: str
    header: CohortHeader = field(metadata={"json": False})
    subject: str
    steps: Float
    z: Float
    log_hazard_ratio: Float
    reencoded: Float
    image: NDArray[np.float32] = field(metadata={"json": False})
    decoded: NDArray[np.float32] = field(metadata={"json": False})
    decoded_ml: dict[str, Float]
    walked_ml: dict[str, Float]
    walked_above_half_ml: dict[str, Float]
    affine: Float | None = field(metadata={"json": False})
    covariates: str = ""
    covariate_hazard_ratio: float = 1.0

    @property
    def reconstruction(self) -> NDArray[np.float32]:
        """(C, *spatial) what the subject's own latents decode to."""
        own: NDArray[np.float32] = self.decoded[int(np.flatnonzero(self.steps == 0)[0])]
        return own

    @property
    def difference(self) -> NDArray[np.float32]:
        """(k, C, *spatial) decoded, minus the subject's reconstruction: 0 at step 0."""
        return self.decoded - self.reconstruction

    @property
    def walked(self) -> NDArray[np.float32]:
        """(k, C, *spatial) the subject's own image plus the difference, kept in [0, 1]; its own detail stays."""
        walked: NDArray[np.float32] = np.clip(self.image + self.difference, 0, 1)
        return walked

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values, for JSON; no images."""
        return {
            **super().to_dict(),
            "disclaimer": DISCLAIMER,
            "title": self.header.title,
            "synthetic": self.header.synthetic,
            "hazard_ratio": np.exp(self.log_hazard_ratio).tolist(),
            "reencoded_hazard_ratio": np.exp(self.reencoded).tolist(),
        }

    @property
    def warning(self) -> str | None:
        """Sentence on images that do not show the claimed hazard; None if all do."""
        return reencoding.warning(self.steps, {"hazard": (self.log_hazard_ratio, self.reencoded)})


def explain(
    run: Run,
    subject: str | None = None,
    *,
    files: Mapping[str, Path] | None = None,
    low: float = -2.0,
    high: float = 2.0,
    n_steps: int = 5,
    covariates: Sequence[str] = (),
    cause: str | None = None,
    channel: str | None = None,
    reporter: Reporter = QUIET,
) -> Explanation:
    """Walk a subject of the run's cohort, or a new one, along the hazard.

    The axis is that of `Coordinates.along_hazard`: straight for a linear head, following the gradient for another.

    Parameters
    ----------
    run
        A finished run whose model decodes and has a head, on pictures or volumes.
    subject
        Its id. Of a single new subject it is what the result calls it, `subject` by default.
    files
        Of new subjects, as for `predict`; without them the subject is of the run's cohort.
    low, high, n_steps
        Positions: `n_steps` evenly from `low` to `high`; 0 is added where it is not among them.
    covariates
        `name=value` for a model with covariates. Default: the subject's own; of a new one those of the reference
        subject.
    cause
        Name or number of a competing cause whose hazard is walked along; None for any event.
    channel
        Name of the channel that figures show; None for the first.

    Raises
    ------
    UsageError
        When the range does not hold 0, no subject is named, or the run needs other files.
    DataError
        When no subject has the id, and the nearest is named; or a file cannot be read.
    RunError
        When the run is damaged, or cannot be walked: no head, no decoder, or a table. Also when it was imported without
        its subjects and there are no files.
    """
    _check(run, low, high, n_steps)
    trained = TrainedModel.open(run, reporter=reporter, cause=cause, channel=channel)
    start = (
        subject_of_files(trained, subject, files, reporter) if files else subject_of_cohort(trained, subject, reporter)
    )
    text, ratio = _covariates(trained, start, covariates, reporter)
    steps = np.unique(np.append(np.linspace(low, high, n_steps).round(10), 0.0)) + 0.0
    with reporter.task("decoding", 1, "walk") as task:
        z = trained.coordinates().along_hazard(start.z, trained.gradient, steps)
        decoded = trained.decode(z)
        task.advance()
    hazard = trained.log_hazard(z)
    own = Explanation(
        run=run.id,
        model=run.model_title,
        header=trained.header,
        subject=start.subject,
        steps=steps,
        z=z,
        log_hazard_ratio=hazard - hazard[steps == 0],
        reencoded=hazard * 0,
        image=start.image,
        decoded=decoded,
        decoded_ml=trained.volumes_ml(decoded),
        walked_ml={},
        walked_above_half_ml={},
        affine=start.affine,
        covariates=text,
        covariate_hazard_ratio=ratio,
    )
    walked = own.walked
    again = trained.log_hazard(trained.embed(walked).astype(np.float64)) - hazard[steps == 0]
    soft, hard = trained.volumes_ml(walked), trained.volumes_above_half_ml(walked)
    return replace(own, reencoded=again, walked_ml=soft, walked_above_half_ml=hard)


def _covariates(
    trained: TrainedModel, start: Start, assignments: Sequence[str], reporter: Reporter
) -> tuple[str, float]:
    """Text on the covariates of the walk, and the hazard ratio of these to the subject's own."""
    run, encoder = trained.run, encoder_of_run(trained.run)
    if encoder is None or start.x is None:
        given = given_covariates(run, assignments, start.columns)
        for note in given.notes:
            reporter.warn(note)
        return "".join(given.texts), 1.0
    own = encoder.decode(start.x[None])
    if not assignments:
        return f"{encoder.describe(own)} (the subject's own)", 1.0
    given = given_covariates(run, assignments, own)
    for note in given.notes:
        reporter.warn(note)
    added = trained.covariate_contributions(given.x - start.x)
    return f"{given.texts[0]} (own: {encoder.describe(own)})", float(np.exp(sum(part[0] for part in added.values())))


def _check(run: Run, low: float, high: float, n_steps: int) -> None:
    if not (np.isfinite([low, high]).all() and low <= 0 <= high and low < high and n_steps >= 2):
        raise UsageError(
            f"no walk from {low:g} to {high:g} in {n_steps} steps",
            where="--low, --high, --steps",
            expected="a number below or at 0, one at or above it, and two steps or more",
        )
    lacks = None
    if not run.can("decode"):
        lacks = f"a {run.model}, which cannot decode latents into images"
    elif not run.can("hazard"):
        lacks = f"a {run.model}, which has no hazard to walk along"
    elif len(run.record["cohort"]["header"]["shape"]) == 1:
        lacks = "on a table, of which there is no image to show"
    if lacks:
        raise RunError(
            f"run {run.id} is {lacks}",
            where=str(run.path),
            expected="a model that decodes and has a head, on pictures or volumes",
            try_="survembed train coxvae --data liver",
        )


def save_volumes(explanation: Explanation, folder: Path) -> list[Path]:
    """Write each step as NIfTI on the subject's own anatomy: `risk_-2.0_ct.nii.gz`, `risk_-2.0_tumour.nii.gz`, …

    Intensities are float32 in their own unit; masks are uint8, 1 where the fraction is above one half. `risk_+0.0_…` is
    the subject itself. All lie in the grid of the cohort's cube, in RAS order, in mm at the subject's own place.

    Raises
    ------
    UsageError
        When the images are no volumes.
    """
    header, affine = explanation.header, explanation.affine
    if len(header.shape) != 3 or (affine is None and header.spacing_mm is None):
        raise UsageError("these images are no volumes", where="--nifti", expected="a run on a 3-D cohort")
    placed = centred_affine(header) if affine is None else affine
    decimals = decimals_of(explanation.steps)
    written = []
    for step, image in zip(explanation.steps, explanation.walked, strict=True):
        for channel, values in zip(header.channels, image, strict=True):
            path = folder / f"risk_{step:+.{decimals}f}_{channel.name}.nii.gz"
            is_mask = channel.likelihood == "bernoulli"
            write_nifti(path, (values > 0.5).astype(np.uint8) if is_mask else physical(values, channel), placed)
            written.append(path)
    return written
