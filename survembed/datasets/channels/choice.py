"""Decide which files are the image and label channels of a study, and say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.datasets.channels.find import LABELS, Volumes
from survembed.datasets.channels.recipe import LESIONS, LabelRecipe, VolumeRecipe, image_recipes, label_recipes
from survembed.datasets.channels.series import (
    is_meant,
    modalities,
    normalisations,
    place_images,
    place_labels,
    structure_names,
)
from survembed.datasets.dicom.series_tree import FoundSeries
from survembed.datasets.scan.structure_names import counted
from survembed.datasets.volume.label_names import find_label_names
from survembed.errors import DataError, UsageError
from survembed.storage.files import read_json

if TYPE_CHECKING:
    from survembed.datasets import Volumes as Options


def choose_channels(
    root: Path, found: Volumes, series: Sequence[FoundSeries], options: Options, recipe: VolumeRecipe
) -> tuple[VolumeRecipe, tuple[str, ...]]:
    """The recipe with the channels of the study, and sentences that say them; DICOM series are added to `found`.

    Raises
    ------
    DataError
        If there are no volumes, or it is not clear which are images, or what the labels are.
    """
    if not found and not modalities(series):
        raise DataError(
            f"no volumes in '{root.name}'",
            where=str(root),
            expected="CASE_0000.nii.gz, CASE__CT.nii.gz, sub-ID/anat/sub-ID_T1w.nii.gz, a folder for each subject, or "
            "DICOM series",
        )
    counts = Counter(name for files in found.values() for name in files)
    labels = _labels(root, options, counts, series)
    others = [name for name in counts if name not in {LABELS, *(label.file for label in labels)}]
    channels = [split_name(text) for text in options.channels] or [
        (name, name) for name in _images(root, others, modalities(series))
    ]
    files = [file for _, file in channels]
    known = normalisations(series, files)
    titles = [name if name != file else _title(root, name) for name, file in channels]
    images = image_recipes(files, titles, options, known)
    said = [place_images(found, series, images), place_labels(found, series, labels)]
    counts = Counter(name for files_of in found.values() for name, parts in files_of.items() if parts)
    missing = [name for name in [*files, *(label.file for label in labels if not label.values)] if not counts[name]]
    if missing:
        descriptions = {f"{each.modality} '{each.header.description}'" for each in series}
        raise DataError(
            f"no subject has a channel '{missing[0]}'",
            where=str(root),
            expected=f"one of {', '.join([*sorted(filter(None, counts)), *sorted(descriptions)])}",
            try_="--set data.channels=NAMES, --set data.labels=NAMES",
        )
    centre = options.centre or ("labels" if labels else "image")
    if centre == "labels" and not labels:
        raise DataError("no labels to centre the cube on", where="data.centre", try_="--set data.centre=image")
    described = ", ".join(f"{each.name} ({each.normalise}, {counts[each.file]})" for each in images)
    listed = ", ".join(f"{each.name} ({_meaning(each)})" for each in labels)
    passed = sorted(set(others) - set(files))
    rest = f" Not read: {', '.join(passed)}." if passed else ""
    said.append(_suv_sentence([each.name for each in images if each.normalise == "suv" and each.file not in known]))
    sentences = (f"Images: {described}. Labels: {listed or 'none'}.{rest}", *filter(None, said))
    return replace(recipe, images=images, labels=labels, centre=centre), sentences


def split_name(text: str) -> tuple[str, str]:
    """Name and file of a channel: `PT=*AC*`, or `PT` for both."""
    name, _, file = text.partition("=")
    return name, file or name


def _meaning(label: LabelRecipe) -> str:
    return "+".join(map(str, label.values)) or ("a file" if label.file == label.name else label.file)


def _suv_sentence(names: Sequence[str]) -> str:
    return (
        f"Values of {', '.join(names)} are taken as SUV: a file without a DICOM header does not tell." if names else ""
    )


def _labels(
    root: Path, options: Options, counts: Counter[str], series: Sequence[FoundSeries]
) -> tuple[LabelRecipe, ...]:
    names_of_map = find_label_names(root, (), None)
    has_map = counts[LABELS] > 0
    labels = label_recipes(options.labels, names_of_map.values if names_of_map and has_map else {})
    if labels or options.labels:
        _require_present(labels, counts, series)
        return labels
    if has_map:
        raise DataError(
            f"{counts[LABELS]} label map(s), and nothing says what their labels are",
            where=str(root),
            expected="the labels to read, by name",
            try_="--set data.labels=tumour=1,nodes=2, or --set data.labels=none",
        )
    structures = structure_names(series)
    if structures and not any(is_lesion for _, is_lesion in structures):
        raise DataError(
            f"no structure has the name of a lesion: {counted(name for name, _ in structures.elements())}",
            where=str(root),
            expected="names such as GTV or tumour, or the structures to read",
            try_="--set data.labels=tumour=NAME, with * for any characters, or --set data.labels=none",
        )
    return (LabelRecipe("tumour", (), LESIONS),) if structures else ()


def _require_present(labels: Sequence[LabelRecipe], counts: Counter[str], series: Sequence[FoundSeries]) -> None:
    """Refuse `NAME=FILE` where no file and no structure has that name."""
    names = structure_names(series)
    for label in labels:
        is_renamed = label.file not in ("", label.name) and not counts[label.file]
        if is_renamed and not any(is_meant(label, *pair) for pair in names):
            candidates = sorted({*filter(None, counts), *(name for name, _ in names)})
            raise UsageError(
                f"'{label.name}={label.file}' is no label",
                where="data.labels",
                expected=f"NAME=NUMBER of the label map, or NAME=FILE of {', '.join(candidates)}",
                try_="--set data.labels=primary=1,nodes=2",
            )


def _images(root: Path, others: Sequence[str], of_dicom: Sequence[str]) -> list[str]:
    """Names of the image channels, by number, else all in capitals, else the only one; and the modalities of DICOM."""
    named = [name for name in others if name.isdecimal()] or list(others)
    unclear = len(named) > 1 and not all(name.isdecimal() or name.isupper() for name in named)
    if (not named and not of_dicom) or unclear or set(named) & set(of_dicom):
        names = ", ".join(sorted({*others, *of_dicom}))
        raise DataError(
            f"it is not clear which files are images: {names or 'none'}",
            where=str(root),
            expected="the names of the image channels, in order",
            try_=f"--set data.channels={names.replace(', ', ',') or 'NAMES'}",
        )
    return [*sorted(named), *of_dicom]


def _title(root: Path, name: str) -> str:
    """The name of a numbered channel in `dataset.json` of nnU-Net, else the name itself."""
    path = root / "dataset.json"
    content = read_json(path) if name.isdecimal() and path.is_file() else None
    names = content.get("channel_names", content.get("modality")) if isinstance(content, dict) else None
    return str(names[str(int(name))]) if isinstance(names, dict) and str(int(name)) in names else name
