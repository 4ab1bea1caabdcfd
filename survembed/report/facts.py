"""Statements about a run that checklist and model card share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Statements about a run; for a sweep, about the run that the report shows.

    Attributes
    ----------
    title, synthetic
        Of the cohort; the title marks synthetic data.
    model, head, dataset
        Names of the components; `head` is empty for a model without one.
    n, n_events
        Of the cohort.
    follow_up
        Median follow-up with its unit, or `not reached`.
    division
        Division of the subjects for training and evaluation.
    inputs
        Content and size of an image.
    predictors
        Input of the model.
    training
        Length of the training, and selection of the weights.
    latent_dim, parameters
        Number of latent dimensions and of parameters.
    scores
        One sentence per model: scores with intervals.
    calibration
        Calibration slopes with intervals; empty without any.
    columns
        Downstream models.
    n_left_out
        Records excluded in the preparation.
    n_resamples
        Bootstrap resamples of each interval.
    decodes
        Whether the model decodes latents into images.
    version
        Of survembed.
    shown
        Name of the model that the report shows, in a sweep; else empty.
    models
        One sentence for each model of a sweep; else empty.
    conclusion
        Three sentences on the scores.
    external, groups
        Sentences on evaluations in other cohorts, and on scores in groups of subjects; empty without any.
    sample_size
        Events per parameter, and criteria for the number of subjects.
    missing
        Missing values of clinical columns.
    """

    title: str
    synthetic: bool
    model: str
    head: str
    dataset: str
    n: int
    n_events: int
    follow_up: str
    division: str
    inputs: str
    predictors: str
    training: str
    latent_dim: int
    parameters: int
    scores: tuple[str, ...]
    calibration: str
    columns: tuple[str, ...]
    n_left_out: int
    n_resamples: int
    decodes: bool
    version: str
    shown: str = ""
    models: tuple[str, ...] = ()
    conclusion: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    sample_size: str = ""
    missing: str = ""

    @property
    def scope(self) -> str:
        """A sentence that says which model of a sweep a statement is about; else empty."""
        return f" This is {self.shown}; for the other models see Model and training." if self.shown else ""
