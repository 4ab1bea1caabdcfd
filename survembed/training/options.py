"""Options of training and of the split: light, so that `--help` needs no torch."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from survembed.component import Component, option

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
        "rotate": 0.0,
        "patience": 0,
    },
}
"""Values that a preset puts in place of the defaults; whatever the user sets goes before both."""


FEW_EVENTS = 60
"""With fewer events in training a network learns volumes by heart, and a validation part chooses weights by chance."""


class TrainOptions(Component, defer_build=True):  # help and completion want names and defaults only
    """How a model is trained.

    The default recipe (AdamW, a one-cycle rate, averaged weights, shifted volumes) needs a small part of the paper's
    16,000 updates (Adam at 1e-4, the head at 1e-5, no schedule), which `--preset paper` restores. The head
    learns ten times as fast as the rest: with a slow head the encoder stretches the latents instead, away from the
    prior. Shifts keep a small cohort from being learnt by heart; volumes with fewer than 60 events are turned, too, and
    shifted farther. Where events are rare a batch is larger: two events among sixteen subjects teach little but chance.
    """

    updates: int = option(
        0, ge=0, help="Updates; 0 means 6400 divided by the batch size, 100 at least, for volumes, and 1500 otherwise."
    )
    batch_size: int = option(
        0,
        ge=0,
        help="Subjects in an update; 0 means 128, or for volumes as many as hold 8 events: 16 at least, 64 at most.",
    )
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
        None,
        ge=0,
        le=0.25,
        help="Largest random shift of an image, as a share of its edge; for volumes 1/16, or 1/8 with fewer than 60 "
        "events, else 0.",
    )
    rotate: float | None = option(
        None,
        ge=0,
        le=45,
        help="Largest random rotation in degrees, in each plane; 20 for volumes with fewer than 60 events, else 0.",
    )
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

    def resolved(self, dimensions: int, n_train: int, n_events: int) -> TrainOptions:
        """The same options with everything that means 'by the data' replaced.

        Parameters
        ----------
        dimensions
            Of the image: 3 for volumes.
        n_train, n_events
            Subjects in the training part, and those with an event; no batch is larger than the part.
        """
        volumes = dimensions == 3
        wanted = min(64, max(16, -(-8 * n_train // max(n_events, 1)))) if volumes else 128
        batch_size = min(self.batch_size or wanted, n_train)
        updates = self.updates or (max(100, 6400 // batch_size) if volumes else 1500)
        few = volumes and n_events < FEW_EVENTS
        return self.model_copy(
            update={
                "updates": updates,
                "batch_size": batch_size,
                "head_rate": self.head_rate or 10 * self.rate,
                "shift": self.shift if self.shift is not None else (1 / 8 if few else 1 / 16) if volumes else 0.0,
                "rotate": self.rotate if self.rotate is not None else 20.0 if few else 0.0,
                "validate_every": self.validate_every or max(10, updates // 20),
            }
        )


class SplitOptions(Component, defer_build=True):
    """How subjects are divided, stratified by event and duration: held out once, or one fold of several."""

    test: float = option(0.2, ge=0, lt=1, help="Share of subjects held out, where there is no official split.")
    validation: float | None = option(
        None,
        ge=0,
        lt=1,
        help="Share of the others that chooses the weights, 2000 at most; 0.15, or 0 for volumes where fewer than 60 "
        "events would be left.",
    )
    folds: int = option(0, ge=0, help="Divide into so many folds and test on one; 0 for no folds.")
    fold: int = option(0, ge=0, help="The fold to test on, from 0.")
    repeat: int = option(0, ge=0, help="Which division: each draws the split anew, for repeated folds.")
    seed: int = option(0, ge=0, help="Seed of the split, apart from the seed of training.")

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.folds == 1 or self.fold >= max(self.folds, 1):
            raise ValueError(f"no fold {self.fold} of {self.folds}: folds count from 0, and there are two or more")
        return self
