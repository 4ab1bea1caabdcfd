"""The KiTS23 release as a dataset of survembed: its options. `release.py` reads the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from survembed.datasets.fields import Edges, Voxels, Window
from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.cohort.source import Source


class KiTS23(Component):
    """The KiTS23 release: kidneys with tumours and cysts, and survival after nephrectomy."""

    api_version: ClassVar[int] = 2

    root: Path = option(..., help="Folder of the release, with dataset/kits23.json and dataset/case_*/.")
    size: Voxels = option((64, 64, 64), help="Voxels of the cube: one number, or three (right, anterior, superior).")
    fov_mm: Edges | None = option(
        None, help="Edges of the cube in mm, centred on both kidneys. Default: the smallest that contains all kidneys."
    )
    window: Window = option((-80.0, 300.0), help="HU range; the CT, if downloaded, is clipped to it before averaging.")
    skip_bad: bool = option(False, help="Leave out cases with a problem instead of stopping with an error.")

    def build(self) -> Source:
        """Create the source of the cohort."""
        from survembed_kits23.release import ReleaseSource

        return ReleaseSource(self)
