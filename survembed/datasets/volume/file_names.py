"""Volumes of a folder by name, and pairs of CT and mask by case id."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from survembed.cohort.exclusions import SubjectError
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.files import volume_stem
from survembed.errors import DataError

IMAGE_FOLDERS = ("imagesTr", "imagesTs", "images")
MASK_FOLDERS = ("labelsTr", "labelsTs", "labels", "predictions", "masks", "segmentations")

FilesByName = dict[str, list[Path]]
CasesAndProblems = tuple[list[Case], list[DataError]]


def case_problem(case_id: str, path: Path | DicomFiles, reason: str, remedy: str) -> DataError:
    """Error for files that form no case."""
    return SubjectError(f"{case_id}: {reason}", reason=reason, where=str(path), try_=remedy)


def volume_files(*folders: Path) -> FilesByName:
    """Volumes of these folders by stem; a.nii and a.nii.gz are two files of one stem."""
    files: FilesByName = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            stem = volume_stem(path)
            if stem and path.is_file():
                files.setdefault(stem, []).append(path)
    return files


def volume_files_in(root: Path, folders: Iterable[str]) -> FilesByName:
    """Volumes in subfolders of `root` by stem; missing subfolders are skipped."""
    return volume_files(*(root / folder for folder in folders))


def first_channels(images: FilesByName, masks: FilesByName) -> FilesByName:
    """Rename CASE_0000 to CASE and drop further channels.

    An image with the same name as a mask, such as liver_0001, is not a channel.
    """
    cts: FilesByName = {}
    for name, paths in images.items():
        channel = re.fullmatch(r"(.+)_000(\d)", name)
        if channel is None or (name in masks and channel[1] not in masks):
            cts.setdefault(name, []).extend(paths)
        elif channel[2] == "0":
            cts.setdefault(channel[1], []).extend(paths)
    return cts


def further_channels(root: Path, cases: Collection[str]) -> int:
    """Number of files CASE_0001, CASE_0002, … of these cases in `root` and its folders of images."""
    files = {**volume_files_in(root, IMAGE_FOLDERS), **volume_files(root)}
    matches = [re.fullmatch(r"(.+)_(\d{4})", name) for name in files]
    return sum(match is not None and match[2] != "0000" and match[1] in cases for match in matches)


def pair_by_id(masks: FilesByName, cts: FilesByName) -> CasesAndProblems:
    """Cases with a mask and perhaps a CT; a CT without mask, or several files of one kind, are problems."""
    cases, problems = [], []
    for case_id in sorted({*masks, *cts}):
        paths = [*masks.get(case_id, []), *cts.get(case_id, [])]
        if case_id not in masks:
            problems.append(
                case_problem(case_id, paths[0], "a CT without its mask", "draw it, or survembed data segment")
            )
        elif len(masks[case_id]) > 1 or len(cts.get(case_id, [])) > 1:
            names = ", ".join(path.name for path in paths)
            problems.append(case_problem(case_id, paths[0], f"several files: {names}", "keep one mask and one CT"))
        else:
            cases.append(Case(case_id, cts[case_id][0] if case_id in cts else None, masks[case_id][0]))
    return cases, problems
