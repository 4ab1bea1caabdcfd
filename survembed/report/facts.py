"""What a report knows of its model and data, in the words that checklist and model card share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Plain statements about a run, or about the run that a report of a sweep shows.

    Attributes
    ----------
    title, synthetic
        Of the cohort; the title calls synthetic data that.
    model, head, dataset
        Names of the components; `head` is empty for a model without one.
    n, n_events
        Of the cohort.
    follow_up
        Median follow-up with its unit, or `not reached`.
    division
        How subjects were divided for training and scoring.
    inputs
        What an image holds.
    predictors
        Of an image or a table: what the model is given.
    training
        How the weights came about.
    latent_dim, parameters
        Sizes of the model.
    scores
        What was scored, each with its interval, a sentence each.
    calibration
        The same for calibration; empty where there is none.
    columns
        Survival models fitted on the latents.
    n_left_out
        Records left out in preparation.
    n_resamples
        Behind each interval.
    decodes
        Whether latents can be turned back into images.
    version
        Of survembed.
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
