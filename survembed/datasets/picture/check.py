"""Check of a study of pictures: decode every file, write nothing."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from survembed.cohort.study_check import CaseCheck, Problem, StudyCheck
from survembed.datasets.joining import shortened
from survembed.datasets.picture.files import PictureFiles
from survembed.datasets.picture.pixels import read_pixels
from survembed.datasets.picture.recipe import Recipe, size_text
from survembed.datasets.picture.study import PictureStudy
from survembed.datasets.tabular.outcome_check import summarise, to_problem
from survembed.datasets.tabular.time_unit import unit_in
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage.cores import map_in_threads

if TYPE_CHECKING:
    from survembed.datasets import Images

CHUNK = 64
"""Pictures that a thread reads at a time."""
LISTED = 5
"""Largest number of sizes in a sentence."""


@dataclass(frozen=True)
class _Seen:
    """A picture: its subject and file, size and kind, a short hash of its content, and why it is refused."""

    subject: str
    path: PurePosixPath
    size: str = ""
    kind: str = ""
    content: bytes = b""
    error: DataError | None = None


def check_pictures(study: PictureStudy, recipe: Recipe, options: Images, reporter: Reporter) -> StudyCheck:
    """Decode all pictures of a study; cases of the result are only those with a problem or a warning."""
    pictures = [(subject, path) for subject, paths in study.files.items() for path in paths]

    def read(chunk: Sequence[tuple[str, PurePosixPath]]) -> list[_Seen]:
        return [_look(subject, path, study.root, recipe, options.pixel_limit) for subject, path in chunk]

    sizes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    first: dict[bytes, str] = {}
    cases: dict[str, CaseCheck] = {}
    with warnings.catch_warnings(), reporter.task("Reading pictures", len(pictures), "pictures") as task:
        warnings.simplefilter("ignore")  # Pillow's own of large pictures
        chunks = [pictures[start : start + CHUNK] for start in range(0, len(pictures), CHUNK)]
        for seen in (each for chunk in map_in_threads(read, chunks) for each in chunk):
            task.advance()
            if seen.size:
                sizes[seen.size] += 1
                kinds[seen.kind] += 1
            if seen.error is not None:
                cases[seen.subject] = CaseCheck(seen.subject, problem=to_problem(seen.error))
            other = first.setdefault(seen.content, seen.subject) if seen.content else seen.subject
            if other != seen.subject and seen.subject not in cases:
                cases[seen.subject] = CaseCheck(seen.subject, warnings=(f"the same picture as {other}",))
    clinical, used = study.clinical, study.clinical.columns
    is_unit_given = bool(options.duration_unit or unit_in(str(used.duration)))
    follow_up, problems, doubts = summarise(
        clinical.duration[study.rows], clinical.event[study.rows], used, clinical.choice, is_unit_given, str(study.root)
    )
    return StudyCheck(
        title=study.title,
        synthetic=study.synthetic,
        layout="images",
        masks=(),
        fov_mm=None,
        suggested_fov_mm=None,
        cases=tuple(cases.values()),
        follow_up=follow_up,
        problems=(*map(to_problem, study.problems), *problems),
        warnings=(*clinical.notes, *doubts),
        contents=(
            f"{len(pictures)} pictures of {len(study.files)} subjects: {_listed(sizes)} pixels; {_listed(kinds)}.",
            *_not_in_table(study, pictures),
        ),
    )


def _look(subject: str, path: PurePosixPath, root: Path, recipe: Recipe, pixel_limit: int) -> _Seen:
    try:
        pixels, content = read_pixels(root / path, pixel_limit)
    except DataError as error:
        return _Seen(subject, path, error=error)
    kind = f"{'grey' if pixels.ndim == 2 else 'RGB'}, {pixels.dtype.itemsize * 8} bit"
    seen = _Seen(subject, path, size_text(pixels.shape), kind, hashlib.sha256(content).digest()[:16])
    try:
        recipe.image(pixels, root / path)
    except DataError as error:
        return _Seen(subject, path, seen.size, kind, seen.content, error)
    return seen


def _listed(counts: Counter[str]) -> str:
    common = [f"{name} ({count})" for name, count in counts.most_common(LISTED)]
    return ", ".join(common) + (f" and {len(counts) - LISTED} more" if len(counts) > LISTED else "") or "none"


def _not_in_table(study: PictureStudy, pictures: Sequence[tuple[str, PurePosixPath]]) -> list[str]:
    """A sentence on the pictures of the folder that no row names."""
    used = {path for _, path in pictures}
    others = [str(path) for path in PictureFiles(study.root).paths if path not in used]
    return [f"{len(others)} picture(s) of the folder are not in the table: {shortened(others)}."] if others else []


def unreadable_study(options: Images, error: DataError) -> StudyCheck:
    """The check of a study whose table or folder cannot be used."""
    title = options.root.resolve().name if options.root else ""
    problem = Problem(error.message, error.remedy, error.where)
    return StudyCheck(title, False, "images", (), None, None, (), None, (problem,), ())
