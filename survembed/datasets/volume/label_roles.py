"""Choice of the labels of organ and tumour in label maps: declared, or named, or by convention; always reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from survembed.datasets.scan.structure_names import Role, organ_of, places_in, role_of, words_of
from survembed.datasets.scan.words import MASS, matches
from survembed.datasets.volume.label_names import LabelNames
from survembed.errors import DataError

ORGAN_LABEL, TUMOUR_LABEL = 1, 2
"""The convention of label maps without names."""
NO_TUMOUR = "--set data.tumour_labels=none for no tumour"


@dataclass(frozen=True)
class LabelRoles:
    """Labels of a label map by their use.

    Attributes
    ----------
    organ
        Labels of the organ, benign structures in it included.
    tumour
        Labels of the tumour; empty if there is none.
    ignored
        Other labels that a mask may contain; None for any.
    sentence
        The choice and its reason.
    doubts
        Warnings about it.
    """

    organ: tuple[int, ...]
    tumour: tuple[int, ...]
    ignored: tuple[int, ...] | None
    sentence: str
    doubts: tuple[str, ...] = ()


def choose_labels(
    names: LabelNames | None, organ: tuple[int, ...] = (), tumour: tuple[int, ...] | None = None
) -> LabelRoles:
    """Choose the labels of organ and tumour.

    Declared labels are taken exactly. Without names, label 1 is the organ and label 2 the tumour, unless another organ
    is declared; a mask with any further label is refused when it is read.

    Parameters
    ----------
    names
        Names of the labels; None if nothing names them.
    organ, tumour
        Declared labels; an empty organ and a tumour of None are not declared, an empty tumour is declared as absent.

    Raises
    ------
    DataError
        If the names contradict each other, or leave the organ or the tumour open.
    """
    if names is None:
        return _by_convention(organ, tumour)
    roles = _roles(names, organ)
    of_role = {role: _labels(names, [name for name, each in roles.items() if each is role]) for role in Role}
    chosen = organ or tuple(sorted(of_role[Role.ORGAN] | of_role[Role.PART]))
    lesions = tuple(sorted(of_role[Role.LESION])) if tumour is None else tumour
    if not organ or tumour is None:
        _require_consistent(names, roles)
    if tumour is None and not lesions and (unknown := [n for n, role in roles.items() if role is Role.UNKNOWN]):
        raise DataError(
            f"no label in {names.source} has the name of a tumour, and {_listed(names, unknown)} is not understood",
            where=str(names.path),
            expected="a name such as 'tumor', 'lesion' or 'metastasis'",
            try_=f"--set data.tumour_labels={_labels_text(_labels(names, unknown))}, or {NO_TUMOUR}",
        )
    others = {label for values in names.values.values() for label in values} - {*chosen, *lesions}
    is_exact = bool(organ) and tumour is not None
    ignored = None if is_exact else tuple(sorted(others))
    named = [name for name, role in roles.items() if role is Role.LESION] if tumour is None else []
    doubts = _unplaced(names, named, _organ(names, organ))
    return LabelRoles(chosen, lesions, ignored, _sentence(names, chosen, lesions, others), doubts)


def _by_convention(organ: tuple[int, ...], tumour: tuple[int, ...] | None) -> LabelRoles:
    is_usual = not organ or organ == (ORGAN_LABEL,) or TUMOUR_LABEL in organ
    chosen = organ or (ORGAN_LABEL,)
    lesions = tumour if tumour is not None else (TUMOUR_LABEL,) if is_usual else ()
    reasons = []
    if not organ or (tumour is None and is_usual):
        reasons.append("by convention: no dataset.json names the labels")
    sentence = f"organ = label {_labels_text(chosen)}; {_tumour_text(_labels_text(lesions))}"
    is_exact = bool(organ) and tumour is not None
    return LabelRoles(chosen, lesions, None if is_exact else (), "; ".join([sentence, *reasons]))


def _roles(names: LabelNames, declared: tuple[int, ...]) -> dict[str, Role]:
    """Role of each name; the organ is that of the declared labels, else the liver, else the only one."""
    organs = _organs(names, declared)
    if not declared and "liver" not in organs and len(organs) != 1:
        named = [name for name in names.values if organ_of(name)] or list(names.values)
        raise DataError(
            f"the organ is not clear: {names.source} names {_listed(names, named)}",
            where=str(names.path),
            expected="a label 'liver', or one organ",
            try_=f"--set data.organ_labels={_labels_text(names.values[named[0]])}, or another label that is the organ",
        )
    organ = _organ(names, declared)
    roles = {name: role_of(name, organ) for name in names.values}
    lesions = {name for name, role in roles.items() if role is Role.LESION}
    for name in lesions:
        parts = {label for other in lesions for label in names.values[other] if _contains(names, name, other)}
        if parts and parts != set(names.values[name]) and any(matches(word, MASS) for word in words_of(name)):
            roles[name] = Role.PART  # the masses of KiTS are tumours and cysts
    return roles


def _organs(names: LabelNames, declared: tuple[int, ...]) -> list[str]:
    """Organs that the names of the declared labels mean, or of all if none is declared."""
    here = [name for name, values in names.values.items() if not declared or set(values) <= set(declared)]
    return list(dict.fromkeys(organ for name in here if (organ := organ_of(name))))


def _organ(names: LabelNames, declared: tuple[int, ...]) -> str:
    organs = _organs(names, declared)
    return "liver" if "liver" in organs or not organs else organs[0]


def _unplaced(names: LabelNames, lesions: list[str], organ: str) -> tuple[str, ...]:
    """A warning of a `tumor` beside labels of several organs: it may be in any of them."""
    others = [name for name in names.values if organ_of(name) not in (None, "organ", organ)]
    anywhere = [name for name in lesions if not places_in(name, organ)]
    if not others or not anywhere:
        return ()
    return (
        f"{names.source} names several organs ({organ}, {_listed(names, others)}): {_listed(names, anywhere)} is taken "
        f"as a lesion of the {organ}; if it may be in another, {NO_TUMOUR}",
    )


def _contains(names: LabelNames, region: str, other: str) -> bool:
    return set(names.values[other]) < set(names.values[region])


def _require_consistent(names: LabelNames, roles: Mapping[str, Role]) -> None:
    """Refuse a label that is named both as organ or lesion and as something else, unless a region contains it."""
    used = (Role.ORGAN, Role.LESION)
    for name, role in roles.items():
        for other, other_role in roles.items():
            shared = set(names.values[name]) & set(names.values[other])
            is_organ = other_role is Role.OTHER and organ_of(other) not in (None, "organ")
            is_region = len({*names.values[name], *names.values[other]}) > 1 and (
                (role is Role.ORGAN and not is_organ)
                or (role is Role.LESION and other_role is Role.UNKNOWN)  # such as the necrosis of a tumour
            )
            is_exact = len(names.values[other]) == 1 or is_organ
            if shared and role in used and other_role is not role and not is_region and is_exact:
                raise DataError(
                    f"{names.source} contradicts itself: label {_labels_text(shared)} is '{name}' and '{other}'",
                    where=str(names.path),
                    expected="one meaning for each label",
                    try_="correct the file, or --set data.organ_labels=… and --set data.tumour_labels=…",
                )


def _labels(names: LabelNames, chosen: Iterable[str]) -> set[int]:
    return {label for name in chosen for label in names.values[name]}


def _sentence(names: LabelNames, organ: tuple[int, ...], tumour: tuple[int, ...], others: set[int]) -> str:
    def text(labels: Iterable[int]) -> str:
        return ", ".join(f"{label} '{names.of(label) or 'without a name'}'" for label in sorted(labels))

    only = [label for label in organ if label not in tumour] or organ
    parts = [f"organ = label {text(only)}", _tumour_text(text(tumour))]
    return "; ".join([*parts, *([f"ignored: {text(others)}"] if others else []), f"by {names.source}"])


def _tumour_text(labels: str) -> str:
    return f"lesion = label {labels}" if labels else "no label of a lesion"


def _labels_text(labels: Iterable[int]) -> str:
    return ",".join(map(str, sorted(labels)))


def _listed(names: LabelNames, chosen: Iterable[str]) -> str:
    return ", ".join(f"{_labels_text(names.values[name])} '{name}'" for name in chosen)
