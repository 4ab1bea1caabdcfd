"""Choice of organ and tumour for a study, from its label maps, mask files or segments, and sentences that report it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.structure_names import Role
from survembed.datasets.volume.label_names import find_label_names, names_beside
from survembed.datasets.volume.label_roles import LabelRoles, choose_labels
from survembed.datasets.volume.mask_files import cohort_naming_warnings, describe_masks, mask_roles
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError

if TYPE_CHECKING:
    from survembed.datasets import Liver


@dataclass(frozen=True)
class MaskChoice:
    """What is read as organ and as tumour.

    Attributes
    ----------
    preprocessing
        With the labels of organ and tumour.
    sentences
        The choice, for people.
    warnings
        Doubts about it.
    """

    preprocessing: Preprocessing
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]


def choose_masks(
    root: Path,
    cases: Sequence[Case],
    options: Liver,
    preprocessing: Preprocessing,
    trained: Mapping[str, Sequence[int]] | None = None,
) -> MaskChoice:
    """Choose the labels of label maps, and describe masks and segments by name.

    Labels that nothing declares or names are those of the run, `trained`, if this is another cohort for it.

    Raises
    ------
    DataError
        If the names of labels contradict each other, or leave organ or tumour open.
    """
    sentences: list[str] = []
    doubts: tuple[str, ...] = ()
    if any(map(is_label_map, cases)):
        names = find_label_names(root, cases, options.preset)
        if names is None and trained and not options.organ_labels and options.tumour_labels is None:
            roles = _labels_of_run(trained)
        else:
            roles = choose_labels(names, options.organ_labels, options.tumour_labels)
        preprocessing = _with_labels(preprocessing, roles)
        sentences.append(roles.sentence)
        doubts = roles.doubts
    by_name = [_roles_or_none(case, preprocessing) for case in cases]
    described = describe_masks(by_name)
    return MaskChoice(
        preprocessing,
        (*sentences, *([described] if described else [])),
        (*doubts, *cohort_naming_warnings(by_name)),
    )


def is_label_map(case: Case) -> bool:
    """Whether the mask of a case holds organ and tumour as labels."""
    return case.tumours is None and not isinstance(case.mask, DicomFiles)


def mask_labels(cases: Sequence[Case], preprocessing: Preprocessing) -> Mapping[str, tuple[int, ...]]:
    """Labels of a prepared study for its header; empty if it has no label maps."""
    if not any(map(is_label_map, cases)):
        return {}
    labels = {"organ": preprocessing.organ_labels, "tumour": preprocessing.tumour_labels}
    return labels if preprocessing.ignored_labels is None else {**labels, "ignored": preprocessing.ignored_labels}


def for_new_case(case: Case, preprocessing: Preprocessing, trained: Mapping[str, Sequence[int]]) -> Preprocessing:
    """The preprocessing of a new subject: labels by a dataset.json beside its mask, else those of the cohort.

    Raises
    ------
    DataError
        As `choose_labels`.
    """
    if not is_label_map(case):
        return preprocessing
    assert isinstance(case.mask, Path)
    names = names_beside(case.mask)
    if names is not None:
        roles = choose_labels(names, preprocessing.organ_labels, preprocessing.tumour_labels or None)
    elif trained:
        roles = _labels_of_run(trained)
    else:
        return preprocessing
    return _with_labels(preprocessing, roles)


def _labels_of_run(trained: Mapping[str, Sequence[int]]) -> LabelRoles:
    organ, tumour = tuple(trained["organ"]), tuple(trained["tumour"])
    ignored = tuple(trained["ignored"]) if "ignored" in trained else None
    return LabelRoles(organ, tumour, ignored, f"labels as in the run: organ {list(organ)}, tumour {list(tumour)}")


def _with_labels(preprocessing: Preprocessing, roles: LabelRoles) -> Preprocessing:
    return replace(preprocessing, organ_labels=roles.organ, tumour_labels=roles.tumour, ignored_labels=roles.ignored)


def _roles_or_none(case: Case, preprocessing: Preprocessing) -> dict[str, Role]:
    """Roles of masks by name; none for a damaged file, which is refused when it is read."""
    try:
        return mask_roles(case, preprocessing.mask_names)
    except DataError:
        return {}
