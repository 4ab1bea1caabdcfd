"""Find the volumes of each subject by the names of files and folders: nnU-Net, HECKTOR, BIDS, a folder a subject."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from survembed.datasets.dicom.structures import Structures
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.files import files_of, volume_stem
from survembed.datasets.scan.structure_names import composed
from survembed.datasets.volume.file_names import IMAGE_FOLDERS, MASK_FOLDERS, case_problem
from survembed.errors import DataError

Part = Path | DicomFiles | Structures
"""A volume, or DICOM files."""
LABELS = ""
"""Name of the label map of a subject among its volumes."""


@dataclass(frozen=True)
class ChannelCase(Case):
    """Files of one subject.

    Attributes
    ----------
    images
        Name and file of each image channel that the subject has.
    masks_by_name
        Name and file of each mask; the name of the label map is "".
    """

    images: tuple[tuple[str, Path | DicomFiles], ...] = ()
    masks_by_name: tuple[tuple[str, Part], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, the images first."""
        return tuple(file for _, part in (*self.images, *self.masks_by_name) for file in _files(part))


def _files(part: Part) -> tuple[Path, ...]:
    if isinstance(part, Structures):
        return (*part.files.files, *(file for series in part.series for file in series.files))
    return part.files if isinstance(part, DicomFiles) else files_of(part)


Volumes = defaultdict[str, defaultdict[str, list[Part]]]
"""Files by subject and by the name of the channel."""


def find_volumes(root: Path) -> Volumes:
    """All volumes below `root` by subject and channel, without DICOM; see `place_of`.

    Raises
    ------
    DataError
        If `root` is not a folder.
    """
    if not root.is_dir():
        raise DataError(f"no folder '{root.name}'", where=str(root), expected="a folder of volumes")
    volumes: Volumes = defaultdict(lambda: defaultdict(list))
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            stem = volume_stem(path)
            if stem is not None:
                subject, channel = place_of(path.relative_to(root).parts[:-1], stem)
                volumes[subject][channel].append(path)
    return volumes


def place_of(folders: Sequence[str], stem: str) -> tuple[str, str]:
    """Subject and channel of a file by its folders below the root and its name without suffix.

    `CASE_0001` and `CASE__PT` name the channel; so does the last part of `sub-ID_T1w` in BIDS. A file in a folder of
    labels, or with the name of its folder, is the label map. Any other file in a folder is a channel of that subject.
    """
    if match := re.fullmatch(r"(.+)__([^_]+)", stem):
        return match[1], match[2]
    if match := re.fullmatch(r"(sub-[^_]+)_(?:.*_)?([^_]+)", stem):
        return match[1], match[2]
    if folders and folders[-1] in MASK_FOLDERS:
        return (composed(folders[-2]), stem) if len(folders) > 1 else (stem, LABELS)
    if match := re.fullmatch(r"(.+)_(\d{4})", stem):
        return match[1], match[2]
    if folders and folders[-1] not in IMAGE_FOLDERS and composed(folders[-1]) != stem:
        return composed(folders[-1]), stem
    return stem, LABELS


def to_cases(
    volumes: Volumes, images: Sequence[str], masks: Sequence[str], needs_labels: bool, missing: str
) -> tuple[list[ChannelCase], list[DataError], list[str]]:
    """Cases with these channels, what is missing or not clear, and the ids of dropped subjects.

    Parameters
    ----------
    images, masks
        Names of the image channels and of the files of masks.
    needs_labels
        Whether each subject must have a label map.
    missing
        What happens without an image channel: `error`, `drop` or `zero`. A subject without any is always an error.
    """
    cases: list[ChannelCase] = []
    problems: list[DataError] = []
    dropped: list[str] = []
    for subject, files in sorted(volumes.items()):
        names = [*images, *masks, *([LABELS] if needs_labels else [])]
        twice = [name for name in names if len(files.get(name, [])) > 1]
        absent = [name for name in images if not files.get(name)]
        no_mask = [name or "label map" for name in names[len(images) :] if not files.get(name)]
        part = next((path for paths in files.values() for path in paths), None)
        if part is None:
            continue
        first = part.files if isinstance(part, Structures) else part
        if twice:
            listed = ", ".join(path.name for path in files[twice[0]])
            reason, remedy = f"several files of one channel: {listed}", "keep one"
            if not isinstance(files[twice[0]][0], Path):
                kind, option = ("structures", "labels") if twice[0] in masks else ("series", "channels")
                reason = f"several DICOM {kind} are '{twice[0]}': {listed}"
                remedy = f"--set data.{option}=NAME=NAME OF THE {kind.upper()}, where * is any text"
            problems.append(case_problem(subject, first, reason, remedy))
        elif absent and (missing == "error" or len(absent) == len(images)):
            reason = f"no channel {', '.join(absent)}"
            remedy = "add the file, or --set data.missing=drop or zero"
            problems.append(case_problem(subject, first, reason, remedy))
        elif no_mask:
            problems.append(case_problem(subject, first, f"no {', '.join(no_mask)}", "add the mask"))
        elif absent and missing == "drop":
            dropped.append(subject)
        else:
            chosen = [
                (name, part) for name in images for part in files.get(name, ()) if not isinstance(part, Structures)
            ]
            labels = [(name, files[name][0]) for name in names[len(images) :]]
            mask = labels[0][1] if labels else chosen[0][1]
            shown = mask.files if isinstance(mask, Structures) else mask
            cases.append(ChannelCase(subject, chosen[0][1], shown, images=tuple(chosen), masks_by_name=tuple(labels)))
    return cases, problems, dropped
