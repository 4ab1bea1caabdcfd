"""Preprocessing options of a dataset of volumes."""

from __future__ import annotations

from dataclasses import dataclass

from survembed.cohort.subjects import Channel


@dataclass(frozen=True)
class Preprocessing:
    """How a CT and its mask become a cube.

    Attributes
    ----------
    size
        Voxels of the cube along right, anterior, superior.
    fov_mm
        Edge lengths of the cube; None stretches each organ to fill the cube.
    window
        HU that become 0 and 1.
    organ_labels
        Labels of the organ in a label map; if empty, all labels above 0. The tumour is always part of the organ.
    tumour_labels
        Labels of the tumour.
    voxel_limit
        Largest number of voxels that a header may declare.
    organ_segments, tumour_segments
        Labels of DICOM segments, case-insensitive; `*` matches any characters.
    organ_name
        Name of the channel of the organ mask.
    further_labels
        Name and labels of other structures in the organ, such as cysts. They are part of the organ; each has its own
        channel after the tumour.
    keep_organ
        Keep the organ mask as a channel if there is a CT. By default the CT replaces it.
    """

    size: tuple[int, int, int]
    fov_mm: tuple[float, float, float] | None
    window: tuple[float, float]
    organ_labels: tuple[int, ...]
    tumour_labels: tuple[int, ...]
    voxel_limit: int
    organ_segments: tuple[str, ...] = ()
    tumour_segments: tuple[str, ...] = ()
    organ_name: str = "organ"
    further_labels: tuple[tuple[str, tuple[int, ...]], ...] = ()
    keep_organ: bool = False

    def channels(self, has_ct: bool) -> tuple[Channel, ...]:
        """Channels of a cube, in order."""
        ct = Channel("ct", "gaussian", window=self.window, unit="HU")
        organ = Channel(self.organ_name, "bernoulli", organ=True)
        first = [ct, organ] if has_ct and self.keep_organ else [ct] if has_ct else [organ]
        further = [Channel(name, "bernoulli") for name, _ in self.further_labels]
        return (*first, Channel("tumour", "bernoulli", overlay=True), *further)
