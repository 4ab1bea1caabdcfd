"""Folder layouts: which file is whose CT, and which its mask."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from survembed.cohort.exclusions import SubjectError
from survembed.datasets.scan.case import Case, DicomFiles, Layout, Unsegmented
from survembed.errors import DataError
from survembed.storage.files import read_json

IMAGE_FOLDERS = ("imagesTr", "imagesTs", "images")
MASK_FOLDERS = ("labelsTr", "labelsTs", "labels", "predictions", "masks", "segmentations")
CT_NAMES = ("ct", "imaging", "image", "volume")
LABEL_NAMES = ("segmentation", "seg", "mask", "label", "labels")
ORGAN_NAMES = ("liver", "organ", "kidney")

EXPECTED = (
    "labelsTr/CASE.nii.gz (and imagesTr/CASE_0000.nii.gz); a dataset.json of the Medical Segmentation Decathlon; "
    "volume-N.nii and segmentation-N.nii; a folder for each subject with ct.nii.gz, liver.nii.gz, tumour*.nii.gz; "
    "a folder of masks CASE.nii.gz; or a tree of DICOM files, CT and SEG"
)


Found = tuple[list[Case], list[DataError]]


def find_cases(root: Path) -> Layout:
    """Recognise the layout of `root` and pair its files.

    Raises
    ------
    DataError
        When `root` is no folder or holds no layout that is known.
    """
    if not root.is_dir():
        raise DataError(f"no folder '{root.name}'", where=str(root), expected=EXPECTED)
    layouts = (
        ("Medical Segmentation Decathlon", _decathlon),
        ("nnU-Net", _nnunet),
        ("LiTS", _lits),
        ("a folder for each subject", _subject_folders),
        ("one flat folder", _flat),
        ("DICOM", _dicom),
    )
    waiting: Layout | None = None  # such as CTs before they are segmented: what has cases goes before it
    for name, finder in layouts:
        cases, problems = finder(root)
        if cases:
            return _uniform(name, cases, problems)
        if problems and waiting is None:
            waiting = Layout(name, (), tuple(problems))
    if waiting is not None:
        return waiting
    raise DataError(f"no images or masks found in '{root.name}'", where=str(root), expected=EXPECTED)


def find_case(folder: Path) -> Case:
    """The one subject in a folder: `ct.nii.gz` and its masks, or whatever layout is known, DICOM among them.

    Raises
    ------
    DataError
        When there is no subject, or more than one.
    """
    own = _subject_case(folder) if folder.is_dir() else None
    if own is None:
        layout = find_cases(folder)
        if layout.problems:
            raise layout.problems[0]
        if len(layout.cases) > 1:
            raise DataError(
                f"{len(layout.cases)} subjects in '{folder.name}'",
                where=str(folder),
                expected="the files of one subject",
                try_="a folder for each, or the files by --ct and --mask",
            )
        own = layout.cases[0]
    if isinstance(own, DataError):
        raise own
    return own


def find_unsegmented(root: Path) -> Unsegmented:
    """The CTs in `root` that wait for a mask.

    Raises
    ------
    DataError
        When `root` is no folder or holds no CT in nnU-Net names, or two files of one case.
    """
    expected = "imagesTr/CASE_0000.nii.gz, or CASE_0000.nii.gz"
    if not root.is_dir():
        raise DataError(f"no folder '{root.name}'", where=str(root), expected=expected)
    rooms, volumes = _gathered(root, IMAGE_FOLDERS), _volumes(root)
    flat = {name: paths for name, paths in volumes.items() if name.endswith("_0000") and f"{name}_0000" not in volumes}
    beside = {name: paths for name, paths in volumes.items() if name not in flat}
    drawn = _gathered(root, MASK_FOLDERS) if rooms else beside
    images = _first_channel(rooms or flat, drawn)
    if not images:
        raise DataError(f"no CTs in '{root.name}'", where=str(root), expected=expected)
    for case, paths in images.items():
        if len(paths) > 1:
            raise _problem(case, paths[0], f"several CTs: {', '.join(path.name for path in paths)}", "keep one")
    return Unsegmented(
        images={case: paths[0] for case, paths in images.items() if case not in drawn},
        there=tuple(case for case in images if case in drawn),
        masks=root / MASK_FOLDERS[0] if rooms else root,
    )


def _uniform(name: str, cases: list[Case], problems: list[DataError]) -> Layout:
    """Unique cases in the order of their ids, all with a CT if any has one."""
    seen: dict[str, Case] = {}
    with_ct = any(case.ct for case in cases)
    for case in sorted(cases, key=lambda case: case.id):
        if case.id in seen:
            problems.append(
                _problem(case.id, case.mask, f"two masks, the other is {seen[case.id].mask.name}", "delete one of them")
            )
        elif with_ct and not case.ct:
            problems.append(_problem(case.id, case.mask, "a mask without its CT", "add the CT, or delete the mask"))
        else:
            seen[case.id] = case
    return Layout(name, tuple(seen.values()), tuple(problems))


def _problem(subject: str, path: Path | DicomFiles, reason: str, remedy: str) -> DataError:
    return SubjectError(f"{subject}: {reason}", reason=reason, where=str(path), try_=remedy)


def stem(path: Path) -> str | None:
    """The name without `.nii` or `.nii.gz`; None for other and for hidden files."""
    match = re.fullmatch(r"([^.].*?)\.nii(\.gz)?", path.name)
    return match.group(1) if match else None


def _volumes(folder: Path) -> dict[str, list[Path]]:
    """NIfTI files of a folder by stem; A.nii beside A.nii.gz are two files of one stem."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        name = stem(path)
        if name and path.is_file():
            found.setdefault(name, []).append(path)
    return found


