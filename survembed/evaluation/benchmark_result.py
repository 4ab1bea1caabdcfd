"""Table 1 as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from survembed.evaluation.added_value_result import AddedValue
from survembed.evaluation.latent_space_table import MeanLatentSpace
from survembed.evaluation.predictions import BASE
from survembed.evaluation.scores import ModelScores, summary
from survembed.storage.result import Result, plain
from survembed.survival.kaplan_meier import FollowUp
from survembed.survival.outcome import Float


@dataclass(frozen=True)
class Benchmark(Result):
    """Table 1.

    Attributes
    ----------
    title, synthetic, time_unit
        Of the cohort.
    cohort
        Number, events and median follow-up of all test subjects.
    times
        (T,) grid of the Brier score.
    seeds, folds, repeats
        Axes of the sweep.
    reference
        Row with which all others are compared.
    notes
        Remarks on the whole table: folds without an event, runs that failed, subjects beyond the training follow-up.
    cells
        In the order of the table.
    latent_spaces
        Of each model that was trained, by row.
    counted
        What counts as an event of a cohort with competing causes, in a sentence; empty without these.
    added_value
        What the image adds to the covariates; None without covariates or without an image model with a head.
    """

    format: ClassVar[str] = "survembed-benchmark"

    title: str
    synthetic: bool
    time_unit: str
    cohort: FollowUp
    times: Float
    seeds: tuple[int, ...]
    folds: int
    repeats: int
    reference: str
    notes: tuple[str, ...]
    cells: tuple[ModelScores, ...] = field(metadata={"json": False})
    latent_spaces: Mapping[str, MeanLatentSpace] = field(default_factory=dict)
    added_value: AddedValue | None = None
    counted: str = ""

    @property
    def rows(self) -> list[str]:
        """Names of the rows, in order."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """Names of the columns: `base` first, the others by name."""
        return sorted({cell.column for cell in self.cells}, key=lambda name: (name != BASE, name))

    def cell(self, row: str, column: str) -> ModelScores | None:
        """A cell, where the table has it."""
        return next((cell for cell in self.cells if (cell.row, cell.column) == (row, column)), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        cells = [
            {
                "row": cell.row,
                "column": cell.column,
                "scores": cell.scores,
                "differences": {
                    name: {**metric.to_dict(), "excludes_zero": metric.excludes_zero}
                    for name, metric in cell.differences.items()
                },
                "replicates": cell.replicates,
                "notes": cell.notes,
            }
            for cell in self.cells
        ]
        return {**super().to_dict(), "cohort": summary(self.cohort), "cells": plain(cells)}
