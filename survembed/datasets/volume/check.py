"""A check of a study: every file read as preparation would, nothing written, nothing stopped by what is bad."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from survembed.cohort.study_check import CaseCheck, FollowUpCheck, Problem, StudyCheck
from survembed.datasets.scan.case import Case, DicomFiles, Layout
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.scan.orientation import orientation_of
from survembed.datasets.tabular.clinical_table import find_table, read_clinical, unit_in
from survembed.datasets.volume.cube import Cube, make_cube, open_ct
from survembed.datasets.volume.cube_cache import in_parallel
from survembed.datasets.volume.field_of_view import FIELDS_OF_VIEW, REFUSE_OUTSIDE, WARN_OUTSIDE, smallest_edge
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.organ_mask import OrganMask, read_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.sanity_checks import cohort_warnings, duplicates, organ_warnings, outcome_warnings
from survembed.datasets.volume.study import clinical_columns, one_sided, title_of
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage.files import sha256
from survembed.survival.kaplan_meier import follow_up

if TYPE_CHECKING:
    from survembed.datasets import Liver

THUMBNAIL = 96
"""Voxels of the cube behind a thumbnail, and pixels of the thumbnail's longer side."""


@dataclass(frozen=True)
class _Seen:
    """A case as read: its check so far, shares of the organ outside each field of view, and hashes of its content."""

    check: CaseCheck
    outside: tuple[float, ...] | None = None
    outside_asked: float | None = None
    contents: tuple[str, ...] = ()


def check_study(root: Path, options: Liver, recipe: Preprocessing, reporter: Reporter) -> StudyCheck:
    """Read all of a study and say what it holds and what is wrong with it.

    Raises
    ------
    DataError
        When `root` is no folder, or holds no images at all.
    """
    layout = find_cases(root)
    seen = []
    with threadpool_limits(1, user_api="blas"), reporter.task("Reading cases", len(layout.cases), "volumes") as task:
        for each in in_parallel(lambda case: _see(case, recipe), layout.cases):
            seen.append(each)
            task.advance()
    shares = np.array([each.outside for each in seen if each.outside])
    edge = float(smallest_edge(shares)) if len(shares) else None
    fov = None if options.stretch else recipe.fov_mm or (None if edge is None else (edge, edge, edge))
    checks = [_judged(each, fov, edge, recipe.fov_mm is not None) for each in seen]
    organ_ml = {check.id: check.organ_ml for check in checks if check.organ_ml is not None}
    doubts = [organ_warnings(organ_ml), duplicates({each.check.id: each.contents for each in seen})]
    cases = tuple(
        replace(check, warnings=(*check.warnings, *(doubt[check.id] for doubt in doubts if check.id in doubt)))
        for check in checks
    )
    followed, problems, warnings = _clinical(root, options, layout)
    return StudyCheck(
        title=title_of(root, options),
        synthetic=clinical_columns(root, options).truth is not None,
        layout=layout.name,
        fov_mm=fov,
        suggested_fov_mm=edge,
        cases=cases,
        follow_up=followed,
        problems=(*(_problem(error, layout.name == "DICOM") for error in layout.problems), *problems),
        warnings=(
            *cohort_warnings(list(organ_ml.values()), [case.tumour_ml for case in cases if case.tumour_ml is not None]),
            *warnings,
        ),
    )


def _problem(error: DataError, hide_path: bool) -> Problem:
    return Problem(error.message, error.remedy, None if hide_path else error.where)


def _see(case: Case, recipe: Preprocessing) -> _Seen:
    check, outside, asked = CaseCheck(case.id), None, None
    try:
        check = _grid(case, recipe)
        mask = read_mask(case, recipe)
        check = replace(
            check,
            organ_ml=float(mask.organ_ml),
            tumour_ml=float(mask.tumour_ml),
            extent_mm=tuple(mask.extent_mm.tolist()),
            warnings=mask.warnings + _siblings(case),
        )
        outside = tuple(mask.outside(np.full(3, float(edge))) for edge in FIELDS_OF_VIEW)
        asked = mask.outside(np.array(recipe.fov_mm)) if recipe.fov_mm else None
        cube = make_cube(case, replace(recipe, size=(THUMBNAIL,) * 3, fov_mm=None))
        check = replace(check, warnings=cube.warnings + _siblings(case), thumbnail=_thumbnail(cube, mask))
        return _Seen(check, outside, asked, _contents(case, cube))
    except DataError as error:
        return _Seen(replace(check, problem=_problem(error, isinstance(case.ct, DicomFiles))), outside, asked)


def _grid(case: Case, recipe: Preprocessing) -> CaseCheck:
    """How the CT, or without one the mask, is stored."""
    volume = open_ct(case, recipe.voxel_limit)
    if volume is None:
        assert isinstance(case.mask, Path)
        volume = open_nifti(case.mask, recipe.voxel_limit)
    lengths = np.linalg.norm(volume.stored_affine[:3, :3], axis=0).round(4)
    return CaseCheck(
        case.id,
        shape=volume.stored_shape,
        spacing_mm=tuple(lengths.tolist()),
        orientation=orientation_of(volume),
    )


