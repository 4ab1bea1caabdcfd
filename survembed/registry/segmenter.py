"""What a segmenter is: any program that draws masks on CTs, behind a component of the group `survembed.segmenters`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from survembed.progress import Reporter


class Segmenter(Protocol):
    """What a segmenter component builds.

    Attributes
    ----------
    orientation
        Where the axes of its images must run to, such as `RAS`: that of the images it was trained on.
    """

    orientation: str

    def code(self) -> tuple[Path, ...]:
        """Files of the user's that will run as code, such as pickled checkpoints; they need the user's trust.

        Asked before any image is touched, and so the place to refuse what cannot work.

        Raises
        ------
        DataError
            When they are missing.
        PluginError
            When the program is not installed.
        """
        ...

    def segment(self, images: Sequence[Path], out: Path, reporter: Reporter) -> None:
        """Draw a map of labels, `out/CASE.nii.gz` on the grid of its image, for each image `CASE_0000.nii.gz`.

        Parameters
        ----------
        images
            NIfTI files in one folder, in `orientation`.
        out
            An empty folder.
        reporter
            Hears of progress.

        Raises
        ------
        PluginError
            When the program is not installed.
        RunError
            When it fails. Masks that it had finished are kept.
        """
        ...
