"""From CTs to masks, by a segmenter: oriented as it wants, put where the loader looks, continued where it stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from survembed.datasets.scan.case import Unsegmented
from survembed.datasets.scan.grid import corner_distance_mm
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.scan.orientation import orientation_of, require_orientation, write_oriented
from survembed.datasets.volume.layouts import find_unsegmented
from survembed.errors import DataError, PluginError
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.registry.segmenter import Segmenter
from survembed.storage.files import replacing, sha256

VOXEL_LIMIT = 500_000_000


@dataclass(frozen=True)
class Segmented:
    """What became of the images.

    Attributes
    ----------
    masks
        Files written, by case.
    there
        Cases that had a mask before.
    problems
        Why a case has no mask now, by case.
    """

    masks: Mapping[str, Path]
    there: tuple[str, ...]
    problems: Mapping[str, DataError]


def segment(
    component: Component, name: str, root: Path, *, trust: bool = False, reporter: Reporter = QUIET
) -> Segmented:
    """Draw the masks that are missing; each appears whole, in the orientation of its image, or not at all.

    Parameters
    ----------
    component, name
        A configured segmenter, and its name for messages.
    root
        A folder of CTs in nnU-Net names: `imagesTr/CASE_0000.nii.gz`, whose masks go to `labelsTr/CASE.nii.gz`, or
        `CASE_0000.nii.gz`, whose masks go beside them.
    trust
        Whether the segmenter's own files may run as code; their hashes are said in any case.

    Raises
    ------
    DataError
        When there is no CT in `root`.
    PluginError
        When code is not trusted, or the program is not installed.
    RunError
        When it fails; masks finished by then are kept, and the next call does the rest.
    """
    found = find_unsegmented(root)
    segmenter: Segmenter = component.build()
    require_orientation(segmenter.orientation, f"segmenter {name}")
    if found.images:
        _require_trust(segmenter, name, trust, reporter)
        reporter.say(f"{len(found.images)} CTs to segment with {name}, {len(found.there)} masks are there")
    masks: dict[str, Path] = {}
    problems: dict[str, DataError] = {}
    with tempfile.TemporaryDirectory(prefix="survembed-") as folder:
        images, out = Path(folder, "images"), Path(folder, "masks")
        images.mkdir()
        out.mkdir()
        try:
            inputs = _oriented(found, images, segmenter.orientation, problems, reporter)
            if inputs:
                segmenter.segment(list(inputs.values()), out, reporter)
        finally:  # what is finished is kept, whatever became of the rest
            _collect(found, out, masks, problems)
    return Segmented(masks, found.there, problems)


def _require_trust(segmenter: Segmenter, name: str, trust: bool, reporter: Reporter) -> None:
    code = segmenter.code()
    for path in code:
        reporter.say(f"{sha256(path)}  {path}")
    if code and not trust:
        raise PluginError(
            f"segmenter {name} would run {len(code)} file(s) as code: a checkpoint can do whatever a program can",
            where=str(code[0]),
            expected="files from a source that you trust, with the hashes above",
            try_="--trust",
        )


def _oriented(
    found: Unsegmented, folder: Path, orientation: str, problems: dict[str, DataError], reporter: Reporter
) -> dict[str, Path]:
    """Copies of the images in the segmenter's orientation, by case; what cannot be read becomes a problem."""
    copies = {}
    with reporter.task("Turning images", len(found.images), "volumes") as task:
        for case, image in found.images.items():
            copy = folder / f"{case}_0000.nii.gz"
            try:
                write_oriented(open_nifti(image, VOXEL_LIMIT), copy, orientation)
                copies[case] = copy
            except DataError as error:
                problems[case] = error
            task.advance()
    return copies


def _collect(found: Unsegmented, out: Path, masks: dict[str, Path], problems: dict[str, DataError]) -> None:
    """Put finished masks in their place, turned as their images are."""
    for case, image in found.images.items():
        drawn = out / f"{case}.nii.gz"
        if case in problems or not drawn.is_file():
            problems.setdefault(case, DataError("no mask was drawn", where=str(image), try_="run it again"))
            continue
        try:
            volume, mask = open_nifti(image, VOXEL_LIMIT), open_nifti(drawn, VOXEL_LIMIT)
            near = 0.1 * float(volume.spacing_mm.min())
            if mask.shape != volume.shape or corner_distance_mm(mask.affine, volume.affine, volume.shape) > near:
                raise DataError(
                    "the mask stands on another grid than its CT",
                    where=str(image),
                    expected="a mask with the shape and affine of the image that was handed over",
                )
            target = found.masks / f"{case}.nii.gz"
            with replacing(target) as temporary:
                write_oriented(mask, temporary, orientation_of(volume))
            masks[case] = target
        except DataError as error:  # a process that was ended may leave a part of a file
            problems[case] = error
