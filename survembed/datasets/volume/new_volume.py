"""A new subject, preprocessed like the subjects of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from survembed.cohort.source import NewCases, require_files
from survembed.cohort.subjects import CohortHeader
from survembed.datasets.joining import LISTED
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.volume.cube import Cube, make_cube
from survembed.datasets.volume.field_of_view import field_of_view
from survembed.datasets.volume.layouts import find_cases, find_single_case
from survembed.datasets.volume.mask_choice import for_new_case
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError


def read_volume(files: Mapping[str, Path], header: CohortHeader, preprocessing: Preprocessing) -> NewCases:
    """Make the cube of one new subject.

    Parameters
    ----------
    files
        `ct` and `mask`; only `mask` for a cohort of masks; `folder`, one subject in a known layout; or `root`, a study
        of many, whose subjects keep their ids.
    header
        Of the cohort; the cube has its field of view.
    preprocessing
        Of the cohort.

    Raises
    ------
    UsageError
        If other files are given.
    DataError
        If the folder has a CT and the cohort has none, or vice versa; or as `make_cube`.
    """
    with_ct = header.channels[0].name == "ct"
    require_files(files, ("ct", "mask") if with_ct else ("mask",), ("folder",), ("root",))
    if "root" in files:
        return _read_study(files["root"], header, preprocessing, with_ct)
    if "folder" in files:
        case = find_single_case(files["folder"], preprocessing.mask_names)
    else:
        case = Case("subject", files.get("ct"), files["mask"])
    cube = _cube(case, header, preprocessing, with_ct, str(files.get("folder", case.ct or case.mask)))
    return NewCases(
        cube.image[None],
        tuple(_without_file_names(warning, case) for warning in cube.warnings),
        {name: np.array([value]) for name, value in cube.measures(preprocessing).items()},
    )


def _read_study(root: Path, header: CohortHeader, preprocessing: Preprocessing, with_ct: bool) -> NewCases:
    layout = find_cases(root, preprocessing.mask_names)
    problems, cubes = [each.line for each in layout.problems], {}
    for case in layout.cases:
        try:
            cubes[case.id] = _cube(case, header, preprocessing, with_ct, str(root))
        except DataError as error:
            problems.append(f"{case.id}: {error.line}")
    if problems or not cubes:
        more = [f"… and {len(problems) - LISTED} more"] if len(problems) > LISTED else []
        raise DataError(
            "\n    ".join([f"{len(problems)} problem(s) in '{root.name}':", *problems[:LISTED], *more]),
            where=str(root),
            expected="one or more scans, as of the run's cohort",
            try_="correct or move these files away",
        )
    measures = [cube.measures(preprocessing) for cube in cubes.values()]
    return NewCases(
        np.stack([cube.image for cube in cubes.values()]),
        tuple(f"{subject}: {warning}" for subject, cube in cubes.items() for warning in cube.warnings),
        {name: np.array([each[name] for each in measures]) for name in measures[0]},
        tuple(cubes),
    )


def _cube(case: Case, header: CohortHeader, preprocessing: Preprocessing, with_ct: bool, where: str) -> Cube:
    if (case.ct is not None) != with_ct:
        raise DataError(
            "the folder contains no CT" if with_ct else "the folder contains a CT, the run was trained on masks only",
            where=where,
            expected="a CT and its mask" if with_ct else "a mask",
        )
    try:
        labelled = for_new_case(case, preprocessing, header.mask_labels)
        return make_cube(case, replace(labelled, fov_mm=field_of_view(header)))
    except DataError as error:  # a changed option is no remedy, because the options of the run apply
        remedy = None if error.try_ and "--set" in error.try_ else error.try_
        raise DataError(error.message, where=error.where, expected=error.expected, try_=remedy) from error


def _without_file_names(warning: str, case: Case) -> str:
    """Replace file names, which may contain the name of a patient, by the kind of file."""
    for name, _ in case.masks:
        warning = warning.replace(f"'{name}'", "a file")
    parts = (("CT", case.ct), ("mask", case.mask), *(("mask of a lesion", path) for path in case.tumours or ()))
    for kind, part in parts:
        if part is not None and not isinstance(part, DicomFiles):
            warning = warning.replace(part.name, kind)
    return warning
