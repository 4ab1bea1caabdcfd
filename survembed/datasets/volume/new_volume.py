"""A new scan, made a cube as the cohort's were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from survembed.cohort.source import NewCases, require_files
from survembed.cohort.subjects import CohortHeader
from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.layouts import find_case
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError


def read_volume(files: Mapping[str, Path], header: CohortHeader, recipe: Preprocessing) -> NewCases:
    """The cube of one new subject.

    Parameters
    ----------
    files
        `ct` and `mask`; `mask` alone for a cohort of masks; or `folder`, for one subject in a layout that is known.
    header
        Of the cohort, whose field of view is taken, whatever the new scan's own grid.
    recipe
        Of the cohort, as asked for.

    Raises
    ------
    UsageError
        When there is a CT where the cohort has none, or none where it has.
    DataError
        As `make_cube`.
    """
    with_ct = header.channels[0].name == "ct"
    require_files(files, ("ct", "mask") if with_ct else ("mask",), ("folder",))
    case = find_case(files["folder"]) if "folder" in files else Case("subject", files.get("ct"), files["mask"])
    if (case.ct is not None) != with_ct:
        raise DataError(
            "the folder holds no CT" if with_ct else "the folder holds a CT, the run was trained on masks alone",
            where=str(files["folder"]),
            expected="a CT and its mask" if with_ct else "a mask",
        )
    try:
        cube = make_cube(case, replace(recipe, fov_mm=_field_of_view(header)))
    except DataError as error:  # options cannot mend it: those of the run hold
        remedy = None if error.try_ and "--set" in error.try_ else error.try_
        raise DataError(error.message, where=error.where, expected=error.expected, try_=remedy) from error
    return NewCases(
        cube.image[None],
        tuple(_without_names(warning, case) for warning in cube.warnings),
        {name: np.array([value]) for name, value in cube.measures(recipe).items()},
    )


def _field_of_view(header: CohortHeader) -> tuple[float, float, float] | None:
    """Edges in mm, freed of the rounding that division into voxels left: the same cube, bit by bit, as the cohort's."""
    if header.spacing_mm is None:
        return None
    x, y, z = (round(edge * count, 6) for edge, count in zip(header.spacing_mm, header.shape, strict=True))
    return x, y, z


def _without_names(warning: str, case: Case) -> str:
    """A warning that calls files by what they are: their names may be a patient's."""
    parts = (("CT", case.ct), ("mask", case.mask), *(("mask of a lesion", path) for path in case.tumours or ()))
    for what, part in parts:
        if part is not None and not isinstance(part, DicomFiles):
            warning = warning.replace(part.name, what)
    return warning
