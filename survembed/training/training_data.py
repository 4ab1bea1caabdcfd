"""Images, outcomes and parts of a cohort, for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from survembed.models.base import Model
from survembed.survival.batch import Batch
from survembed.survival.outcome import Float
from survembed.training.images import Images

if TYPE_CHECKING:
    from survembed.cohort.subjects import Subjects
    from survembed.training.split import Parts


@dataclass(frozen=True)
class TrainingData:
    """Images, outcomes and parts of a cohort.

    Attributes
    ----------
    images
        Of all N subjects.
    duration
        (N,) float64.
    event
        (N,) bool.
    train, validation
        Positions of the two parts; the validation part may be empty.
    covariates
        (N, P) float32 x, encoded; None for a model of the images alone.
    entry
        (N,) float64 times of late entry; None where there is none.
    cause
        (N,) number of the cause of each event, 0 for censored subjects; None for one kind of event.
    """

    images: Images
    duration: Tensor
    event: Tensor
    train: Tensor
    validation: Tensor
    covariates: Tensor | None = None
    entry: Tensor | None = None
    cause: Tensor | None = None

    @classmethod
    def of(cls, images: Images, subjects: Subjects, parts: Parts, covariates: Float | None = None) -> Self:
        """Training data from a table of subjects and its split; `covariates` x (N, P) of all subjects."""
        arrays = (subjects.duration, subjects.event, parts["train"], parts["validation"])
        x = None if covariates is None else torch.from_numpy(covariates).float()
        entry, cause = (
            None if column is None else torch.from_numpy(column) for column in (subjects.entry, subjects.cause)
        )
        duration, event, train, validation = map(torch.from_numpy, arrays)
        return cls(images, duration, event, train, validation, x, entry, cause)

    @property
    def codes(self) -> Tensor:
        """(N,) events as heads receive them: numbers of causes where there are several, else bool."""
        return self.event if self.cause is None else self.cause

    def fit_statistics(self, model: Model, batch_size: int) -> None:
        """Fit the input scale and the outcome statistics of an untrained `model` to the training part.

        Parameters
        ----------
        batch_size
            Images read at once.
        """
        mean, deviation, entropy = self.images.moments(self.train, batch_size)
        model.fit_input(mean, deviation)
        model.fit_entropy(entropy)
        model.fit_outcome(self.duration[self.train], self.codes[self.train])

    def batch(self, index: Tensor) -> Batch:
        """The subjects at `index`, on the device of the images."""
        device = self.images.device
        covariates, entry = (
            None if column is None else column[index].to(device) for column in (self.covariates, self.entry)
        )
        duration, event = self.duration[index].to(device), self.codes[index].to(device)
        return Batch(self.images[index], duration, event, covariates, entry=entry)
