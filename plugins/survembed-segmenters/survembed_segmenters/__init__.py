"""Segmenters by name; what they build stands in the files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.registry.segmenter import Segmenter

Device = Literal["cpu", "cuda", "mps"]


class NNUNet(Component):
    """nnU-Net v2 with a model folder, run as a program of its own."""

    api_version: ClassVar[int] = 2

    model: Path = option(..., help="Folder of the trained model, with dataset.json, plans.json and fold_*.")
    command: str = option("nnUNetv2_predict_from_modelfolder", help="The program, with any words before its options.")
    environment: str = option("", help="Variables for the program: NAME=VALUE, separated by commas.")
    orientation: str = option("RAS", help="Orientation of the images that the model was trained on.")
    folds: str = option("all", help="Folds to average, such as 0,1,2,3,4.")
    checkpoint: str = option("checkpoint_final.pth", help="Name of the checkpoint in each fold.")
    device: Device = option("cpu", help="Where the network runs.")
    mirror: bool = option(False, help="Average over mirrored images: eight times as slow, a little better.")

    def build(self) -> Segmenter:
        """The segmenter."""
        from survembed_segmenters.nnunet import NNUNetSegmenter

        return NNUNetSegmenter(self)


class TotalSegmentator(Component):
    """TotalSegmentator: the liver as label 1 and its lesions as label 2, run as a program of its own."""

    api_version: ClassVar[int] = 2

    command: str = option("TotalSegmentator", help="The program, with any words before its options.")
    environment: str = option("", help="Variables for the program: NAME=VALUE, separated by commas.")
    orientation: str = option("RAS", help="Orientation of the images handed to the program.")
    organ: str = option("liver", help="Structure of the task 'total' that is the organ.")
    lesions: str = option("liver_lesions", help="Task that draws the lesions; none where empty.")
    device: Literal["cpu", "gpu", "mps"] = option("cpu", help="Where the network runs.")
    fast: bool = option(False, help="Coarser and faster.")

    def build(self) -> Segmenter:
        """The segmenter."""
        from survembed_segmenters.totalsegmentator import TotalSegmentatorSegmenter

        return TotalSegmentatorSegmenter(self)
