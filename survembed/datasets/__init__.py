"""Datasets by name: the table of contents of this room; what they build stands in the files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from survembed.datasets.fields import Edges, Labels, Names, Voxels, Window
from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.cohort.source import Source

Scheme = Literal["exponential", "gensheimer", "xcal", "poelsterl"]
"""Ways to simulate survival from a digit; see `survembed.datasets.digits.simulated_outcomes`."""


Preset = Literal["crlm", "hcc-tace", "waw-tace", "kits23"]
"""Public cohorts whose columns are known; see `survembed.datasets.tabular.clinical_table`."""


class Liver(Component):
    """CTs with masks of liver (or any organ) and tumour, in mm; without a root, a synthetic phantom cohort."""

    root: Path | None = option(None, help="Folder of images, masks and table; a synthetic phantom where not given.")
    clinical: Path | None = option(None, help="Clinical table: CSV, TSV, XLSX or JSON; the only one in root.")
    preset: Preset | None = option(None, help="Columns of a public cohort, by its name.")
    id_column: str | None = option(None, help="Column of ids, as images are named; guessed from its name.")
    duration_column: str | None = option(None, help="Column of durations; guessed from its name.")
    event_column: str | None = option(None, help="Column of events; guessed from its name.")
    event_value: str | None = option(None, help="What the event column says of an event, where not 1.")
    duration_unit: Literal["days", "weeks", "months", "years"] | None = option(
        None, help="Unit of the durations, which are stored in days; read from the column's name, else days."
    )
    truth_column: str | None = option(None, help="Column of true log-hazards, where the subjects are simulated.")
    organ_labels: Labels = option((), help="Labels of the organ, such as 1,2; every label above 0 where not given.")
    tumour_labels: Labels = option((2,), help="Labels of the tumour, which counts as organ too.")
    organ_segments: Names = option(
        ("liver",), help="Labels of the organ among DICOM segments, in any case; * for any signs."
    )
    tumour_segments: Names = option(
        ("tumor*", "tumour*", "lesion*", "mass*", "metast*"), help="Labels of the tumour among DICOM segments."
    )
    size: Voxels = option((64, 64, 64), help="Voxels of the cube: one number, or three in RAS order.")
    fov_mm: Edges | None = option(
        None, help="Edges of the cube in mm: one number, or three; from 240 on, the smallest that holds every organ."
    )
    stretch: bool = option(False, help="Stretch each organ to fill its cube; its size in mm is lost.")
    window: Window = option((-150.0, 250.0), help="HU to which the CT is clipped before it is averaged.")
    skip_bad: bool = option(False, help="Leave out subjects with a problem, where they would be refused.")
    voxel_limit: int = option(500_000_000, ge=1, help="Most voxels that a file may claim to hold.")
    n_subjects: int = option(300, ge=2, le=100_000, help="Subjects of the phantom cohort.", panel="Phantom")
    phantom_seed: int = option(0, ge=0, help="Seed of the phantom cohort.", panel="Phantom")
    effect: float = option(
        1.0, ge=0, le=10, help="Standard deviation of the phantom's true log-hazard.", panel="Phantom"
    )

    def build(self) -> Source:
        """The source of the cohort."""
        from survembed.datasets.volume.liver import LiverSource

        return LiverSource(self)


class SurvMNIST(Component):
    """MNIST with survival times simulated from the digit (surv-MNIST); the truth is known."""

    root: Path | None = option(None, help="Folder with the four files of MNIST; fetched once where not given.")
    scheme: Scheme = option("exponential", help="How survival depends on the digit.")
    seed: int = option(0, ge=0, help="Seed of the simulated times.")
    n_train: int | None = option(None, ge=1, help="Only the first so many training digits.")
    n_test: int | None = option(None, ge=1, help="Only the first so many test digits.")
    mirror: str | None = option(None, help="Address of a folder with the four files, tried before the usual ones.")

    def build(self) -> Source:
        """The source of the cohort."""
        from survembed.datasets.digits.surv_mnist import MNISTSource

        return MNISTSource(self)


class SurvDigits(Component):
    """scikit-learn's 1,797 handwritten digits with simulated survival, as surv-mnist; needs no files."""

    scheme: Scheme = option("exponential", help="How survival depends on the digit.")
    seed: int = option(0, ge=0, help="Seed of the simulated times.")

    def build(self) -> Source:
        """The source of the cohort."""
        from survembed.datasets.digits.surv_digits import DigitsSource

        return DigitsSource(self)


class Tabular(Component):
    """A table of covariates: CSV, TSV, XLSX, Parquet or DeepSurv's HDF5."""

    root: Path | None = option(None, help="The file.")
    id_column: str | None = option(None, help="Column of ids; guessed from its name, or else row numbers.")
    duration_column: str | None = option(None, help="Column of durations; guessed from its name.")
    event_column: str | None = option(None, help="Column of events; guessed from its name.")
    event_value: str | None = option(None, help="What the event column says of an event, where not 1.")
    features: str | None = option(None, help="Feature columns, separated by commas; all others where not given.")
    missing: Literal["error", "drop"] = option("error", help="What to do with subjects that miss a feature.")
    duration_unit: Literal["days", "weeks", "months", "years", "units"] = option(
        "days", help="Unit of the durations, for labels; nothing is converted."
    )

    def build(self) -> Source:
        """The source of the cohort."""
        from survembed.datasets.tabular.tabular import TableSource

        return TableSource(self)
