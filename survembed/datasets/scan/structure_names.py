"""What the name of a mask, a label or a DICOM segment says: organ, lesion, another structure, or nothing known."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from survembed.datasets.scan.words import (
    BENIGN,
    EXCLUDED,
    JOINED,
    LESION,
    NEGATED,
    NEUTRAL,
    ORGANS,
    REGIONS,
    STRUCTURE,
    UNINFORMATIVE,
    matches,
)

LISTED = 12
"""Largest number of names in a sentence."""


class Role(StrEnum):
    """Use of a mask: the organ; a lesion; a benign part of the organ; another structure; or no known word."""

    ORGAN = "organ"
    LESION = "lesion"
    PART = "part of the organ"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class MaskNames:
    """Names of the masks of organ and lesions, declared by patterns or recognised by their words.

    Attributes
    ----------
    organ, lesion
        Patterns for whole names, case-insensitive; `*` matches any characters. Empty: by `role_of`.
    """

    organ: tuple[str, ...] = ()
    lesion: tuple[str, ...] = ()

    def role(self, name: str, organ: str = "liver") -> Role:
        """Role of a name; a declared pattern comes before any word, and replaces the words for its role."""
        for patterns, role in ((self.lesion, Role.LESION), (self.organ, Role.ORGAN)):
            if is_any_of(name, patterns):
                return role
        role = role_of(name, organ)
        is_replaced = (role is Role.ORGAN and self.organ) or (role is Role.LESION and self.lesion)
        return Role.OTHER if is_replaced else role


def is_any_of(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches one of the patterns, in any case."""
    return any(fnmatchcase(composed(name).strip().lower(), composed(pattern).lower()) for pattern in patterns)


def composed(text: str) -> str:
    """Text in the normal form NFC; file systems may store an accented letter as two characters."""
    return unicodedata.normalize("NFC", text)


def words_of(name: str) -> list[str]:
    """Words and numbers of a name in lower case, without accents: `LiverTumor_2` gives `liver`, `tumor`, `2`."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).casefold()
    return re.findall(r"[^\W\d_]+|\d+", apart.replace("gall bladder", "gallbladder"))


def is_uninformative(name: str) -> bool:
    """Whether a name says nothing, such as `Segment_1`."""
    return matches("".join(words_of(name)), UNINFORMATIVE)


def role_of(name: str, organ: str = "liver") -> Role:
    """Role of a name by its words, where `organ` is the organ of the study, a key of `ORGANS`."""
    words = words_of(name)
    if is_uninformative(name):
        return Role.UNKNOWN

    def has(pattern: str) -> bool:
        return any(matches(word, pattern) for word in words)

    is_here = has(REGIONS[organ]) if organ in REGIONS else False
    is_elsewhere = not is_here and any(has(pattern) for region, pattern in REGIONS.items() if region != organ)
    is_lesion, is_benign = has(LESION), has(BENIGN)
    if is_lesion or is_benign:
        if has(EXCLUDED) or is_elsewhere:
            return Role.OTHER
        if has(JOINED):
            return Role.UNKNOWN
        return Role.PART if is_benign else Role.LESION
    if organ_of(name) == organ:
        return Role.ORGAN
    return Role.OTHER if has(EXCLUDED) or has(STRUCTURE) or is_elsewhere or organ_of(name) else Role.UNKNOWN


def places_in(name: str, organ: str) -> bool:
    """Whether a name has a word that places the structure in an organ, such as `liver tumor` or `HCC` in the liver."""
    return any(matches(word, REGIONS.get(organ, "")) for word in words_of(name))


def may_be_lesion(name: str) -> bool:
    """Whether a name has a word for a lesion and none that denies it; the lesion may be elsewhere, or only near."""
    words = words_of(name)
    return any(matches(word, LESION) for word in words) and not any(matches(word, NEGATED) for word in words)


def is_lesion(name: str) -> bool:
    """Whether a name means a lesion of any organ: not its absence, its surroundings (`GTV+5mm`), or several things."""
    return "+" not in name and any(role_of(name, organ) is Role.LESION for organ in REGIONS)


def organ_of(name: str) -> str | None:
    """The organ that a name means as a whole, a key of `ORGANS`; None for `liver_segment_3` or `tumor`."""
    words = words_of(name)
    for organ, nouns in ORGANS.items():
        is_named = any(matches(word, nouns) for word in words)
        if is_named and all(matches(word, f"{nouns}|{NEUTRAL}") for word in words):
            return organ
    return None


def counted(names: Iterable[str]) -> str:
    """Names with the number of subjects that have them, most frequent first: `'Liver' (5), 'Tumor' (3)`."""
    counts = Counter(names).most_common()
    listed = [f"'{name}' ({count})" for name, count in counts[:LISTED]]
    return ", ".join(listed) + (f" and {len(counts) - LISTED} more" if len(counts) > LISTED else "")
