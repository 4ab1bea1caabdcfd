"""The covariates of a training: chosen by name, checked, and encoded on its training part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.cohort.covariates import MAX_LEVELS, usable
from survembed.cohort.subjects import Subjects
from survembed.datasets.tabular.leakage import association, names_outcome
from survembed.errors import DataError, UsageError
from survembed.progress import Reporter
from survembed.registry.component import Component
from survembed.training.split import Parts


def encoder_of(
    names: Sequence[str], subjects: Subjects, parts: Parts, dataset: Component, reporter: Reporter
) -> CovariateEncoder | None:
    """The encoder of the covariates `names`, fitted on the training part; None without names.

    Parameters
    ----------
    dataset
        Its option `allow`, where it has one, names columns that may reveal the outcome and are wanted all the same.

    Raises
    ------
    UsageError
        When a covariate does not exist, is free text, or is the outcome by its name.
    DataError
        When a covariate is constant in the training part.
    """
    if not names:
        return None
    allowed = {str(name) for name in getattr(dataset, "allow", ())}
    for name in dict.fromkeys(names):
        _refuse_outcome(name, name in allowed, "allow" in type(dataset).model_fields)
        _refuse_unusable(name, subjects, parts)
        how = association(subjects.covariates[name], subjects.duration, subjects.event)
        if how:
            reporter.warn(f"covariate '{name}' may reveal the outcome: {how}")
    encoder = CovariateEncoder.fit(subjects.covariates, list(dict.fromkeys(names)), parts["train"])
    for column, reason in encoder.left_out.items():
        reporter.say(f"covariate column '{column}' is left out: {_without_numbers(reason)}")
    others = np.concatenate([parts["validation"], parts["test"]])
    for note in encoder.notes(subjects.take(others).covariates):
        reporter.warn(f"outside the training part, {note}")
    return encoder


def _refuse_outcome(name: str, is_allowed: bool, can_allow: bool) -> None:
    if names_outcome(name) and not is_allowed:
        raise UsageError(
            f"'{name}' is the outcome, follow-up or a date by its name: no covariate",
            where=f"--covariates {name}",
            expected="columns that are known before the outcome",
            try_=f"--covariates without {name}"
            + (f"; --set data.allow={name}, if it is known before the outcome" if can_allow else ""),
        )


def _refuse_unusable(name: str, subjects: Subjects, parts: Parts) -> None:
    values = subjects.covariates.get(name)
    if values is None:
        usable(subjects.covariates, [name])  # says which there are
        return
    is_text = values.dtype.kind in "OUS"
    known = np.unique(values[parts["train"]])
    known = known[known != ""] if is_text else known[np.isfinite(known)]
    if len(known) < 2:
        raise DataError(
            f"covariate '{name}' is constant in the training part",
            where=f"--covariates {name}",
            expected="a column with two values or more",
            try_=f"--covariates without {name}",
        )
    if is_text and len(known) > MAX_LEVELS:
        raise DataError(
            f"covariate '{name}' has {len(known)} different texts in the training part",
            where=f"--covariates {name}",
            expected=f"numbers, or up to {MAX_LEVELS} categories",
            try_=f"--covariates without {name}",
        )


def _without_numbers(reason: str) -> str:
    return "it is constant" if reason.startswith("constant") else "it follows from earlier columns in the training part"
