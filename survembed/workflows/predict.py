"""Predictions for new subjects: hazard, survival, contributions, and distance from the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.captions import DISCLAIMER
from survembed.cohort.subjects import CohortHeader
from survembed.evaluation.development_set import development_set
from survembed.evaluation.out_of_distribution import OutOfDistribution, compare_with_training, percentile
from survembed.evaluation.survival_band import Survival, SurvivalBand
from survembed.evaluation.survival_bound import COVERAGE, Bounds, bounds
from survembed.progress import QUIET, Reporter
from survembed.runs.given_covariates import given_covariates
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.result import Result, plain
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float
from survembed.workflows.new_cases import read_new_cases


@dataclass(frozen=True)
class Member:
    """One of several runs that are averaged.

    Attributes
    ----------
    run
        Its id.
    percentile
        (n,) of the log-hazard among its own training subjects, in per cent.
    survival
        (n, T) S(t) at the times of the average.
    """

    run: str
    percentile: Float
    survival: Float

    def to_dict(self, row: int) -> dict[str, Any]:
        """Plain values of one subject."""
        return {"run": self.run, "log_hazard_percentile": self.percentile[row], "survival": self.survival[row]}


@dataclass(frozen=True)
class SubjectPrediction(Result):
    """Predictions for n subjects.

    Attributes
    ----------
    run, model
        Of the run.
    header
        Of its cohort.
    labels
        (n,) labels from the user, or ids from the user's table; never a name of a file.
    images, reconstructions
        (n, C, *spatial) as the model sees them, and as it gives them back; None where it does not decode.
    z, coordinates
        (n, L) μ, and the same in standard deviations of the training μ from their mean.
    log_hazard
        (n,) higher dies sooner.
    log_hazard_ratio
        (n,) the same minus the log-hazard of the mean training μ, at the reference covariates.
    percentile
        (n,) of the log-hazard among the training subjects, in per cent.
    contributions
        (n, L) what each dimension adds to `log_hazard_ratio`. With those of the covariates this is their sum. See
        `attribution`.
    linear
        Whether the head is linear in the latents, so that contributions are ψ_i·z_i in standardised coordinates.
    survival, out_of_distribution
        See `Survival` and `OutOfDistribution`.
    measures
        Measured from the images by name, each (n,), such as `tumour_ml`.
    warnings
        Doubtful properties of the files.
    cohort_curve
        Kaplan-Meier curve of the training subjects.
    n_train
        Number of training subjects.
    covariates
        Text (n,) on the covariates of each subject; empty for a model of the images alone.
    covariate_contributions
        (n, P) γ_j·x_j by encoded column: what the covariates add to `log_hazard_ratio`; empty without covariates.
    inputs
        (n, L + P) what the head takes: latents, and encoded covariates.
    bound
        Lower bound of the survival times; None where several runs are averaged.
    members
        The runs that are averaged, if there are several: survival, its range, and the percentile are theirs, all else
        is of the first run, whose latents have nothing in common with those of the others.
    cause
        Competing cause of the log-hazard, its percentile and the contributions; None for any event. S(t), incidences
        and bound are the same for each.
    """

    format = "survembed-prediction"

    run: str
    model: str
    header: CohortHeader
    labels: tuple[str, ...]
    images: NDArray[np.float32]
    reconstructions: NDArray[np.float32] | None
    z: Float
    coordinates: Float
    log_hazard: Float
    log_hazard_ratio: Float
    percentile: Float
    contributions: Float
    linear: bool
    survival: Survival
    out_of_distribution: OutOfDistribution
    measures: Mapping[str, NDArray[Any]]
    warnings: tuple[str, ...]
    cohort_curve: StepFunction
    n_train: int
    covariates: tuple[str, ...] = ()
    covariate_contributions: Mapping[str, Float] = field(default_factory=dict)
    inputs: Float = field(default_factory=lambda: np.empty((0, 0)))
    bound: Bounds | None = None
    members: tuple[Member, ...] = ()
    cause: str | None = None

    @property
    def attribution(self) -> str:
        """How the contributions were found."""
        if self.linear:
            return "psi_i * z_i in standardised coordinates; exact, as the head is linear"
        return "integrated gradients on the straight path from the mean of the training latents"

    def _of_covariates(self, row: int) -> dict[str, Any]:
        if not self.covariates:
            return {}
        parts = {name: values[row] for name, values in self.covariate_contributions.items()}
        return {"covariates": self.covariates[row], "covariate_contributions": parts}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what is unknown is null. No images."""
        survival, similarity = self.survival, self.out_of_distribution
        subjects = []
        for row, label in enumerate(self.labels):
            distance = {"value": similarity.distance[row], "percentile": similarity.distance_percentile[row]}
            incidence = {name: values[row] for name, values in survival.incidence.items()}
            error = None
            if similarity.error is not None and similarity.error_percentile is not None:
                error = {"value": similarity.error[row], "percentile": similarity.error_percentile[row]}
            subjects.append(
                {
                    "subject": label,
                    "log_hazard": self.log_hazard[row],
                    "log_hazard_percentile": self.percentile[row],
                    "hazard_ratio": np.exp(self.log_hazard_ratio[row]),
                    "survival": survival.value[row],
                    "survival_low": survival.low[row],
                    "survival_high": survival.high[row],
                    "median_survival": survival.median[row],
                    "median_low": survival.median_low[row],
                    "median_high": survival.median_high[row],
                    **({} if self.bound is None else {"survival_bound": self.bound.to_dict(row)}),
                    **({"incidence": incidence} if incidence else {}),
                    **({"runs": [member.to_dict(row) for member in self.members]} if self.members else {}),
                    "z": self.z[row],
                    "z_standardised": self.coordinates[row],
                    "contributions": self.contributions[row],
                    **self._of_covariates(row),
                    "reconstruction_error": error,
                    "latent_distance": distance,
                    "far_from_training": bool(similarity.far[row]),
                    "measures": {name: values[row] for name, values in self.measures.items()},
                }
            )
        numbers: dict[str, Any] = plain(
            {
                "format": self.format,
                "format_version": self.format_version,
                "disclaimer": DISCLAIMER,
                "run": self.run,
                "model": self.model,
                "title": self.header.title,
                "synthetic": self.header.synthetic,
                "time_unit": self.header.time_unit,
                "attribution": self.attribution,
                **({"cause": self.cause} if self.cause else {}),
                "training_subjects": self.n_train,
                "compared_with": {"part": similarity.part, "subjects": similarity.n},
                "times": survival.times,
                "interval": survival.kind or None,
                "warnings": list(self.warnings),
                "subjects": subjects,
            }
        )
        return numbers


