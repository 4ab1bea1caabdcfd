"""Covariates of a prediction: typed, from the user's table, or those of the reference subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError
from survembed.runs.embedding import encoder_of_run
from survembed.runs.run import Run
from survembed.survival.outcome import Float


@dataclass(frozen=True)
class GivenCovariates:
    """Encoded covariates of n subjects.

    Attributes
    ----------
    x
        (n, P); P is 0 for a model without covariates.
    texts
        (n,) such as `age 63, stage II (reference subject)`; empty for a model without covariates.
    notes
        Sentences on values that training never saw.
    """

    x: Float
    texts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def beside(self, z: NDArray[np.floating]) -> Float:
        """[z, x] (n, L + P) of latents z (n, L); x of one subject is repeated."""
        x = np.broadcast_to(self.x, (len(z), self.x.shape[1]))
        return np.hstack([z.astype(np.float64), x])


def given_covariates(
    run: Run, assignments: Sequence[str] = (), columns: Mapping[str, NDArray[Any]] | None = None, n: int = 1
) -> GivenCovariates:
    """Covariates of n subjects for the model of a run.

    Parameters
    ----------
    assignments
        `name=value` texts, the same for all subjects. What they leave open is taken from `columns` where these have it,
        else from the reference subject.
    columns
        (n,) covariates by name.

    Raises
    ------
    UsageError
        When the model has no covariates, or not these, or a value cannot be one.
    DataError
        When a column of `columns` holds text where training had numbers, or the reverse.
    """
    encoder = encoder_of_run(run)
    if encoder is None:
        if assignments:
            raise UsageError(
                f"run {run.id} is a model of the images alone",
                where=f"--covariate {assignments[0]}",
                expected="a run with covariates",
                try_=f"survembed train {run.model} --covariates {assignments[0].partition('=')[0] or 'age,sex'}",
            )
        return GivenCovariates(np.empty((n, 0)))
    typed = {text.partition("=")[0] for text in assignments}
    from_table = {name: values for name, values in (columns or {}).items() if name not in typed}
    values = {name: np.repeat(value, n) for name, value in encoder.parse(assignments).items()}
    known = {column.name for column in encoder.columns} & (typed | set(from_table))
    values |= {name: from_table[name] for name in known - typed}
    left = [column.name for column in encoder.columns if column.name not in known]
    ending = (
        f" ({', '.join(left)} of the reference subject)" if left and known else " (reference subject)" if left else ""
    )
    texts = tuple(encoder.describe(values, row) + ending for row in range(n))
    return GivenCovariates(encoder.encode(values), texts, tuple(encoder.notes(values)))
