"""Choice of the weights that a training keeps, on the validation part."""

from __future__ import annotations

import torch
from torch import Tensor

from survembed.models.base import Model
from survembed.survival.cox_loss import cox_contributions
from survembed.training.training_data import TrainingData
from survembed.training.validation import Validation

SIGNIFICANT = 2.0
"""Standard errors by which a Cox term must exceed its best value to count as worse."""

LAST = "last update (no validation part)"
LOWEST = "lowest validation objective"
WITHIN_NOISE = "lowest validation objective, or lower other terms with a Cox term not significantly above its best"


class Selection:
    """Decides after each validation whether its weights replace the kept ones.

    They are kept when the objective is the lowest so far. They are also kept when the terms other than the Cox term
    are lower than those of the weights kept before, and the Cox term is not significantly above its best. Otherwise the
    Cox term of a few validation events would end the training by chance, before the decoder has learnt anything.

    Parameters
    ----------
    data
        Training data with a validation part.

    Attributes
    ----------
    state
        State to checkpoint, empty before the first validation: `lowest` (objective), `rest` (terms other than the Cox
        term, of the kept weights) and `best_cox` (contributions to the Cox term, (n,), where their sum was lowest).
    """

    def __init__(self, data: TrainingData) -> None:
        self.duration, self.event = data.duration[data.validation], data.event[data.validation]
        self.entry = None if data.entry is None else data.entry[data.validation]
        self.state: dict[str, Tensor] = {}

    def keeps(self, result: Validation) -> bool:
        """Whether to keep the weights with this result; updates the state."""
        objective, rest = (torch.tensor(value, dtype=torch.float64) for value in (result.objective, result.rest))
        cox = cox_contributions(result.log_hazard, self.duration, self.event, self.entry)
        if not self.state:
            self.state = {"lowest": objective, "rest": rest, "best_cox": cox}
            return True
        lowest, best_cox = self.state["lowest"], self.state["best_cox"]
        if cox.sum() < best_cox.sum():
            self.state["best_cox"] = best_cox = cox
        keeps = bool(objective < lowest or (rest < self.state["rest"] and not significantly_higher(cox, best_cox)))
        if keeps:
            self.state["rest"] = rest
        self.state["lowest"] = torch.minimum(lowest, objective)
        return keeps


def significantly_higher(one: Tensor, other: Tensor) -> bool:
    """Whether the sum of paired contributions (n,) `one` exceeds that of `other` by `SIGNIFICANT` standard errors.

    This is the paired test of two Cox models on the same subjects of Fine, Biometrika 89 (2002) 635.
    """
    difference = one - other
    error = (len(difference) ** 0.5) * difference.std(correction=0)
    return bool(difference.sum() > SIGNIFICANT * error)


def rule(model: Model, objective: float | None) -> str:
    """The rule that chose the weights of `model`, as text; `objective` is None without a validation part."""
    if objective is None:
        return LAST
    return WITHIN_NOISE if model.head is not None and model.decodes else LOWEST