def predict(
    run: Run,
    files: Mapping[str, Path],
    *,
    label: str | None = None,
    covariates: Sequence[str] = (),
    coverage: float = COVERAGE,
    cause: str | None = None,
    reporter: Reporter = QUIET,
) -> SubjectPrediction:
    """Prepare new subjects as those of the run's cohort were, and predict.

    Parameters
    ----------
    run
        A finished run whose model has a head.
    files
        By `ct`, `mask`, `folder`, `root`, `image` or `table`; the run's dataset decides which it needs.
    label
        What the subject is called in the result. Default: its id in a table; without ids `subject`, or `row-1`, ….
    covariates
        `name=value` for a model with covariates. Default: the columns of a table, else the reference subject.
    coverage
        Share of subjects that live beyond their lower bound.
    cause
        Name or number of a competing cause whose log-hazard is given and taken apart; None for any event.

    Raises
    ------
    UsageError
        When the run wants other files, or has no such cause.
    DataError
        When a file is missing, damaged or holds no such subject.
    PluginError
        When the run's dataset cannot read new subjects.
    RunError
        When the run is damaged.
    """
    trained = TrainedModel.open(run, reporter=reporter)
    of_cause = trained if cause is None else TrainedModel.open(run, reporter=reporter, cause=cause)
    new = read_new_cases(run, files, reporter)
    given = given_covariates(run, covariates, new.covariates, len(new.images))
    for warning in (*new.warnings, *given.notes):
        reporter.warn(warning)
    images = new.images
    mu = trained.embed(images)
    z = mu.astype(np.float64)
    both = given.beside(z)
    axes, log_hazard = trained.coordinates(), of_cause.log_hazard(both)
    development, of_training = development_set(trained), development_set(of_cause).log_hazards
    assert of_training is not None
    survival = SurvivalBand(trained, reporter).survival(both)
    return SubjectPrediction(
        run=run.id,
        model=run.model_title,
        header=trained.header,
        labels=_labels(label, new.ids, len(z)),
        images=images,
        reconstructions=trained.decode(z) if trained.model.decodes else None,
        z=z,
        coordinates=(z - axes.centre) / axes.scale,
        log_hazard=log_hazard,
        log_hazard_ratio=log_hazard - of_cause.log_hazard(axes.centre[None]),
        percentile=percentile(log_hazard, of_training),
        contributions=of_cause.contributions(z),
        linear=of_cause.is_linear,
        survival=survival,
        out_of_distribution=compare_with_training(trained, images, mu, reporter),
        measures=new.measures,
        warnings=(*new.warnings, *given.notes),
        cohort_curve=development.curve,
        n_train=development.n,
        covariates=given.texts,
        covariate_contributions=trained.covariate_contributions(given.x),
        inputs=both,
        bound=bounds(trained, both, survival.times, coverage),
        cause=of_cause.cause_name,
    )


def _labels(label: str | None, ids: tuple[str, ...], n: int) -> tuple[str, ...]:
    if ids and label is None:
        return ids
    if n == 1:
        return (label or "subject",)
    return tuple(f"{label or 'row'}-{row}" for row in range(1, n + 1))
