"""How cubes are made: the options of a dataset that reading a case needs."""

from __future__ import annotations

from dataclasses import dataclass

from survembed.cohort.subjects import Channel


@dataclass(frozen=True)
class Preprocessing:
    """How a cube is made.

    Attributes
    ----------
    size
        Voxels of the cube along right, anterior, superior.
    fov_mm
        Edge lengths of the cube; None stretches each organ to fill it.
    window
        HU that 0 and 1 stand for.
    organ_labels
        Labels of the organ in a map of labels; none for all above 0. Tumour always counts as organ too.
    tumour_labels
        Labels of the tumour.
    voxel_limit
        Most voxels that a header may claim.
    organ_segments, tumour_segments
        Labels of DICOM segments, in any case, with `*` for any signs.
    organ_name
        What the channel of the organ's mask is called.
    further_labels
        Name and labels of further structures of the organ in a map of labels, such as cysts: they count as organ too,
        and each has a channel of its own after the tumour's.
    keep_organ
        Keep the organ's mask beside a CT, which else takes its place.
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
        """The channels of a cube, in order."""
        ct = Channel("ct", "gaussian", window=self.window, unit="HU")
        organ = Channel(self.organ_name, "bernoulli", organ=True)
        first = [ct, organ] if has_ct and self.keep_organ else [ct] if has_ct else [organ]
        further = [Channel(name, "bernoulli") for name, _ in self.further_labels]
        return (*first, Channel("tumour", "bernoulli", overlay=True), *further)
