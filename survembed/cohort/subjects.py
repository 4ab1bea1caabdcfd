"""Subjects of a study (outcome, covariates) and the channels of their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion
from survembed.errors import DataError, UsageError, nearest
from survembed.storage.result import Result
from survembed.survival.outcome import Outcome

SPLITS = ("train", "validation", "test")

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """Content of one image channel, and how it is modelled and shown.

    Attributes
    ----------
    name
        Such as `ct`, `tumour`, `digit`.
    likelihood
        `bernoulli` for values in [0, 1] that are fractions or ink, `gaussian` for intensities.
    window
        Physical values of 0 and 1: (-150, 250) for CT in HU.
    unit
        Unit of the window, such as `HU`; may be empty.
    overlay
        A lesion mask, drawn in red over the first channel where it is above 0.5; its sum is the tumour volume.
    organ
        A mask of the whole organ; its sum is the organ volume.
    standardise
        Values have no fixed range (a table): the model standardises each by the training part.
    """

    name: str
    likelihood: Literal["bernoulli", "gaussian"]
    window: tuple[float, float] = (0.0, 1.0)
    unit: str = ""
    overlay: bool = False
    organ: bool = False
    standardise: bool = False


@dataclass(frozen=True)
class CohortHeader(Result):
    """Properties that all subjects of a cohort share.

    Attributes
    ----------
    dataset
        Name of the dataset component, such as `liver`.
    title
        Name for tables and figures; it marks synthetic cohorts: `synthetic liver phantom`.
    channels
        One for each image channel, in order.
    shape
        Spatial shape of an image: (d,) for a table, (h, w), or (x, y, z) in RAS order.
    dtype
        Stored dtype of images: `uint8` (255 is 1) or `float32`.
    synthetic
        True if the data come from no real subjects.
    time_unit
        Unit of the durations, `days` for all clinical data.
    spacing_mm
        Edge lengths of a voxel in mm; None where the image has no physical size.
    features
        Names of the columns, for a table.
    notes
        Sentences on the preparation of the cohort (warnings, encoded columns, excluded subjects), for reports.
    exclusions
        Subjects excluded, by reason; empty too for a cohort that was prepared before exclusions were recorded.
    mask_labels
        Labels of `organ`, `tumour` and `ignored` structures in its label maps, for new subjects; may be empty.
    combine
        Latents of a subject with several images: `first` of the first image, `mean` over all of them.
    causes
        Names of competing causes of the event, in the order of their numbers; empty for one kind of event.
    drawn
        Position of the channel that pictures show under the lesions; see `showing`. It is not stored.
    """

    dataset: str
    title: str
    channels: tuple[Channel, ...]
    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"] = "uint8"
    synthetic: bool = False
    time_unit: str = "days"
    spacing_mm: tuple[float, ...] | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    mask_labels: Mapping[str, Sequence[int]] = field(default_factory=dict)
    combine: Literal["first", "mean"] = "first"
    causes: tuple[str, ...] = ()
    drawn: int = field(default=0, metadata={"json": False})

    def showing(self, channel: str | None) -> CohortHeader:
        """The same header, with which every picture shows this channel; the first one for None.

        Raises
        ------
        UsageError
            When there is no such channel, or it is a lesion mask, which is drawn over the others.
        """
        names = [each.name for each in self.channels if not each.overlay]
        if channel is None:
            return self
        if channel not in names:
            raise UsageError(
                f"no image channel '{channel}'",
                where=f"--channel {channel}",
                expected=f"one of {', '.join(names)}; lesion masks are drawn over it",
                try_=f"--channel {nearest(channel, names) or names[0]}",
            )
        return replace(self, drawn=[each.name for each in self.channels].index(channel))

    @property
    def counted(self) -> str:
        """Sentence on what a score of all events counts where there are competing causes; empty without these."""
        return f"An event of any cause counts: {', '.join(self.causes)}." if self.causes else ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CohortHeader:
        """The header from `to_dict`, also after a round trip through JSON."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        fields["channels"] = tuple(
            Channel(**{**channel, "window": tuple(channel["window"])}) for channel in values["channels"]
        )
        fields["exclusions"] = tuple(Exclusion(**exclusion) for exclusion in values.get("exclusions", ()))
        return cls(**fields)