def _pair(masks: dict[str, list[Path]], images: dict[str, list[Path]]) -> Found:
    """Masks and CTs, both by id."""
    cases, problems = [], []
    for subject in sorted({*masks, *images}):
        pair = [*masks.get(subject, []), *images.get(subject, [])]
        if subject not in masks:
            problems.append(_problem(subject, pair[0], "a CT without its mask", "draw it, or survembed data segment"))
        elif len(masks[subject]) > 1 or len(images.get(subject, [])) > 1:
            names = ", ".join(path.name for path in pair)
            problems.append(_problem(subject, pair[0], f"several files: {names}", "keep one mask and one CT"))
        else:
            cases.append(Case(subject, images[subject][0] if subject in images else None, masks[subject][0]))
    return cases, problems


def _decathlon(root: Path) -> Found:
    description = root / "dataset.json"
    described = read_json(description) if description.is_file() else None
    entries = described.get("training") if isinstance(described, dict) else None
    if not isinstance(entries, list):  # the newer nnU-Net has a dataset.json without a list: names decide there
        return [], []
    cases, problems = [], []
    for number, entry in enumerate(entries):
        try:
            image, label = _listed(root, entry)
            missing = [path for path in (image, label) if not path.is_file()]
            inside = all(path.resolve().is_relative_to(root.resolve()) for path in (image, label))
        except (TypeError, KeyError, ValueError, OSError) as error:  # whatever a hostile entry can make of a path
            raise DataError(
                f"entry {number} of dataset.json names no image and label",
                where=str(description),
                expected='{"image": "./imagesTr/CASE.nii.gz", "label": "./labelsTr/CASE.nii.gz"}',
            ) from error
        name = stem(label) or label.name
        if not inside:
            problems.append(_problem(name, description, "a path that leads out of the folder", "mend dataset.json"))
        elif missing:
            problems.append(_problem(name, missing[0], "listed in dataset.json, not there", "complete the download"))
        else:
            cases.append(Case(name, image, label))
    return cases, problems


