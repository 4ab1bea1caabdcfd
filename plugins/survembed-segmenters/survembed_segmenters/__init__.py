"""Segmenter components: names and options. The other modules contain the segmenters that they build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.registry.segmenter import Segmenter

Device = Literal["cpu", "cuda", "mps"]


class NNUNet(Component):
    """nnU-Net v2 with a model folder, run as a separate program."""

    api_version: ClassVar[int] = 2

    model: Path = option(..., help="Folder of the trained model, with dataset.json, plans.json and fold_*.")
    command: str = option("nnUNetv2_predict_from_modelfolder", help="The program, or a command that starts it.")
    environment: str = option("", help="Environment variables of the program: NAME=VALUE, separated by commas.")
    orientation: str = option("RAS", help="Orientation of the training images of the model, such as RAS.")
    folds: str = option("all", help="Folds whose predictions are averaged, such as 0,1,2,3,4.")
    checkpoint: str = option("checkpoint_final.pth", help="Name of the checkpoint in each fold.")
    device: Device = option("cpu", help="Device of the network.")
    mirror: bool = option(False, help="Average over mirrored images: slightly better, eight times slower.")

    def build(self) -> Segmenter:
        """Create the segmenter."""
        from survembed_segmenters.nnunet import NNUNetSegmenter

        return NNUNetSegmenter(self)


class TotalSegmentator(Component):
    """TotalSegmentator, run as a separate program: the liver is label 1, its lesions are label 2."""

    api_version: ClassVar[int] = 2

    command: str = option("TotalSegmentator", help="The program, or a command that starts it.")
    environment: str = option("", help="Environment variables of the program: NAME=VALUE, separated by commas.")
    orientation: str = option("RAS", help="Orientation of the images given to the program.")
    organ: str = option("liver", help="Structure of the task 'total' used as organ.")
    lesions: str = option("liver_lesions", help="Task for the lesions; empty for no lesions.")
    device: Literal["cpu", "gpu", "mps"] = option("cpu", help="Device of the network.")
    fast: bool = option(False, help="Use the faster model with lower resolution.")

    def build(self) -> Segmenter:
        """Create the segmenter."""
        from survembed_segmenters.totalsegmentator import TotalSegmentatorSegmenter

        return TotalSegmentatorSegmenter(self)
