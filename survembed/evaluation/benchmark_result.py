"""Table 1 as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from survembed.evaluation.test_set import BASE
from survembed.survival.bootstrap import Metric
from survembed.survival.kaplan_meier import FollowUp
from survembed.survival.outcome import Float


@dataclass(frozen=True)
class TableCell:
    """One survival model on one set of features.

    Attributes
    ----------
    row, column
        Features and survival model.
    scores
        `harrell_c`, `uno_c`, `ibs`, `ibs_scaled`: means over seeds and divisions, with intervals over subjects.
    differences
        The same minus the reference's, from the paired bootstrap; empty for the reference itself.
    replicates
        Harrell's C and IBS of each seed and division alone.
    notes
        Latents left out, warnings of fits, runs that failed.
    """

    row: str
    column: str
    scores: dict[str, Metric]
    differences: dict[str, Metric]
    replicates: dict[str, list[float]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """Table 1.

    Attributes
    ----------
    title, synthetic, time_unit
        Of the cohort.
    cohort
        Subjects, events and median follow-up of all that were scored.
    times
        (T,) grid of the Brier score.
    seeds, folds, repeats
        How often everything was trained.
    reference
        Row with which all others are compared.
    cells
        In the order of the table.
    notes
        What held for all: folds without an event, runs that failed, subjects who outlive the training part.
    """

    title: str
    synthetic: bool
    time_unit: str
    cohort: FollowUp
    times: Float
    seeds: tuple[int, ...]
    folds: int
    repeats: int
    reference: str
    cells: tuple[TableCell, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[str]:
        """Names of the rows, in order."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        found = {cell.column for cell in self.cells}
        return [BASE, *sorted(found - {BASE})] if BASE in found else sorted(found)

    def cell(self, row: str, column: str) -> TableCell | None:
        """A cell, where the table has it."""
        return next((cell for cell in self.cells if (cell.row, cell.column) == (row, column)), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        median = None if np.isnan(self.cohort.median) else self.cohort.median
        return {
            "format": "survembed-benchmark",
            "format_version": 1,
            "title": self.title,
            "synthetic": self.synthetic,
            "time_unit": self.time_unit,
            "cohort": {"n": self.cohort.n, "events": self.cohort.n_events, "median_follow_up": median},
            "times": self.times.tolist(),
            "seeds": list(self.seeds),
            "folds": self.folds,
            "repeats": self.repeats,
            "reference": self.reference,
            "notes": list(self.notes),
            "cells": [
                {
                    "row": cell.row,
                    "column": cell.column,
                    "scores": {name: metric.to_dict() for name, metric in cell.scores.items()},
                    "differences": {
                        name: {**metric.to_dict(), "excludes_zero": metric.excludes_zero}
                        for name, metric in cell.differences.items()
                    },
                    "replicates": cell.replicates,
                    "notes": list(cell.notes),
                }
                for cell in self.cells
            ],
        }