def _listed(root: Path, entry: dict[str, str]) -> tuple[Path, Path]:
    """Image and label of an entry; nnU-Net lists CASE.nii.gz for the image and stores CASE_0000.nii.gz."""
    image, label = root / entry["image"], root / entry["label"]
    if not image.exists():
        image = image.with_name(re.sub(r"(\.nii(\.gz)?)$", r"_0000\1", image.name))
    return image, label


def _nnunet(root: Path) -> Found:
    masks, images = _gathered(root, MASK_FOLDERS), _gathered(root, IMAGE_FOLDERS)
    if images and not masks:  # predictions may lie beside the folder of images
        masks = _volumes(root)
    return _pair(masks, _first_channel(images, masks))


def _gathered(root: Path, folders: Iterable[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for folder in folders:
        if (root / folder).is_dir():
            for name, paths in _volumes(root / folder).items():
                found.setdefault(name, []).extend(paths)
    return found


def _first_channel(images: dict[str, list[Path]], masks: dict[str, list[Path]]) -> dict[str, list[Path]]:
    """CASE_0000 as CASE; further channels are left out. An image called as a mask is, liver_0001, is no channel."""
    found: dict[str, list[Path]] = {}
    for name, paths in images.items():
        channel = re.fullmatch(r"(.+)_000(\d)", name)
        if channel is None or (name in masks and channel[1] not in masks):
            found.setdefault(name, []).extend(paths)
        elif channel[2] == "0":
            found.setdefault(channel[1], []).extend(paths)
    return found


def _lits(root: Path) -> Found:
    files: dict[str, dict[str, list[Path]]] = {"volume": {}, "segmentation": {}}
    for path in sorted([*root.glob("*.nii*"), *root.glob("*/*.nii*")]):
        match = re.fullmatch(r"(volume|segmentation)-(\d+)", stem(path) or "")
        if match:
            files[match.group(1)].setdefault(match.group(2), []).append(path)
    return _pair(files["segmentation"], files["volume"]) if files["segmentation"] else ([], [])


def _subject_folders(root: Path) -> Found:
    cases, problems = [], []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        found = _subject_case(folder)
        if isinstance(found, Case):
            cases.append(found)
        elif found:
            problems.append(found)
    return cases, problems


def _subject_case(folder: Path) -> Case | DataError | None:
    """The subject whose files, named by what they are, stand in `folder`; or what it lacks."""
    volumes = {name.lower(): path for name, paths in _volumes(folder).items() for path in paths}
    ct = next((volumes[name] for name in CT_NAMES if name in volumes), None)
    organ = next((volumes[name] for name in ORGAN_NAMES if name in volumes), None)
    labels = next((volumes[name] for name in LABEL_NAMES if name in volumes), None)
    if organ:
        tumours = tuple(path for name, path in sorted(volumes.items()) if re.match(r"tumou?r|lesion", name))
        return Case(folder.name, ct, organ, tumours or None)  # without a mask of lesions it may be a map of labels
    if labels:
        return Case(folder.name, ct, labels)
    if ct:
        return _problem(folder.name, ct, "a CT without its mask", "add liver.nii.gz or segmentation.nii.gz")
    return None


def _flat(root: Path) -> Found:
    volumes = _volumes(root)
    channels = _channels(volumes)
    images = {name: paths for name, paths in volumes.items() if name in channels}
    masks = {name: paths for name, paths in volumes.items() if name not in channels}
    return _pair(masks, _first_channel(images, masks))


def _channels(names: Collection[str]) -> set[str]:
    """Which files of a flat folder are images: CASE_0000, CASE_0001, …, unless they are masks that are numbered so."""
    found = {name for name in names if re.search(r"_000\d$", name) and f"{name}_0000" not in names}
    with_mask = any(name[:-5] in names for name in found)
    return found if with_mask or all(name.endswith("_0000") for name in found) else set()


def _dicom(root: Path) -> Found:
    from survembed.datasets.dicom.tree import find_dicom_cases  # its last resort, as it looks into every file

    return find_dicom_cases(root)
