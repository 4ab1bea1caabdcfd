"""What to draw, and the drawn figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from survembed.cohort.captions import data_name
from survembed.cohort.subjects import CohortHeader
from survembed.errors import RunError
from survembed.evaluation.projection import Method
from survembed.registry.component import Component
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import Run
from survembed.storage.result import Result
from survembed.survival.bootstrap import N_RESAMPLES


@dataclass(frozen=True)
class FigureRequest:
    """Runs to draw, and options.

    Attributes
    ----------
    runs
        One or more finished runs; figures of one run draw the first.
    folder
        For the files.
    sweep
        Source of the runs in figures that compare; None without one.
    method
        Projection in `latents` and `tau`.
    downstream
        Survival models, by name, drawn beside the run's own head in `survival`, `calibration` and `brier`.
    n_groups
        Groups of risk, one to four.
    n_resamples, seed
        Of the bootstrap over subjects, and of downstream models.
    device
        As for training.
    horizons
        Times of calibration, AUC and net benefit; by default those of the grid.
    channel
        Name of the image channel that is drawn; None for the first.
    """

    runs: Sequence[Run]
    folder: Path
    sweep: Sweep | None = None
    method: Method = "pca"
    downstream: Sequence[tuple[str, Component]] = ()
    n_groups: int = 3
    n_resamples: int = N_RESAMPLES
    seed: int = 0
    device: str = "auto"
    horizons: tuple[float, ...] = ()
    channel: str | None = None

    @property
    def bootstrap(self) -> dict[str, int]:
        """Options of every bootstrap."""
        return {"n_resamples": self.n_resamples, "seed": self.seed}


@dataclass(frozen=True)
class DrawnFigure(Result):
    """A drawn figure.

    Attributes
    ----------
    name
        As in `FIGURES`.
    caption
        Description in a sentence or two.
    files
        PNG and PDF.
    numbers
        The drawn values.
    """

    name: str = field(metadata={"json": "figure"})
    caption: str
    files: list[Path]
    numbers: dict[str, Any] = field(default_factory=dict)


def header_of(run: Run) -> CohortHeader:
    """The header of a run's cohort."""
    return CohortHeader.from_dict(run.record["cohort"]["header"])


def title_of(run: Run, subject: str, *, with_model: bool = True) -> str:
    """Title of a figure: data, which are called synthetic where they are, model, and `subject`."""
    header = header_of(run)
    model = f"{run.model}, " if with_model else ""
    return f"{data_name(header.title, header.synthetic)}: {model}{subject}"


def unable(run: Run, ability: str, possible: str, downstream: str | None = None) -> RunError:
    """The error for a figure that a run cannot give."""
    return RunError(
        f"run {run.id} is a {run.model}, which cannot {ability}",
        where=str(run.path),
        expected=f"of this run: {possible}",
        try_=f"--downstream {downstream}" if downstream else "--run with a coxvae or a vae",
    )
