"""Options of training and of the split. Imports no torch, for `--help`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from survembed.registry.component import LARGEST_SEED, Component, option

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
    "few-events": {"rotate": 15.0, "shift": 0.1},
}
"""Values of each preset in place of the defaults; settings of the user override both."""

PRESETS_ELSEWHERE: dict[str, dict[str, Any]] = {"few-events": {"split.validation": 0.0, "model.mask_volume": True}}
"""What a preset sets outside the training options, by dotted key; a model without that option ignores it."""


class TrainOptions(Component, defer_build=True):  # help and completion need names and defaults only
    """Options of training.

    The defaults (AdamW, a one-cycle rate, averaged weights, shifted volumes) need a small part of the 16,000 updates of
    the paper (Adam at 1e-4, the head at 1e-5, no schedule), which `--preset paper` restores. The rate of the head is
    ten times that of the rest: with a slow head the encoder stretches the latents instead, away from the prior. Shifts
    reduce overfitting of small cohorts.
    """

    updates: int = option(0, ge=0, help="Number of updates; 0 means 400 for volumes and 1500 otherwise.")
    batch_size: int = option(0, ge=0, help="Subjects in a batch; 0 means 16 for volumes and 128 otherwise.")
    optimizer: Literal["adamw", "adam"] = option("adamw", help="Optimiser of both parameter groups.")
    rate: float = option(2e-3, gt=0, help="Learning rate of encoder and decoder.")
    head_rate: float = option(0.0, ge=0, help="Learning rate of the Cox head; 0 means ten times --rate.")
    schedule: Literal["one-cycle", "constant"] = option("one-cycle", help="Schedule of the learning rates.")
    weight_decay: float = option(1e-2, ge=0, help="Weight decay of encoder, decoder and head.")
    clip: float = option(1.0, ge=0, help="Largest gradient norm; 0 for no limit.")
    average: float = option(0.98, ge=0, lt=1, help="Decay of the moving average of the weights; 0 for no averaging.")
    kl_warm_up: float = option(0.0, ge=0, le=1, help="Share of the updates over which the KL term grows to its weight.")
    accumulate: int = option(
        1, ge=1, help="Batches in an update: one Cox loss over all of them, for large risk sets in little memory."
    )
    sampler: Literal["shuffle", "events"] = option("shuffle", help="'events': the same share of events in every batch.")
    shift: float | None = option(
        None, ge=0, le=0.25, help="Largest random shift of an image, as a share of its edge; 1/16 for volumes, else 0."
    )
    rotate: float = option(0.0, ge=0, le=45, help="Largest random rotation in degrees, in each plane.")
    intensity: float = option(0.0, ge=0, le=0.5, help="Largest random change of contrast and brightness, for CT.")
    flip: tuple[int, ...] = option((), help="Image axes for random mirroring, from 0, such as 0 or 0,1.")
    validate_every: int = option(0, ge=0, help="Updates between validations; 0 means 1/20 of all, at least 10.")
    patience: int = option(8, ge=0, help="Validations without improvement before training stops; 0 means never.")
    covariates: tuple[str, ...] = option(
        (),
        help="Clinical columns in the model, such as age,sex,stage: log-hazard = r(z) + γᵀx, a clinical + image model.",
    )
    precision: Literal["auto", "float32", "bf16"] = option(
        "auto", help="'auto' tries both on volumes, and uses bf16 where it is faster and agrees with float32."
    )
    init: str = option(
        "", help="Run whose encoder and decoder the training starts from, where they fit; such as a vae on more images."
    )
    checkpoint: float = option(60.0, gt=0, help="Seconds between checkpoints, from which --resume continues.")
    trackers: tuple[str, ...] = option((), help="Trackers by name, such as tensorboard, in addition to metrics.jsonl.")

    @field_validator("flip", "trackers", "covariates", mode="before")
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
        """The options with each default that depends on the data replaced by its value.

        Parameters
        ----------
        dimensions
            Spatial axes of an image: 3 for volumes.
        n_train
            Subjects in the training part, the largest batch size.
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
    """Options of the split, stratified by event and duration: one test part, or one fold of several."""

    test: float = option(0.2, ge=0, lt=1, help="Share of subjects in the test part, where there is no official split.")
    validation: float = option(
        0.15,
        ge=0,
        lt=1,
        help="Share of the others that chooses the weights; at most 2000.",
    )
    folds: int = option(0, ge=0, help="Number of folds, one of which is the test part; 0 for no folds.")
    fold: int = option(0, ge=0, help="The fold that is the test part, from 0.")
    by: str | None = option(
        None, help="Covariate whose groups are the folds, such as centre, scanner or year: one is left out at a time."
    )
    repeat: int = option(0, ge=0, help="Number of the repetition; each draws new folds.")
    seed: int = option(0, ge=0, le=LARGEST_SEED, help="Seed of the split, independent of the seed of training.")

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.by is None and (self.folds == 1 or self.fold >= max(self.folds, 1)):
            raise ValueError(f"no fold {self.fold} of {self.folds}: folds count from 0, and there are two or more")
        return self
