"""TotalSegmentator's own program, once an image for the organ and once for its lesions, joined into one map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.progress import Reporter
from survembed_segmenters.program import resolved, run, variables

if TYPE_CHECKING:
    from survembed_segmenters import TotalSegmentator

INSTALL = (
    "python -m venv totalseg && totalseg/bin/pip install TotalSegmentator, then --command totalseg/bin/TotalSegmentator"
)
ORGAN = 1
"""The label of the organ; that of its lesions is the next."""


class TotalSegmentatorSegmenter:
    """See `survembed.registry.segmenter.Segmenter`."""

    def __init__(self, options: TotalSegmentator) -> None:
        self.options = options
        self.orientation = options.orientation

    def code(self) -> tuple[Path, ...]:
        """Nothing of the user's: the program fetches its own weights, and trusts them as it trusts itself.

        Raises
        ------
        PluginError
            When the program is not installed.
        """
        resolved(self.options.command, INSTALL)
        return ()

    def segment(self, images: Sequence[Path], out: Path, reporter: Reporter) -> None:
        """One run an image and task."""
        program = resolved(self.options.command, INSTALL)
        with reporter.task("Segmenting", len(images), "volumes") as task:
            for image in images:
                name = image.name.replace("_0000.nii.gz", ".nii.gz")
                masks = [out / f"organ-{name}"]
                self._run(program, image, masks[0], ["--task", "total", "--roi_subset", self.options.organ])
                if self.options.lesions:
                    masks.append(out / f"lesions-{name}")
                    self._run(program, image, masks[1], ["--task", self.options.lesions])
                if all(mask.is_file() for mask in masks):  # else this case has none: a tumour must not be lost unseen
                    _join(masks, out / name)
                task.advance()

    def _run(self, program: list[str], image: Path, mask: Path, task: list[str]) -> None:
        speed = ["--fast"] if self.options.fast and "total" in task else []
        words = [*program, "-i", str(image), "-o", str(mask), "--ml", "--device", self.options.device, *task, *speed]
        run(words, variables(self.options.environment))


def _join(masks: Sequence[Path], path: Path) -> None:
    """Whatever is not 0 in the first mask becomes 1, in the second, if there is one, 2; both are removed."""
    import nibabel as nib
    import numpy as np

    image = nib.Nifti1Image.from_filename(masks[0])
    labels = np.zeros(image.shape, np.uint8)
    for label, mask in enumerate(masks, ORGAN):
        labels[np.asarray(nib.Nifti1Image.from_filename(mask).dataobj) > 0] = label
    joined = nib.Nifti1Image(labels, image.affine)
    joined.header.set_qform(image.affine, 1)
    nib.save(joined, path)
    for mask in masks:
        mask.unlink()
