"""Options of training and of the split: light, so that `--help` needs no torch."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from survembed.registry.component import Component, option

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {
        "updates": 16_000,
        "batch_size": 16,
        "optimizer": "adam",
        "rate": 1e-4,
        "head_rate": 1e-5,
        "schedule": "constant",
        "weight_decay": 0.0,
        "clip": 0.0,
        "average": 0.0,
        "shift": 0.0,
        "patience": 0,
    },
}
"""Values that a preset puts in place of the defaults; whatever the user sets goes before both."""


class TrainOptions(Component, defer_build=True):  # help and completion want names and defaults only
    """How a model is trained.

    The default recipe (AdamW, a one-cycle rate, averaged weights, shifted volumes) needs a small part of the paper's
    16,000 updates (Adam at 1e-4, the head at 1e-5, no schedule), which `--preset paper` restores. The head learns ten
    times as fast as the rest: with a slow head the encoder stretches the latents instead, away from the prior. Shifts
    keep a small cohort from being learnt by heart.
    """

    updates: int = option(0, ge=0, help="Updates; 0 means 400 for volumes and 1500 otherwise.")
    batch_size: int = option(0, ge=0, help="Subjects in an update; 0 means 16 for volumes and 128 otherwise.")
    optimizer: Literal["adamw", "adam"] = option("adamw", help="Optimiser of both parameter groups.")
    rate: float = option(2e-3, gt=0, help="Learning rate of encoder and decoder.")
    head_rate: float = option(0.0, ge=0, help="Learning rate of the Cox head; 0 means ten times --rate.")
    schedule: Literal["one-cycle", "constant"] = option("one-cycle", help="Course of the learning rates.")
    weight_decay: float = option(1e-2, ge=0, help="Weight decay of encoder, decoder and head.")
    clip: float = option(1.0, ge=0, help="Largest norm of the gradient; 0 for no limit.")
    average: float = option(0.98, ge=0, lt=1, help="Decay of the moving average of the weights; 0 for no averaging.")
    kl_warm_up: float = option(0.0, ge=0, le=1, help="Share of the updates over which the KL term grows to its weight.")
    accumulate: int = option(
        1, ge=1, help="Batches in an update: one Cox loss over all of them in the memory of one, for large risk sets."
    )
    sampler: Literal["shuffle", "events"] = option("shuffle", help="'events' puts its share of events in every batch.")
    shift: float | None = option(
        None, ge=0, le=0.25, help="Largest random shift of an image, as a share of its edge; 1/16 for volumes, else 0."
    )
    rotate: float = option(0.0, ge=0, le=45, help="Largest random rotation in degrees, in each plane.")
    intensity: float = option(0.0, ge=0, le=0.5, help="Largest random change of contrast and brightness, for CT.")
    flip: tuple[int, ...] = option((), help="Axes that anatomy allows to be mirrored, from 0, such as 0 or 0,1.")
    validate_every: int = option(0, ge=0, help="Updates between validations; 0 means a twentieth of all, 10 at least.")
    patience: int = option(8, ge=0, help="Validations without improvement before training stops; 0 means never.")
    precision: Literal["auto", "float32", "bf16"] = option(
        "auto", help="'auto' tries both on volumes and keeps bf16 where it is faster and agrees."
    )
    checkpoint: float = option(60.0, gt=0, help="Seconds between checkpoints, from which --resume continues.")
    trackers: tuple[str, ...] = option((), help="Trackers beside metrics.jsonl, by name, such as tensorboard.")

    @field_validator("flip", "trackers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("flip")
    @classmethod
    def _axes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value) or not set(value) <= {0, 1, 2}:
            raise ValueError("different axes of 0, 1 and 2")
        return value

    @field_validator("batch_size")
    @classmethod
    def _more_than_one(cls, value: int) -> int:
        if value == 1:  # Cox's likelihood of one subject is 1, and batch normalisation of one row is undefined
            raise ValueError("0, or 2 and more")
        return value

    def resolved(self, dimensions: int, n_train: int) -> TrainOptions:
        """The same options with every 0 that means 'by the data' replaced.

        Parameters
        ----------
        dimensions
            Of the image: 3 for volumes.
        n_train
            Subjects in the training part; no batch is larger.
        """
        updates = self.updates or (400 if dimensions == 3 else 1500)
        return self.model_copy(
            update={
                "updates": updates,
                "batch_size": min(self.batch_size or (16 if dimensions == 3 else 128), n_train),
                "head_rate": self.head_rate or 10 * self.rate,
                "shift": self.shift if self.shift is not None else 1 / 16 if dimensions == 3 else 0.0,
                "validate_every": self.validate_every or max(10, updates // 20),
            }
        )


class SplitOptions(Component, defer_build=True):
    """How subjects are divided, stratified by event and duration: held out once, or one fold of several."""

    test: float = option(0.2, ge=0, lt=1, help="Share of subjects held out, where there is no official split.")
    validation: float = option(0.15, ge=0, lt=1, help="Share of the others that chooses the weights; 2000 at most.")
    folds: int = option(0, ge=0, help="Divide into so many folds and test on one; 0 for no folds.")
    fold: int = option(0, ge=0, help="The fold to test on, from 0.")
    repeat: int = option(0, ge=0, help="Which division: each draws the split anew, for repeated folds.")
    seed: int = option(0, ge=0, help="Seed of the split, apart from the seed of training.")

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.folds == 1 or self.fold >= max(self.folds, 1):
            raise ValueError(f"no fold {self.fold} of {self.folds}: folds count from 0, and there are two or more")
        return self
