"""What every head is: a module from latents to log-hazards that also owns its loss."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from survembed.survival.cox_loss import cox_loss
from survembed.survival.risk_set import join, rescaled


class Head(nn.Module):
    """Maps latents (n, L) to log-hazards (n,); higher dies sooner.

    The loss is Cox's partial likelihood; a parametric head overrides `loss`, and `fit_outcome` where it must know the
    unit of time. The log-hazard need not be linear: what a latent does to it is read from its gradient.

    What `survembed.testing` holds a head to: log-hazards and the loss stay finite for latents up to 100 in size, for
    durations of 0, and without an event; the loss keeps its graph then. A subject's log-hazard does not depend on the
    batch, and nothing is drawn in evaluation mode.

    Parameters
    ----------
    ties
        `breslow` or `efron`.
    """

    def __init__(self, ties: Literal["breslow", "efron"] = "breslow") -> None:
        super().__init__()
        self.ties = ties

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Take durations (n,) and events (n,) of the training part, once before training; Cox needs none of it.

        What is kept belongs into buffers, so that it travels with the weights.
        """

    def loss(self, z: Tensor, duration: Tensor, event: Tensor) -> Tensor:
        """Scalar loss of latents (n, L) with durations (n,) and events (n,); a zero with a graph where no event is.

        Equation (2) of the paper for the Cox model, over all micro-batches and processes of an update where there are
        several (`survembed.survival.risk_set`). A loss that is a mean over subjects has no need of the others.
        """
        rows, factor = join(self(z), duration, event)
        return rescaled(cox_loss(*rows, ties=self.ties), factor)
