"""Folder layouts: one function per layout that finds the CT and the mask of each case."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from survembed.datasets.scan.case import Case, Layout
from survembed.datasets.scan.files import SUFFIX, volume_stem
from survembed.datasets.scan.structure_names import MaskNames, Role, composed
from survembed.datasets.volume.file_names import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    CasesAndProblems,
    FilesByName,
    case_problem,
    first_channels,
    pair_by_id,
    volume_files,
    volume_files_in,
)
from survembed.errors import DataError
from survembed.storage.files import read_json

CT_NAMES = ("ct", "imaging", "image", "volume")
SUBJECT_MASK_FOLDERS = ("segmentations", "segmentation", "masks")
"""Folders of masks inside the folder of a subject, as TotalSegmentator writes them."""
LABEL_NAMES = ("segmentation", "seg", "mask", "label", "labels")
ORGANS = ("liver", "organ", "kidney")
"""Organs whose mask is looked for in a folder of a subject, in this order."""

EXPECTED = (
    "labelsTr/CASE.nii.gz (and imagesTr/CASE_0000.nii.gz); a dataset.json of the Medical Segmentation Decathlon; "
    "volume-N.nii and segmentation-N.nii; a folder for each subject with ct.nii.gz, liver.nii.gz, tumour*.nii.gz, the "
    "masks perhaps in segmentations/; "
    "a folder of masks CASE.nii.gz; or a tree of DICOM files, CT and SEG"
)


def find_cases(root: Path, names: MaskNames = MaskNames()) -> Layout:  # noqa: B008  # frozen
    """Recognise the layout of `root` and pair its files. The first layout with cases is used.

    Parameters
    ----------
    root
        Folder of the study.
    names
        Names of the masks of organ and lesions in a folder for each subject.

    Raises
    ------
    DataError
        If `root` is not a folder or has no known layout.
    """
    if not root.is_dir():
        raise DataError(f"no folder '{root.name}'", where=str(root), expected=EXPECTED)
    without_cases: Layout | None = None  # such as CTs that are not segmented yet
    for name, finder in LAYOUTS.items():
        cases, problems = finder(root, names)
        if name == FLAT and cases and all(case.ct is None for case in cases):  # masks exported beside a DICOM study
            of_dicom = _find_dicom(root, names)
            name, cases, problems = ("DICOM", *of_dicom) if of_dicom[0] else (name, cases, problems)
        if cases:
            return _unique_cases(name, cases, problems)
        if problems and without_cases is None:
            without_cases = Layout(name, (), tuple(problems))
    if without_cases is not None:
        return without_cases
    raise DataError(f"no images or masks found in '{root.name}'", where=str(root), expected=EXPECTED)


def find_single_case(folder: Path, names: MaskNames = MaskNames()) -> Case:  # noqa: B008  # frozen
    """Find the only subject of a folder: `ct.nii.gz` and its masks, or any known layout.

    Raises
    ------
    DataError
        If there is no subject, or more than one.
    """
    case = _case_of_folder(folder, names) if folder.is_dir() else None
    if case is None:
        layout = find_cases(folder, names)
        if layout.problems:
            raise layout.problems[0]
        if len(layout.cases) > 1:
            raise DataError(
                f"{len(layout.cases)} subjects in '{folder.name}'",
                where=str(folder),
                expected="the files of one subject",
                try_="a folder for each subject, or the files by --ct and --mask",
            )
        case = layout.cases[0]
    if isinstance(case, DataError):
        raise case
    return case


def _unique_cases(name: str, cases: list[Case], problems: list[DataError]) -> Layout:
    """Cases sorted by id, without duplicates; if any case has a CT, those without are problems."""
    unique: dict[str, Case] = {}
    with_ct = any(case.ct for case in cases)
    for case in sorted(cases, key=lambda case: case.id):
        if case.id in unique:
            reason = f"two masks, the other is {unique[case.id].mask.name}"
            problems.append(case_problem(case.id, case.mask, reason, "delete one of them"))
        elif with_ct and not case.ct:
            problems.append(case_problem(case.id, case.mask, "a mask without its CT", "add the CT, or delete the mask"))
        else:
            unique[case.id] = case
    return Layout(name, tuple(unique.values()), tuple(problems))


# Medical Segmentation Decathlon: dataset.json lists images and labels


def _find_decathlon(root: Path, _: MaskNames) -> CasesAndProblems:
    description = root / "dataset.json"
    content = read_json(description) if description.is_file() else None
    entries = content.get("training") if isinstance(content, dict) else None
    if not isinstance(entries, list):  # nnU-Net v2 has a dataset.json without a list
        return [], []
    cases, problems = [], []
    for number, entry in enumerate(entries):
        try:
            image, label = _decathlon_paths(root, entry)
            missing = [path for path in (image, label) if not path.is_file()]
            is_inside = all(path.resolve().is_relative_to(root.resolve()) for path in (image, label))
        except (TypeError, KeyError, ValueError, OSError) as error:  # any of these, for an invalid path
            raise DataError(
                f"entry {number} of dataset.json names no image and label",
                where=str(description),
                expected='{"image": "./imagesTr/CASE.nii.gz", "label": "./labelsTr/CASE.nii.gz"}',
            ) from error
        name = volume_stem(label) or label.name
        if not is_inside:
            problems.append(
                case_problem(name, description, "a path that leads out of the folder", "correct dataset.json")
            )
        elif missing:
            reason = "listed in dataset.json, not there"
            problems.append(case_problem(name, missing[0], reason, "complete the download"))
        else:
            cases.append(Case(name, image, label))
    return cases, problems


def _decathlon_paths(root: Path, entry: dict[str, str]) -> tuple[Path, Path]:
    """Image and label of an entry; nnU-Net lists CASE.nii.gz for an image stored as CASE_0000.nii.gz."""
    image, label = (_as_stored(root / entry[name]) for name in ("image", "label"))
    if not image.exists():
        image = _as_stored(image.with_name(re.sub(rf"({SUFFIX.pattern})$", r"_0000\1", image.name)))
    return image, label


def _as_stored(path: Path) -> Path:
    """The file of this name, also if the file system stores its accented letters in another form."""
    if path.exists() or not path.parent.is_dir():
        return path
    return next((each for each in path.parent.iterdir() if composed(each.name) == composed(path.name)), path)


# nnU-Net: imagesTr/CASE_0000.nii.gz and labelsTr/CASE.nii.gz


def _find_nnunet(root: Path, _: MaskNames) -> CasesAndProblems:
    masks, images = volume_files_in(root, MASK_FOLDERS), volume_files_in(root, IMAGE_FOLDERS)
    if images and not masks:  # predictions beside the folder of images
        masks = volume_files(root)
    cts = first_channels(images, masks)
    if masks.keys() & cts.keys():  # a release has test images without labels
        cts = {name: paths for name, paths in cts.items() if name in masks or not _are_in(paths, "imagesTs")}
    return pair_by_id(masks, cts)


def _are_in(paths: Sequence[Path], folder: str) -> bool:
    return all(path.parent.name == folder for path in paths)


# LiTS: volume-N.nii and segmentation-N.nii


def _find_lits(root: Path, _: MaskNames) -> CasesAndProblems:
    files: dict[str, FilesByName] = {"volume": {}, "segmentation": {}}
    for path in sorted([*root.glob("*.*"), *root.glob("*/*.*")]):
        match = re.fullmatch(r"(volume|segmentation)-(\d+)", volume_stem(path) or "")
        if match:
            files[match.group(1)].setdefault(match.group(2), []).append(path)
    return pair_by_id(files["segmentation"], files["volume"]) if files["segmentation"] else ([], [])


# A folder for each subject: ct.nii.gz, liver.nii.gz, tumour*.nii.gz; TotalSegmentator has its masks in segmentations/


def _find_subject_folders(root: Path, names: MaskNames) -> CasesAndProblems:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    results = [_case_of_folder(folder, names) for folder in folders]
    cases = [result for result in results if isinstance(result, Case)]
    return cases, [result for result in results if isinstance(result, DataError)]


def _case_of_folder(folder: Path, names: MaskNames) -> Case | DataError | None:
    """The case of a folder with the file names of one subject; the problem, if its mask is missing or not clear."""
    subject = composed(folder.name)
    here, below = volume_files(folder), volume_files_in(folder, SUBJECT_MASK_FOLDERS)
    if repeated := [name for name in here if name in below and _is_known(name, names)]:
        paths = [*here[repeated[0]], *below[repeated[0]]]
        listed = ", ".join(str(path.relative_to(folder)) for path in paths)
        return case_problem(subject, paths[0], f"several files of one name: {listed}", "keep one of them")
    volumes = {name: path for name, paths in {**here, **below}.items() for path in paths}
    special = {name.lower(): name for name in volumes}
    ct = next((volumes[special[name]] for name in CT_NAMES if name in special), None)
    labels = next((volumes[special[name]] for name in LABEL_NAMES if name in special), None)
    masks = [name for name, path in sorted(volumes.items()) if path != ct]
    roles: dict[str, Role] = {}
    for organ in ORGANS:
        roles = {name: names.role(name, organ) for name in masks}
        if Role.ORGAN in roles.values():
            break
    else:
        roles = {name: names.role(name) for name in masks}
    organs, lesions = ([name for name in masks if roles[name] is role] for role in (Role.ORGAN, Role.LESION))
    if len(organs) == 1 or (organs and "liver" in special):
        organ = organs[0] if len(organs) == 1 else special["liver"]
        roles |= dict.fromkeys(set(organs) - {organ}, Role.OTHER)
        tumours = tuple(volumes[name] for name in lesions)
        return Case(subject, ct, volumes[organ], tumours or None, tuple(roles.items()))
    if organs:
        return _unclear(subject, volumes[organs[0]], "several masks of the organ", organs)
    if labels and lesions:
        return _unclear(subject, labels, f"{labels.name} beside masks of lesions", lesions)
    if labels:
        others = tuple((name, role) for name, role in roles.items() if volumes[name] != labels)
        return Case(subject, ct, labels, None, others)
    if lesions and ct:
        return _unclear(subject, ct, "masks of lesions without a mask of the organ", masks)
    if ct:
        remedy = "add liver.nii.gz or segmentation.nii.gz"
        return case_problem(subject, ct, "a CT without its mask", f"{remedy}{_or_declare(masks)}")
    return None


def _is_known(name: str, names: MaskNames) -> bool:
    return name.lower() in LABEL_NAMES or names.role(name) is not Role.UNKNOWN


def _unclear(subject: str, path: Path, reason: str, candidates: list[str]) -> DataError:
    listed = ", ".join(f"'{name}'" for name in candidates)
    return case_problem(subject, path, f"{reason}: {listed}", "--set data.organ_segments=NAME, or remove the others")


def _or_declare(masks: list[str]) -> str:
    return f", or --set data.organ_segments={masks[0]} (of {', '.join(masks)})" if masks else ""


# One flat folder: CASE.nii.gz, perhaps with CASE_0000.nii.gz


def _find_flat(root: Path, _: MaskNames) -> CasesAndProblems:
    volumes = volume_files(root)
    image_names = _flat_image_names(volumes)
    images = {name: paths for name, paths in volumes.items() if name in image_names}
    masks = {name: paths for name, paths in volumes.items() if name not in image_names}
    return pair_by_id(masks, first_channels(images, masks))


def _flat_image_names(names: Collection[str]) -> set[str]:
    """Names of images: CASE_0000, CASE_0001, …; none of them, if the masks themselves are numbered like this."""
    numbered = {name for name in names if re.search(r"_000\d$", name) and f"{name}_0000" not in names}
    have_masks = any(name[:-5] in names for name in numbered)
    return numbered if have_masks or all(name.endswith("_0000") for name in numbered) else set()


# DICOM: a tree of CT series and segmentations


def _find_dicom(root: Path, _: MaskNames) -> CasesAndProblems:
    from survembed.datasets.dicom.tree import find_dicom_cases

    return find_dicom_cases(root)


FLAT = "one flat folder"
LAYOUTS = {
    "Medical Segmentation Decathlon": _find_decathlon,
    "nnU-Net": _find_nnunet,
    "LiTS": _find_lits,
    "a folder for each subject": _find_subject_folders,
    FLAT: _find_flat,
    "DICOM": _find_dicom,  # last, because it opens every file
}
"""All layouts by name, in the order of the search."""
