"""DICOM among the volumes of a study: the series of each image channel, and the structures of each label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from survembed.datasets.channels.find import Volumes
from survembed.datasets.channels.recipe import LESIONS, ImageRecipe, LabelRecipe, Normalise
from survembed.datasets.dicom.series_tree import IMAGES, STRUCTURES, FoundSeries
from survembed.datasets.dicom.structures import Structures
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.structure_names import counted, is_any_of

BY_MODALITY: dict[str, Normalise] = {"CT": "ct", "PT": "suv", "MR": "zscore"}
"""Normalisation of a channel of one modality."""


def modalities(found: Sequence[FoundSeries]) -> list[str]:
    """Modalities of the image series."""
    present = {series.modality for series in found}
    return [modality for modality in IMAGES if modality in present]


def normalisations(found: Sequence[FoundSeries], patterns: Sequence[str]) -> dict[str, Normalise]:
    """Normalisation of each pattern that means series of one modality."""
    chosen: dict[str, Normalise] = {}
    for pattern in patterns:
        meant = {series.modality for series in found if series.modality in IMAGES and series.is_meant_by(pattern)}
        if len(meant) == 1:
            chosen[pattern] = BY_MODALITY[meant.pop()]
    return chosen


def place_images(volumes: Volumes, found: Sequence[FoundSeries], images: Sequence[ImageRecipe]) -> str:
    """Add the series of each image channel to the volumes of the subjects; say which were chosen, and which were not.

    A series of one file is a scout or a picture: it is only taken if there is no other.
    """
    series = [each for each in found if each.modality in IMAGES]
    chosen: dict[str, list[FoundSeries]] = defaultdict(list)
    for image in images:
        of_subject: dict[str, list[FoundSeries]] = defaultdict(list)
        for each in series:
            if each.is_meant_by(image.file):
                of_subject[each.subject].append(each)
        for subject, candidates in of_subject.items():
            several = [each for each in candidates if len(each.files.files) > 1] or candidates
            volumes[subject][image.file] += [each.files for each in several]
            chosen[image.name] += several
    if not series:
        return ""
    used = {each.header.series for meant in chosen.values() for each in meant}
    parts = [f"{name} = {counted(each.header.description for each in meant)}" for name, meant in chosen.items()]
    rest = [f"{each.modality} {each.header.description}" for each in series if each.header.series not in used]
    return f"DICOM series: {'; '.join(parts) or 'none'}.{f' Not read: {counted(rest)}.' if rest else ''}"


def place_labels(volumes: Volumes, found: Sequence[FoundSeries], labels: Sequence[LabelRecipe]) -> str:
    """Add the structures of each label to the volumes of the subjects; say which were chosen, and which were not."""
    chosen: dict[str, list[str]] = defaultdict(list)
    rest: list[str] = []
    for each in found:
        if each.modality not in STRUCTURES or each.subject not in volumes:
            continue
        used: set[str] = set()
        for label in labels:
            names = tuple(name for name, is_lesion in each.header.structures if is_meant(label, name, is_lesion))
            if names and not label.values:
                structures = Structures(each.modality, each.files, names, _drawn_on(each, found))
                volumes[each.subject][label.file].append(structures)
                chosen[label.name] += names
                used |= set(names)
        rest += [name for name, _ in each.header.structures if name not in used]
    if not chosen and not rest:
        return ""
    parts = [f"{name} = {counted(names)}" for name, names in chosen.items()]
    return f"Structures: {'; '.join(parts) or 'none'}.{f' Not read: {counted(rest)}.' if rest else ''}"


def is_meant(label: LabelRecipe, name: str, is_lesion: bool) -> bool:
    """Whether a label contains a structure."""
    return is_lesion if label.file == LESIONS else is_any_of(name, label.file.split("|"))


def structure_names(found: Sequence[FoundSeries]) -> Counter[tuple[str, bool]]:
    """Names of all structures, and whether they are lesions, with their number."""
    return Counter(pair for each in found for pair in each.header.structures)


def _drawn_on(structures: FoundSeries, found: Sequence[FoundSeries]) -> tuple[DicomFiles, ...]:
    """The image series of the subject that a file of structures refers to, else those of its frame of reference."""
    images = [each for each in found if each.modality in IMAGES and each.subject == structures.subject]
    images = [each for each in images if len(each.files.files) > 1]
    referred = [each for each in images if each.uids & structures.header.referenced]
    frame = structures.header.frame_of_reference
    return tuple(
        each.files for each in referred or [each for each in images if each.header.frame_of_reference == frame]
    )