@dataclass(frozen=True)
class Subjects:
    """Data of each subject besides the image; all arrays have n rows in the order of the images.

    Attributes
    ----------
    id
        (n,) strings, unique.
    duration
        (n,) float64, time to event or censoring in the cohort's time unit; 0 is allowed, negative is not.
    event
        (n,) bool, True where the event was observed.
    split
        (n,) of `train`, `validation`, `test` if the dataset has an official split; else None.
    truth
        (n,) float64, true log-hazard of simulated subjects (higher dies sooner); else None.
    covariates
        Clinical columns by name, each (n,) numbers (NaN where missing) or strings ("" where missing).
    measures
        Numbers measured from the images by name, each (n,): `organ_ml`, `tumour_ml`, …
    affine
        (n, 4, 4) float64 from voxel index to RAS mm of each prepared volume; None without physical space.
    source
        (n,) strings: sha256 of the files of each subject; None if there are none.
    n_images
        (n,) int64 number of images of each subject, 1 or more; None if each has one.
    entry
        (n,) float64, time from which a subject is under observation (late entry), less than `duration`; None if all
        subjects are observed from the start.
    cause
        (n,) number of the cause of each event, from 1, with 0 for a censored subject; None for one kind of event. The
        names are `CohortHeader.causes`.
    """

    id: NDArray[np.str_]
    duration: Float
    event: NDArray[np.bool_]
    split: NDArray[np.str_] | None = None
    truth: Float | None = None
    covariates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    measures: Mapping[str, Float] = field(default_factory=dict)
    affine: Float | None = None
    source: NDArray[np.str_] | None = None
    n_images: NDArray[np.int64] | None = None
    entry: Float | None = None
    cause: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.id)

    def take(self, index: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Subjects:
        """The subjects at `index` (positions or a mask), in that order."""

        def pick(values: NDArray[Any] | None) -> Any:
            return None if values is None else values[index]

        return replace(
            self,
            id=self.id[index],
            duration=self.duration[index],
            event=self.event[index],
            split=pick(self.split),
            truth=pick(self.truth),
            covariates={name: values[index] for name, values in self.covariates.items()},
            measures={name: values[index] for name, values in self.measures.items()},
            affine=pick(self.affine),
            source=pick(self.source),
            n_images=pick(self.n_images),
            entry=pick(self.entry),
            cause=pick(self.cause),
        )

    @property
    def outcome(self) -> Outcome:
        """Durations, events and late entries."""
        return Outcome(self.duration, self.event, self.entry)

    def check(self, where: str) -> None:
        """Refuse a cohort that no survival model can be fitted on.

        Raises
        ------
        DataError
            Fewer than two subjects, duplicate ids, a duration that is missing or negative, or no event at all.
        """
        if len(self) < 2:
            raise DataError(f"{len(self)} subject(s): too few", where=where, expected="two subjects or more")
        ids, counts = np.unique(self.id, return_counts=True)
        if (counts > 1).any():
            raise DataError(
                f"subject '{ids[counts > 1][0]}' appears {counts.max()} times",
                where=where,
                expected="one row per subject",
            )
        bad = ~np.isfinite(self.duration) | (self.duration < 0)
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"{int(bad.sum())} duration(s) missing or negative, first: subject '{self.id[first]}' has "
                f"{self.duration[first]:g}",
                where=where,
                expected="durations of 0 or more",
            )
        if self.entry is not None and not (self.entry < self.duration).all():
            late = np.flatnonzero(~(self.entry < self.duration))
            raise DataError(
                f"{len(late)} subject(s) enter at or after the end of their follow-up, first: subject "
                f"'{self.id[late[0]]}' enters at {self.entry[late[0]]:g} and leaves at {self.duration[late[0]]:g}",
                where=where,
                expected="an entry before the duration",
            )
        if not self.event.any():
            raise DataError(
                "no event at all: every subject is censored",
                where=where,
                expected="at least one event; is the event column inverted?",
            )


def position_of(subject: str, ids: NDArray[np.str_]) -> int:
    """Row of the subject with this id among `ids` (n,).

    Raises
    ------
    DataError
        If no subject has it; the nearest id is suggested.
    """
    matches = np.flatnonzero(ids == subject)
    if len(matches) == 0:
        close = nearest(subject, ids.tolist())
        raise DataError(
            f"no subject '{subject}' in the cohort",
            where=subject,
            expected=f"one of {len(ids)} ids, such as '{ids[0]}'",
            try_=close or None,
        )
    return int(matches[0])
