"""A new subject, preprocessed like the subjects of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from survembed.cohort.source import NewCases, require_files
from survembed.cohort.subjects import CohortHeader
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.layouts import find_single_case
from survembed.datasets.volume.mask_choice import for_new_case
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError


def read_volume(files: Mapping[str, Path], header: CohortHeader, preprocessing: Preprocessing) -> NewCases:
    """Make the cube of one new subject.

    Parameters
    ----------
    files
        `ct` and `mask`; only `mask` for a cohort of masks; or `folder`, one subject in a known layout.
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
    require_files(files, ("ct", "mask") if with_ct else ("mask",), ("folder",))
    if "folder" in files:
        case = find_single_case(files["folder"], preprocessing.mask_names)
    else:
        case = Case("subject", files.get("ct"), files["mask"])
    if (case.ct is not None) != with_ct:
        raise DataError(
            "the folder contains no CT" if with_ct else "the folder contains a CT, the run was trained on masks only",
            where=str(files["folder"]),
            expected="a CT and its mask" if with_ct else "a mask",
        )
    try:
        labelled = for_new_case(case, preprocessing, header.mask_labels)
        cube = make_cube(case, replace(labelled, fov_mm=field_of_view(header)))
    except DataError as error:  # a changed option is no remedy, because the options of the run apply
        remedy = None if error.try_ and "--set" in error.try_ else error.try_
        raise DataError(error.message, where=error.where, expected=error.expected, try_=remedy) from error
    return NewCases(
        cube.image[None],
        tuple(_without_file_names(warning, case) for warning in cube.warnings),
        {name: np.array([value]) for name, value in cube.measures(preprocessing).items()},
    )


def field_of_view(header: CohortHeader) -> tuple[float, float, float] | None:
    """Edges in mm, without the rounding error of the division by voxels, so that cubes are equal bit by bit."""
    if header.spacing_mm is None:
        return None
    x, y, z = (round(edge * count, 6) for edge, count in zip(header.spacing_mm, header.shape, strict=True))
    return x, y, z


def _without_file_names(warning: str, case: Case) -> str:
    """Replace file names, which may contain the name of a patient, by the kind of file."""
    for name, _ in case.masks:
        warning = warning.replace(f"'{name}'", "a file")
    parts = (("CT", case.ct), ("mask", case.mask), *(("mask of a lesion", path) for path in case.tumours or ()))
    for kind, part in parts:
        if part is not None and not isinstance(part, DicomFiles):
            warning = warning.replace(part.name, kind)
    return warning
