"""Axes of a sweep; imported for `--help`, so without torch."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from survembed.registry.component import LARGEST_SEED, Component, option


class SweepOptions(Component):
    """The axes of a sweep; every combination is one run."""

    models: tuple[str, ...] = option(("coxvae",), help="Models, by name, such as coxvae,vae,deepsurv.")
    taus: tuple[float, ...] = option((), help="Values of tau for models that have it, such as 0.01,0.5,0.99.")
    seeds: tuple[int, ...] = option((0,), help="Seeds of training, such as 0,1,2.")
    folds: int = option(5, ge=0, help="Folds, each in turn the test part; 0 for one test part as in 'train'.")
    repeats: int = option(1, ge=1, help="Number of random divisions into folds.")

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if self.folds == 1:
            raise ValueError("one fold leaves nothing to train on: 0 for no folds, or 2 and more")
        if not self.models or not self.seeds:
            raise ValueError("a sweep needs one model and one seed, or more")
        if not all(0 <= seed <= LARGEST_SEED for seed in self.seeds):
            raise ValueError(f"seeds are numbers from 0 to {LARGEST_SEED}")
        outside = [tau for tau in self.taus if not 0 <= tau <= 1]
        if outside:
            raise ValueError(f"tau = {outside[0]:g} is not a number from 0 to 1")
        if any(len(set(values)) < len(values) for values in (self.models, self.taus, self.seeds)):
            raise ValueError("a model, tau or seed is given twice: its runs would be counted twice")
        return self


class BenchmarkOptions(SweepOptions):
    """The axes of a benchmark: the paper's three models."""

    models: tuple[str, ...] = option(("coxvae", "vae", "deepsurv"), help="Models, by name; the first is the reference.")


class TauOptions(SweepOptions):
    """The axes of a sweep over tau."""

    taus: tuple[float, ...] = option((0.01, 0.05, 0.2, 0.5, 0.9, 0.99), help="Values of tau, such as 0.01,0.5,0.99.")
