"""What a model is trained on: images, outcomes, and who is in which part."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from survembed.models.base import Model
from survembed.survival.batch import Batch
from survembed.training.images import Images


@dataclass(frozen=True)
class TrainingData:
    """What a model is trained on.

    Attributes
    ----------
    images
        Of the whole cohort.
    duration
        (N,) float64.
    event
        (N,) bool.
    train, validation
        Positions of the two parts; the validation part may be empty.
    """

    images: Images
    duration: Tensor
    event: Tensor
    train: Tensor
    validation: Tensor

    def fit_statistics(self, model: Model, batch_size: int) -> None:
        """Give an untrained `model` the moments of the training images and the training outcomes.

        Parameters
        ----------
        batch_size
            Images read at once.
        """
        mean, deviation, entropy = self.images.moments(self.train, batch_size)
        model.fit_input(mean, deviation)
        model.fit_entropy(entropy)
        model.fit_outcome(self.duration[self.train], self.event[self.train])

    def batch(self, index: Tensor) -> Batch:
        """The subjects at `index`, on the device of the images."""
        device = self.images.device
        return Batch(self.images[index], self.duration[index].to(device), self.event[index].to(device))
