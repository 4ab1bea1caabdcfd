"""Dataset components: names and options. The subpackages contain the sources that they build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from survembed.datasets.fields import Causes, Edges, Labels, Names, Pixels, Voxels, Window
from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.cohort.source import Source

Scheme = Literal["exponential", "gensheimer", "xcal", "poelsterl"]
"""Schemes to simulate survival from a digit; see `survembed.datasets.digits.simulated_outcomes`."""

Preset = Literal["crlm", "hcc-tace", "waw-tace", "kits23"]
"""Public cohorts with known columns; see `survembed.datasets.tabular.clinical_table`."""


class SubjectTable(Component):
    """Options of a table with one row per subject: its columns, and how their cells are read."""

    root: Path | None = option(None, help="Path of the table.")
    id_column: str | None = option(
        None, help="Column of subject ids. Default: recognised by its name, else row numbers."
    )
    duration_column: str | None = option(None, help="Column of durations. Default: recognised by name and content.")
    start_column: str | None = option(
        None, help="Column of dates when the follow-up starts; with end_column instead of a column of durations."
    )
    end_column: str | None = option(None, help="Column of dates of the event or of the last contact.")
    date_order: Literal["day", "month"] | None = option(
        None, help="First number of dates such as 3/4/2020. Default: decided by the column, if it is clear."
    )
    event_column: str | None = option(None, help="Column of events. Default: recognised by name and content.")
    entry_column: str | None = option(
        None,
        help="Column of late entries: times from which subjects are under observation, in the unit of the durations. "
        "Default: all are from the start.",
    )
    event_value: str | None = option(
        None, help="Content of the event column that means the event. Default: 1, or a known word such as dead."
    )
    censored_values: Names = option(
        (), help="Contents of the event column that mean censoring, if they are neither numbers nor known words."
    )
    causes: Causes = option(
        (),
        help="Codes of competing causes in the event column, and their names: 1=recurrence,2=death. Default: one kind "
        "of event.",
    )
    decimal: Literal[".", ","] | None = option(
        None, help="Decimal mark of the numbers in the table. Default: decided for each column, if it is clear."
    )
    missing_codes: Names = option((), help="Contents of cells without a value, besides the usual ones: -999,unk.")
    sheet: str | None = option(None, help="Sheet of the workbook. Default: the only visible one with data.")
    allow: Names = option((), help="Columns to keep although they may reveal the outcome.")


class ClinicalStudy(SubjectTable):
    """Options of files that are joined with a clinical table by subject."""

    clinical: Path | None = option(
        None, help="Clinical table: CSV, TSV, XLSX or JSON. Default: the only table in root."
    )
    duration_unit: Literal["days", "weeks", "months", "years"] | None = option(
        None,
        help="Unit of the durations in the table; converted to days. "
        "Default: from the column name, else days if plausible.",
    )
    truth_column: str | None = option(None, help="Column of true log-hazards, if the subjects are simulated.")
    skip_bad: bool = option(False, help="Leave out subjects with a problem instead of stopping with an error.")


class Liver(ClinicalStudy):
    """CTs with masks of the liver (or another organ) and tumours; without a root, a synthetic phantom cohort."""

    root: Path | None = option(None, help="Folder of images, masks and clinical table. Default: a synthetic phantom.")
    preset: Preset | None = option(None, help="Use the column names of this public cohort.")
    id_column: str | None = option(
        None, help="Column of subject ids, equal to the image names. Default: recognised by its name."
    )
    organ_labels: Labels = option(
        (), help="Labels of the organ in the mask, such as 1,2, and no others. Default: by dataset.json, else 1."
    )
    tumour_labels: Labels | None = option(
        None,
        help="Labels of the tumour in the mask, a part of the organ, or none. Default: by dataset.json, else 2.",
    )
    organ_segments: Names = option(
        (),
        help="Names of the organ's mask file or DICOM segment, case-insensitive; * matches any characters. "
        "Default: by known words.",
    )
    tumour_segments: Names = option(
        (), help="Names of mask files or DICOM segments of the tumour, such as tumor*,met*. Default: by known words."
    )
    mask_grid: Literal["header", "ct"] | None = option(
        None,
        help="Grid of a mask with the shape of its CT and another header: ct takes the CT's, header its own. "
        "Default: refuse.",
    )
    assume_hu: bool = option(False, help="Take CTs as Hounsfield units without a check of their values.")
    size: Voxels = option((64, 64, 64), help="Voxels of the cube: one number, or three (right, anterior, superior).")
    fov_mm: Edges | None = option(
        None,
        help="Edges of the cube in mm: one number, or three. Default: the smallest from 240 to 400 for all organs.",
    )
    stretch: bool = option(False, help="Stretch each organ to fill its cube. The size in mm is lost.")
    window: Window = option((-150.0, 250.0), help="HU range; the CT is clipped to it before averaging.")
    voxel_limit: int = option(500_000_000, ge=1, help="Largest number of voxels in a file.")
    n_subjects: int = option(300, ge=2, le=100_000, help="Number of subjects of the phantom cohort.", panel="Phantom")
    phantom_seed: int = option(0, ge=0, help="Seed of the phantom cohort.", panel="Phantom")
    effect: float = option(
        1.0, ge=0, le=10, help="Standard deviation of the phantom's true log-hazard.", panel="Phantom"
    )

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed.datasets.volume.liver import LiverSource

        return LiverSource(self)


class Volumes(ClinicalStudy):
    """Volumes with any number of image and label channels, such as PET and CT; each on a grid of its own."""

    root: Path | None = option(None, help="Folder of the volumes and the clinical table; subfolders are searched.")
    channels: Names = option(
        (),
        help="Image channels in order, as the files name them: CT,PT; or NAME=FILE, of DICOM NAME=DESCRIPTION. "
        "Default: by number, or the names in capitals, or the modalities of DICOM.",
    )
    normalise: Names = option(
        (), help="ct, suv, zscore or percentile: one for all channels or one for each. Default: by the names."
    )
    labels: Names = option(
        (),
        help="Label channels: primary=1,nodes=2, or names of mask files, or mass=GTV* of DICOM structures; none for "
        "none. Default: by dataset.json, or the lesions of DICOM.",
    )
    missing: Literal["error", "drop", "zero"] = option(
        "error", help="Subjects without one of the image channels: refuse, leave out, or fill with 0."
    )
    centre: Literal["labels", "image"] | None = option(
        None, help="Centre of the cube: of all labels, or of the first channel. Default: labels, if there are any."
    )
    size: Voxels = option((64, 64, 64), help="Voxels of the cube: one number, or three (right, anterior, superior).")
    fov_mm: Edges | None = option(
        None, help="Edges of the cube in mm: one number, or three. Default: the smallest for all subjects."
    )
    window: Window = option((-150.0, 250.0), help="HU range of channels normalised as ct, clipped before averaging.")
    suv_cap: float = option(20.0, gt=0, le=1000, help="SUV that becomes 1 in channels normalised as suv.")
    voxel_limit: int = option(500_000_000, ge=1, help="Largest number of voxels in a file.")

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed.datasets.channels.volumes import VolumesSource

        return VolumesSource(self)


class Images(ClinicalStudy):
    """Pictures (PNG, JPEG, TIFF, WebP, BMP or NPY) and a clinical table; one or more pictures of each subject."""

    root: Path | None = option(None, help="Folder of the pictures and the clinical table; subfolders are searched.")
    image_column: str | None = option(
        None,
        help="Column with the file of each picture: path, name or stem; a subject may have several rows. Default: the "
        "only column of such names, else the ids are the names of files or folders.",
    )
    split_column: str | None = option(
        None, help="Column with train, validation or test of each subject. Default: no official split."
    )
    size: Pixels | None = option(
        None, help="Pixels of the images: one number, or height,width. Default: the size of all pictures."
    )
    fit: Literal["pad", "crop", "stretch"] = option(
        "pad", help="Pictures of another shape than `size`: pad with black, crop to the middle, or stretch."
    )
    colour: Literal["grey", "rgb"] | None = option(None, help="Channels of the images. Default: as all pictures are.")
    window: Window | None = option(
        None, help="Values of black and white, lower,upper. Default: the range of 8 or 16 bits; 0,1 for floats."
    )
    likelihood: Literal["gaussian", "bernoulli"] = option(
        "gaussian", help="Likelihood of a pixel: gaussian for intensities, bernoulli for ink or masks."
    )
    combine: Literal["mean", "first"] = option(
        "mean", help="Latents of a subject with several pictures: mean over all, or those of the first."
    )
    pixel_limit: int = option(100_000_000, ge=1, help="Largest number of pixels in a file.")

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed.datasets.picture.images import ImageSource

        return ImageSource(self)


class SurvMNIST(Component):
    """MNIST with survival times simulated from the digit (surv-MNIST); the true log-hazards are known."""

    root: Path | None = option(
        None, help="Folder with the four files of MNIST. Default: downloaded once into the cache."
    )
    scheme: Scheme = option("exponential", help="Simulation scheme: how survival depends on the digit.")
    seed: int = option(0, ge=0, help="Seed of the simulated times.")
    n_train: int | None = option(None, ge=1, help="Use only the first n training digits.")
    n_test: int | None = option(None, ge=1, help="Use only the first n test digits.")
    mirror: str | None = option(
        None, help="Web address of a folder with the four files, tried before the default addresses."
    )

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed.datasets.digits.surv_mnist import MNISTSource

        return MNISTSource(self)


class SurvDigits(Component):
    """The 1,797 handwritten digits of scikit-learn with survival simulated as in surv-mnist; needs no files."""

    scheme: Scheme = option("exponential", help="Simulation scheme: how survival depends on the digit.")
    seed: int = option(0, ge=0, help="Seed of the simulated times.")

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed.datasets.digits.surv_digits import DigitsSource

        return DigitsSource(self)


class Tabular(SubjectTable):
    """A table of covariates: CSV, TSV, XLSX, Parquet or DeepSurv's HDF5."""

    features: str | None = option(None, help="Feature columns, separated by commas. Default: all other columns.")
    missing: Literal["error", "drop"] = option("error", help="Action for subjects with a missing feature.")
    duration_unit: Literal["days", "weeks", "months", "years", "units"] | None = option(
        None,
        help="Unit of the durations, for labels only; durations are not converted. "
        "Default: from the column name, else days if plausible, else units.",
    )

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed.datasets.tabular.tabular import TableSource

        return TableSource(self)
