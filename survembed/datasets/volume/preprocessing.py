"""Preprocessing options of a dataset of volumes."""

from __future__ import annotations

from dataclasses import dataclass

from survembed.cohort.subjects import Channel
from survembed.datasets.scan.structure_names import MaskNames


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
        Labels of the tumour; may be empty.
    voxel_limit
        Largest number of voxels that a header may declare.
    ignored_labels
        Other labels that a label map may contain; a mask with any further label is refused. None for any label.
    organ_segments, tumour_segments
        Patterns for names of masks and DICOM segments; empty to recognise them by their words. See `MaskNames`.
    mask_grid
        `header` to trust the grid of each mask, `ct` to give each mask the grid of its CT, voxel by voxel; None to
        refuse masks whose header seems lost.
    assume_hu
        Take the CT as Hounsfield units without a check of its values.
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
    ignored_labels: tuple[int, ...] | None = None
    mask_grid: str | None = None
    assume_hu: bool = False

    @property
    def mask_names(self) -> MaskNames:
        """Names of the masks of organ and tumour."""
        return MaskNames(self.organ_segments, self.tumour_segments)

    def channels(self, has_ct: bool) -> tuple[Channel, ...]:
        """Channels of a cube, in order."""
        ct = Channel("ct", "gaussian", window=self.window, unit="HU")
        organ = Channel(self.organ_name, "bernoulli", organ=True)
        first = [ct, organ] if has_ct and self.keep_organ else [ct] if has_ct else [organ]
        further = [Channel(name, "bernoulli") for name, _ in self.further_labels]
        return (*first, Channel("tumour", "bernoulli", overlay=True), *further)
