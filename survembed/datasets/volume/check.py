"""Check of a study: read every file like `prepare`, report all problems and warnings, write nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from survembed.cohort.study_check import CaseCheck, Problem, StudyCheck
from survembed.datasets.joining import check_outcomes
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.files import open_volume
from survembed.datasets.scan.orientation import orientation_of
from survembed.datasets.tabular.outcome_check import to_problem
from survembed.datasets.volume.cube import Cube, make_cube, open_ct
from survembed.datasets.volume.field_of_view import (
    FIELDS_OF_VIEW,
    REFUSE_OUTSIDE,
    WARN_OUTSIDE,
    edge_for_extent,
    shares_outside,
    smallest_edge_mm,
)
from survembed.datasets.volume.hounsfield import NotHounsfieldError
from survembed.datasets.volume.hounsfield_cohort import Density, unlike_cohort, unusual_in_cohort
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.mask_choice import choose_masks
from survembed.datasets.volume.organ_mask import read_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.sanity_checks import cohort_warnings, duplicates, organ_warnings
from survembed.datasets.volume.study import clinical_columns, study_title
from survembed.datasets.volume.thumbnail import THUMBNAIL, thumbnail_png
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage.cores import map_in_threads
from survembed.storage.files import sha256

if TYPE_CHECKING:
    from survembed.datasets import Liver


@dataclass(frozen=True)
class _CaseContent:
    """Check of a case, shares of the organ outside `FIELDS_OF_VIEW` and the given one, image hashes, CT, HU."""

    check: CaseCheck
    outside: tuple[float, ...] | None = None
    outside_given: float | None = None
    hashes: tuple[str, ...] = ()
    where: str | None = None
    density: Density | None = None


def check_study(root: Path, options: Liver, preprocessing: Preprocessing, reporter: Reporter) -> StudyCheck:
    """Read all files of a study and report problems and warnings.

    Raises
    ------
    DataError
        If `root` is not a folder or contains no images.
    """
    layout = find_cases(root, preprocessing.mask_names)
    choice = choose_masks(root, layout.cases, options, preprocessing)
    preprocessing = choice.preprocessing
    contents: list[_CaseContent] = []
    with threadpool_limits(1, user_api="blas"), reporter.task("Reading cases", len(layout.cases), "volumes") as task:
        for content in map_in_threads(lambda case: _read_case(case, preprocessing), layout.cases):
            contents.append(content)
            task.advance()
    shares = np.array([content.outside for content in contents if content.outside])
    edge = float(smallest_edge_mm(shares)) if len(shares) else None
    fov_mm = None if options.stretch else preprocessing.fov_mm or (None if edge is None else (edge, edge, edge))
    checks = [_with_outside(content, fov_mm, edge, preprocessing.fov_mm is not None) for content in contents]
    densities = {content.check.id: content.density for content in contents if content.density is not None}
    unlike = unlike_cohort(densities)
    checks = [_with_problem(check, unlike.get(check.id), contents[i].where) for i, check in enumerate(checks)]
    organ_ml = {check.id: check.organ_ml for check in checks if check.organ_ml is not None}
    doubts = {name: text for name, text in unusual_in_cohort(densities).items() if name not in unlike}
    more = [organ_warnings(organ_ml), duplicates({content.check.id: content.hashes for content in contents}), doubts]
    cases = tuple(
        replace(check, warnings=(*check.warnings, *(each[check.id] for each in more if check.id in each)))
        for check in checks
    )
    follow_up_check, problems, warnings = check_outcomes(
        root, options.clinical, clinical_columns(root, options), [case.id for case in layout.cases], options.preset
    )
    return StudyCheck(
        title=study_title(root, options),
        synthetic=clinical_columns(root, options).truth is not None,
        layout=layout.name,
        masks=choice.sentences,
        fov_mm=fov_mm,
        suggested_fov_mm=edge,
        cases=cases,
        follow_up=follow_up_check,
        problems=(*(to_problem(error, layout.name == "DICOM") for error in layout.problems), *problems),
        warnings=(
            *choice.warnings,
            *cohort_warnings(list(organ_ml.values()), [case.tumour_ml for case in cases if case.tumour_ml is not None]),
            *warnings,
        ),
    )


def _with_problem(check: CaseCheck, error: DataError | None, where: str | None) -> CaseCheck:
    """The check with a problem, unless it has one already."""
    if error is None or check.problem is not None:
        return check
    return replace(check, problem=Problem(error.message, error.remedy, where))


def _read_case(case: Case, preprocessing: Preprocessing) -> _CaseContent:
    """Read a case as far as possible; the first error becomes the problem of its check."""
    where = None if isinstance(case.ct, DicomFiles) else str(case.ct)
    content = _CaseContent(CaseCheck(case.id), where=where)
    try:
        check = _check_grid(case, preprocessing)
        content = _CaseContent(check, where=where)
        mask = read_mask(case, preprocessing)
        duplicate_files = _duplicate_file_warnings(case)
        check = replace(
            check,
            organ_ml=float(mask.organ_ml),
            tumour_ml=float(mask.tumour_ml),
            extent_mm=tuple(mask.extent_mm.tolist()),
            warnings=mask.warnings + duplicate_files,
        )
        given = mask.outside(np.array(preprocessing.fov_mm)) if preprocessing.fov_mm else None
        content = replace(content, check=check, outside=tuple(shares_outside(mask)), outside_given=given)
        cube, error = _thumbnail_cube(case, replace(preprocessing, size=(THUMBNAIL,) * 3, fov_mm=None))
        png = thumbnail_png(cube.image, mask.extent_mm)
        check = replace(check, organ_hu=cube.organ_hu, warnings=cube.warnings + duplicate_files, thumbnail=png)
        return replace(
            content, check=_with_problem(check, error, where), hashes=_image_hashes(case, cube), density=cube.density
        )
    except DataError as error:
        problem = to_problem(error, isinstance(case.ct, DicomFiles))
        return replace(content, check=replace(content.check, problem=problem))


def _thumbnail_cube(case: Case, preprocessing: Preprocessing) -> tuple[Cube, DataError | None]:
    """The cube of a case, and why its CT is refused: a picture shows what is wrong with its values."""
    try:
        return make_cube(case, preprocessing), None
    except NotHounsfieldError as error:
        return make_cube(case, replace(preprocessing, assume_hu=True)), error


def _check_grid(case: Case, preprocessing: Preprocessing) -> CaseCheck:
    """Grid of the CT, or of the mask if there is no CT, as stored."""
    volume = open_ct(case, preprocessing.voxel_limit)
    if volume is None:
        assert isinstance(case.mask, Path)
        volume = open_volume(case.mask, preprocessing.voxel_limit)
    lengths = np.linalg.norm(volume.stored_affine[:3, :3], axis=0).round(4)
    return CaseCheck(
        case.id,
        shape=volume.stored_shape,
        spacing_mm=tuple(lengths.tolist()),
        orientation=orientation_of(volume),
    )


def _duplicate_file_warnings(case: Case) -> tuple[str, ...]:
    """Warnings of a plain beside a compressed file of the same name: other software may read the other one."""
    paths = [] if isinstance(case.ct, DicomFiles) else case.files
    others = [path.with_suffix("") if path.suffix == ".gz" else path.with_name(f"{path.name}.gz") for path in paths]
    return tuple(
        f"{path.name} is used, but {other.name} is in the same folder: delete one of them"
        for path, other in zip(paths, others, strict=True)
        if other.is_file()
    )


def _image_hashes(case: Case, cube: Cube) -> tuple[str, ...]:
    """Hash of the cube, and of the CT files. Two subjects share one only if their images are equal.

    The hash of the cube does not depend on compression and orientation of the files.
    """
    cube_hash = hashlib.sha256(cube.image.tobytes() + np.float64(cube.organ_ml).tobytes()).hexdigest()
    scan = case.ct.files if isinstance(case.ct, DicomFiles) else [case.ct] if case.ct else []
    return (cube_hash, " ".join(sorted(map(sha256, scan)))) if scan else (cube_hash,)


def _with_outside(
    content: _CaseContent, fov_mm: tuple[float, ...] | None, edge: float | None, is_given: bool
) -> CaseCheck:
    """The check with the share of the organ outside the field of view, and its problem or warning."""
    check = content.check
    if fov_mm is None or content.outside is None or edge is None:
        return check
    outside = content.outside_given if is_given else content.outside[FIELDS_OF_VIEW.index(int(edge))]
    assert outside is not None
    message = f"{outside:.1%} of the organ lies outside {' × '.join(f'{side:g}' for side in fov_mm)} mm"
    if outside > REFUSE_OUTSIDE and check.problem is None:
        needed = edge if is_given and edge > min(fov_mm) else edge_for_extent(np.array(check.extent_mm))
        return replace(check, outside=outside, problem=Problem(message, f"--set data.fov_mm={needed:.0f}"))
    warnings = (*check.warnings, message) if outside > WARN_OUTSIDE else check.warnings
    return replace(check, outside=outside, warnings=warnings)
