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
ORGAN, LESION = 1, 2


class TotalSegmentatorSegmenter:
    """See `survembed.segmenter.Segmenter`."""

    def __init__(self, options: TotalSegmentator) -> None:
        self.options = options
        self.orientation = options.orientation

    def code(self) -> tuple[Path, ...]:
        """Nothing of the user's: the program fetches its own weights, and trusts them as it trusts itself."""
        return ()

    def segment(self, images: Sequence[Path], out: Path, reporter: Reporter) -> None:
        """One run an image and task."""
        program = resolved(self.options.command, INSTALL)
        with reporter.task("Segmenting", len(images), "volumes") as task:
            for image in images:
                name = image.name.replace("_0000.nii.gz", ".nii.gz")
                organ, lesions = out / f"organ-{name}", out / f"lesions-{name}"
                self._run(program, image, organ, ["--task", "total", "--roi_subset", self.options.organ])
                if self.options.lesions:
                    self._run(program, image, lesions, ["--task", self.options.lesions])
                _join(organ, lesions, out / name)
                task.advance()

    def _run(self, program: list[str], image: Path, mask: Path, task: list[str]) -> None:
        speed = ["--fast"] if self.options.fast and "total" in task else []
        words = [*program, "-i", str(image), "-o", str(mask), "--ml", "--device", self.options.device, *task, *speed]
        run(words, variables(self.options.environment))


def _join(organ: Path, lesions: Path, path: Path) -> None:
    """Whatever is not 0 in `organ` becomes 1, in `lesions` 2; both are removed."""
    import nibabel as nib
    import numpy as np

    image = nib.Nifti1Image.from_filename(organ)
    labels = (np.asarray(image.dataobj) > 0).astype(np.uint8) * ORGAN
    if lesions.is_file():
        labels[np.asarray(nib.Nifti1Image.from_filename(lesions).dataobj) > 0] = LESION
    joined = nib.Nifti1Image(labels, image.affine)
    joined.header.set_qform(image.affine, 1)
    nib.save(joined, path)
    organ.unlink()
    lesions.unlink(missing_ok=True)
