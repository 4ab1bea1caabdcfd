"""Segmenter that runs TotalSegmentator for the organ and for its lesions, and merges both masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.progress import Reporter
from survembed_segmenters.program import parse_variables, resolve_command, run_program

if TYPE_CHECKING:
    from survembed_segmenters import TotalSegmentator

INSTALL = (
    "python -m venv totalseg && totalseg/bin/pip install TotalSegmentator, then --command totalseg/bin/TotalSegmentator"
)
ORGAN = 1
"""Label of the organ; the label of the lesions is 2."""


class TotalSegmentatorSegmenter:
    """See `survembed.registry.segmenter.Segmenter`."""

    def __init__(self, options: TotalSegmentator) -> None:
        self.options = options
        self.orientation = options.orientation

    def code(self) -> tuple[Path, ...]:
        """No files of the user: the program downloads its own weights.

        Raises
        ------
        PluginError
            If the program is not installed.
        """
        resolve_command(self.options.command, INSTALL)
        return ()

    def segment(self, images: Sequence[Path], out: Path, reporter: Reporter) -> None:
        """Run the program once per image and task."""
        program = resolve_command(self.options.command, INSTALL)
        with reporter.task("Segmenting", len(images), "volumes") as task:
            for image in images:
                name = image.name.replace("_0000.nii.gz", ".nii.gz")
                masks = [out / f"organ-{name}"]
                self._run(program, image, masks[0], ["--task", "total", "--roi_subset", self.options.organ])
                if self.options.lesions:
                    masks.append(out / f"lesions-{name}")
                    self._run(program, image, masks[1], ["--task", self.options.lesions])
                if all(mask.is_file() for mask in masks):  # a map without its lesions would show no tumour
                    _merge_masks(masks, out / name)
                task.advance()

    def _run(self, program: list[str], image: Path, mask: Path, task: list[str]) -> None:
        speed = ["--fast"] if self.options.fast and "total" in task else []
        arguments = [
            *program,
            "-i",
            str(image),
            "-o",
            str(mask),
            "--ml",
            "--device",
            self.options.device,
            *task,
            *speed,
        ]
        run_program(arguments, parse_variables(self.options.environment))


def _merge_masks(masks: Sequence[Path], path: Path) -> None:
    """Write voxels above 0 of the first mask as 1, of the second (if any) as 2; delete both masks."""
    import nibabel as nib
    import numpy as np

    image = nib.Nifti1Image.from_filename(masks[0])
    labels = np.zeros(image.shape, np.uint8)
    for label, mask in enumerate(masks, ORGAN):
        labels[np.asarray(nib.Nifti1Image.from_filename(mask).dataobj) > 0] = label
    label_map = nib.Nifti1Image(labels, image.affine)
    label_map.header.set_qform(image.affine, 1)
    nib.save(label_map, path)
    for mask in masks:
        mask.unlink()
