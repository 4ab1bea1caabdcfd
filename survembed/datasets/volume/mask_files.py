"""Names of the masks of a study: which are organ and lesions, which are passed over, and doubts about that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.structure_names import MaskNames, Role, counted, may_be_lesion

NAME_REMEDY = "--set data.tumour_segments=NAME, or a pattern such as 'tumor*,lesion*'"


def mask_roles(case: Case, names: MaskNames) -> dict[str, Role]:
    """Role of each mask or segment of a case by name; empty for a label map."""
    if isinstance(case.mask, DicomFiles):
        from survembed.datasets.dicom.segment_names import segment_roles

        return segment_roles(case.mask, names)
    return dict(case.masks)


def naming_warnings(case: Case, names: MaskNames) -> tuple[str, ...]:
    """A warning for a case without a lesion by name, but with masks whose names have no known meaning."""
    roles = mask_roles(case, names)
    unknown = [name for name, role in roles.items() if role is Role.UNKNOWN]
    if not unknown or Role.LESION in roles.values():
        return ()
    listed = ", ".join(f"'{name}'" for name in unknown)
    return (f"no mask has the name of a lesion; passed over: {listed}; if one is a lesion, {NAME_REMEDY}",)


def describe_masks(roles: Sequence[dict[str, Role]]) -> str | None:
    """Sentence on the names of masks by role, with the number of subjects; None if there are only label maps."""
    if not any(roles):
        return None
    of = {role: counted(_named(roles, [role])) for role in (Role.ORGAN, Role.LESION)}
    passed_over = counted(_named(roles, [Role.PART, Role.OTHER, Role.UNKNOWN]))
    lesion = f"lesion = {of[Role.LESION]}" if of[Role.LESION] else "no mask of a lesion"
    parts = [f"organ = {of[Role.ORGAN] or 'none'}", lesion, *([f"passed over: {passed_over}"] if passed_over else [])]
    return "; ".join(parts)


def cohort_naming_warnings(roles: Sequence[dict[str, Role]]) -> list[str]:
    """A warning if some subjects have a lesion by name, and others only masks that may be one."""
    with_masks = [each for each in roles if each]
    without = [each for each in with_masks if Role.LESION not in each.values()]
    doubtful = [*_named(without, [Role.UNKNOWN, Role.PART]), *filter(may_be_lesion, _named(without, [Role.OTHER]))]
    passed_over = counted(doubtful)
    if len(without) == len(with_masks) or not passed_over:
        return []
    return [
        f"{len(without)} of {len(with_masks)} subjects have no mask with the name of a lesion, but masks that were "
        f"passed over: {passed_over}; if one is a lesion, {NAME_REMEDY}"
    ]


def _named(roles: Iterable[dict[str, Role]], chosen: Sequence[Role]) -> list[str]:
    return [name for each in roles for name, role in each.items() if role in chosen]