def _siblings(case: Case) -> tuple[str, ...]:
    """A plain and a compressed file of one name: programs differ in which they read."""
    paths = [] if isinstance(case.ct, DicomFiles) else case.files
    others = [path.with_suffix("") if path.suffix == ".gz" else path.with_name(f"{path.name}.gz") for path in paths]
    return tuple(
        f"{other.name} stands beside {path.name}, which is the one that is read: delete one of them"
        for path, other in zip(paths, others, strict=True)
        if other.is_file()
    )


def _contents(case: Case, cube: Cube) -> tuple[str, ...]:
    """Hashes that two subjects share only if their images are the same, compressed and turned as they may be."""
    seen = hashlib.sha256(cube.image.tobytes() + np.float64(cube.organ_ml).tobytes()).hexdigest()
    scan = case.ct.files if isinstance(case.ct, DicomFiles) else [case.ct] if case.ct else []
    return (seen, " ".join(sorted(map(sha256, scan)))) if scan else (seen,)


def _judged(each: _Seen, fov: tuple[float, ...] | None, edge: float | None, asked: bool) -> CaseCheck:
    """The check with what the field of view cuts off."""
    check = each.check
    if fov is None or each.outside is None or edge is None:
        return check
    outside = each.outside_asked if asked else each.outside[list(FIELDS_OF_VIEW).index(int(edge))]
    assert outside is not None
    message = f"{outside:.1%} of the organ lies outside {' × '.join(f'{side:g}' for side in fov)} mm"
    if outside > REFUSE_OUTSIDE and check.problem is None:
        needed = 20 * np.ceil(max(check.extent_mm or (0.0,)) / 20)
        remedy = f"--set data.fov_mm={edge if asked and edge > min(fov) else needed:.0f}"
        return replace(check, outside=outside, problem=Problem(message, remedy))
    warnings = (*check.warnings, message) if outside > WARN_OUTSIDE else check.warnings
    return replace(check, outside=outside, warnings=warnings)


def _clinical(root: Path, options: Liver, layout: Layout) -> tuple[FollowUpCheck | None, list[Problem], list[str]]:
    """The outcomes of subjects with images, what is wrong with the table, and what is doubtful in it."""
    columns, problems = clinical_columns(root, options), []
    try:
        path = options.clinical or find_table(root)
        try:
            clinical = read_clinical(path, columns, options.preset)
        except DataError as error:
            problems.append(_problem(error, False))
            clinical = read_clinical(path, columns, options.preset, skip_bad=True)  # of the other rows there is more
    except DataError as error:
        return None, problems or [_problem(error, False)], []
    position = {subject: row for row, subject in enumerate(clinical.id.tolist())}
    problems += [_problem(error, False) for error in one_sided(layout.cases, position, path, root)]
    rows = np.array([position[case.id] for case in layout.cases if case.id in position], dtype=np.int64)
    if not len(rows):
        return None, problems, list(clinical.notes)
    duration, event = clinical.duration[rows], clinical.event[rows]
    followed = follow_up(duration, event)
    if followed.n_events == 0:
        problems.append(
            Problem("no event at all: every subject is censored", "is the event column inverted?", str(path))
        )
    found = clinical.columns
    unit_given = bool(columns.unit or options.preset or unit_in(str(found.duration)))
    warnings = [*clinical.notes, *outcome_warnings(duration, event, unit_given)]
    median = None if np.isnan(followed.median) else followed.median
    check = FollowUpCheck(followed.n, followed.n_events, median, str(found.duration), str(found.event), str(found.unit))
    return check, problems, warnings


def _thumbnail(cube: Cube, mask: OrganMask) -> bytes:
    """Axial and coronal slice with the most tumour, else organ, as seen from the feet and from the front."""
    from matplotlib.image import imsave

    grey, tumour = cube.image
    weight = tumour if tumour.any() else grey
    y, z = (int(weight.sum(axis=axes, dtype=np.int64).argmax()) for axes in ((0, 2), (0, 1)))
    scale = THUMBNAIL / float(mask.extent_mm.max())
    panels = []
    for plane, sides in ((np.s_[:, :, z], (0, 1)), (np.s_[:, y, :], (0, 2))):
        rgb = _coloured(grey[plane], tumour[plane])[::-1, ::-1].transpose(1, 0, 2)
        width, height = (max(1, round(float(mask.extent_mm[side]) * scale)) for side in sides)
        rows, columns = (np.arange(count) * THUMBNAIL // count for count in (height, width))
        panel = np.zeros((THUMBNAIL, width, 3), np.uint8)
        panel[:height] = rgb[rows][:, columns]
        panels.append(panel)
    buffer = BytesIO()
    imsave(buffer, np.concatenate(panels, axis=1), format="png")
    return buffer.getvalue()


def _coloured(grey: NDArray[np.uint8], tumour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey values with the tumour in red, (..., 3)."""
    share = 0.6 * (tumour / 255)[..., None]
    return np.rint(grey[..., None] * (1 - share) + np.array([255, 40, 40]) * share).astype(np.uint8)
