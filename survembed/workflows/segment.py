"""Segment the CTs of a folder that have no mask yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from survembed.datasets.scan.files import open_volume
from survembed.datasets.scan.grid import same_grid
from survembed.datasets.scan.orientation import orientation_of, require_orientation, write_oriented
from survembed.datasets.volume.unsegmented import Unsegmented, find_unsegmented
from survembed.errors import DataError, PluginError
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.registry.segmenter import Segmenter
from survembed.storage.files import sha256
from survembed.storage.scratch import scratch_folder

VOXEL_LIMIT = 500_000_000


@dataclass(frozen=True)
class SegmentationResult:
    """Result of `segment`.

    Attributes
    ----------
    masks
        Files written, by case.
    segmented_before
        Cases that already had a mask.
    problems
        Cases without a mask, and the reason.
    """

    masks: Mapping[str, Path]
    segmented_before: tuple[str, ...]
    problems: Mapping[str, DataError]


def segment(
    component: Component, name: str, root: Path, *, trust: bool = False, reporter: Reporter = QUIET
) -> SegmentationResult:
    """Create the missing masks. Each file is written atomically, in the orientation of its image.

    Parameters
    ----------
    component, name
        A configured segmenter, and its name for messages.
    root
        A folder of CTs in nnU-Net names: `imagesTr/CASE_0000.nii.gz`, with masks in `labelsTr/CASE.nii.gz`; or
        `CASE_0000.nii.gz`, with masks in the same folder.
    trust
        Whether files of the segmenter may run as code. Their hashes are always printed.

    Raises
    ------
    DataError
        If there is no CT in `root`.
    PluginError
        If code is not trusted, or the program is not installed.
    RunError
        If the program fails. Complete masks are kept, and the next call continues.
    """
    cases = find_unsegmented(root)
    segmenter: Segmenter = component.build()
    require_orientation(segmenter.orientation, f"segmenter {name}")
    if cases.images:
        _require_trust(segmenter, name, trust, reporter)
        reporter.say(f"{len(cases.images)} CTs to segment with {name}, {len(cases.segmented)} already have a mask")
    masks: dict[str, Path] = {}
    problems: dict[str, DataError] = {}
    with scratch_folder() as folder:
        images, out = folder / "images", folder / "masks"
        images.mkdir()
        out.mkdir()
        try:
            inputs = _write_inputs(cases, images, segmenter.orientation, problems, reporter)
            if inputs:
                segmenter.segment(list(inputs.values()), out, reporter)
        finally:  # complete masks are kept if the program fails or is interrupted
            _collect_masks(cases, out, masks, problems)
    return SegmentationResult(masks, cases.segmented, problems)


def _require_trust(segmenter: Segmenter, name: str, trust: bool, reporter: Reporter) -> None:
    code = segmenter.code()
    for path in code:
        reporter.say(f"{sha256(path)}  {path}")
    if code and not trust:
        raise PluginError(
            f"segmenter {name} would run {len(code)} file(s) as code: a checkpoint can do everything a program can",
            where=str(code[0]),
            expected="files from a source that you trust, with the hashes above",
            try_="--trust",
        )


def _write_inputs(
    cases: Unsegmented, folder: Path, orientation: str, problems: dict[str, DataError], reporter: Reporter
) -> dict[str, Path]:
    """Copies of the images in the orientation of the segmenter, by case; unreadable images are added to `problems`."""
    copies = {}
    with reporter.task("Reorienting images", len(cases.images), "volumes") as task:
        for case, image in cases.images.items():
            copy = folder / f"{case}_0000.nii.gz"
            try:
                write_oriented(open_volume(image, VOXEL_LIMIT), copy, orientation)
                copies[case] = copy
            except DataError as error:
                problems[case] = error
            task.advance()
    return copies


def _collect_masks(cases: Unsegmented, out: Path, masks: dict[str, Path], problems: dict[str, DataError]) -> None:
    """Write complete masks to their folder, in the orientation of their images."""
    for case, image in cases.images.items():
        output = out / f"{case}.nii.gz"
        if case in problems or not output.is_file():
            problems.setdefault(case, DataError("no mask was written", where=str(image), try_="run it again"))
            continue
        try:
            volume, mask = open_volume(image, VOXEL_LIMIT), open_volume(output, VOXEL_LIMIT)
            if not same_grid(volume, mask):
                raise DataError(
                    "the mask is on another grid than its CT",
                    where=str(image),
                    expected="a mask with the shape and affine of the image given to the segmenter",
                )
            target = cases.masks / f"{case}.nii.gz"
            write_oriented(mask, target, orientation_of(volume))
            masks[case] = target
        except DataError as error:  # an interrupted process may leave a truncated file
            problems[case] = error
