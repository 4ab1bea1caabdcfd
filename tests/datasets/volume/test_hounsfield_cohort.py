"""A case in another unit than its cohort is refused; contrast phases, fatty livers, crops and clips are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.datasets.volume.hounsfield_cohort import Density, unlike_cohort, unusual_in_cohort
from survembed.datasets.volume.phantom import write_phantom
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import affine_of, write_cohort
from tests.datasets.checking import SPACING, checked
from tests.datasets.preparing import liver, prepared
from tests.datasets.volume.test_hounsfield import scan

NO_AIR = float("nan")


def cohort(*organs: float, air: float = -1000.0) -> dict[str, Density]:
    return {str(number): Density(organ, air) for number, organ in enumerate(organs)}


def write_study(root: Path, organs: list[float], change: Callable[[Any], Any], exact_air: bool) -> Path:
    """A study of one case per organ; the third is changed."""
    write_cohort(root, n=len(organs))
    for number, organ in enumerate(organs):
        hu, labels = scan(organ, number)
        if exact_air:
            hu[hu < -900] = -1000
        hu = change(hu) if number == 2 else hu
        write_nifti(root / "imagesTr" / f"s{number}_0000.nii.gz", hu.round().astype(np.int16), affine_of(SPACING))
        write_nifti(root / "labelsTr" / f"s{number}.nii.gz", labels, affine_of(SPACING))
    return root


@pytest.mark.parametrize("exact_air", [False, True])
@pytest.mark.parametrize(
    ("organs", "change", "cause"),
    [
        ([35, 42, 30, 48, 38], lambda hu: hu + 100, "shifted by about 100 HU"),
        ([5, 12, -5, 20, 8], lambda hu: hu + 100, "shifted by about 100 HU"),
        ([95, 110, 104, 118, 100], lambda hu: hu - 80, "shifted by about -80 HU"),
        ([95, 110, 104, 118, 100], lambda hu: hu / 2, r"likely HU · 0\.5"),
        ([35, 42, 30, 48, 38, 52], lambda hu: hu / 2, r"likely HU · 0\.5"),
        ([60, 140, 90, 45, 110], lambda hu: hu * 0.6, r"likely HU · 0\.6"),
    ],
)
def test_one_case_that_is_shifted_or_scaled(
    tmp_path: Path, organs: list[float], change: Callable[[Any], Any], cause: str, exact_air: bool
) -> None:
    root = write_study(tmp_path / "study", organs, change, exact_air)
    bad = {case.id: case.problem.message for case in checked(root).cases if case.problem}
    assert list(bad) == ["s2"], bad
    with pytest.raises(DataError, match=cause):
        prepared(liver(root).build(), tmp_path / "out")
    with prepared(liver(root, skip_bad=True).build(), tmp_path / "out") as kept:
        assert "s2" not in kept.subjects.id.tolist()


@pytest.mark.parametrize(
    ("organs", "change"),
    [
        ([40, 140, 60, 110, 90], lambda hu: hu),  # contrast phases
        ([95, 110, -15, 118, 100], lambda hu: hu),  # a fatty liver
        ([30, 42, 140, 48, 38], lambda hu: hu),  # one arterial phase
        ([95, 110, 104, 118, 100], lambda hu: hu.clip(-900, 1000)),
        ([95, 110, 104, 118, 100], lambda hu: hu.clip(-500, 500)),
        ([95, 110, 104, 118, 100], lambda hu: hu.clip(-200, 300)),
        ([40, 140, 60, 110, 90], lambda hu: hu.clip(-900, 1000)),
    ],
)
def test_honest_cohorts_pass(tmp_path: Path, organs: list[float], change: Callable[[Any], Any]) -> None:
    root = write_study(tmp_path / "study", organs, change, False)
    assert not [case for case in checked(root).cases if case.problem]


def test_one_of_a_cohort_in_another_unit() -> None:
    def refused(*organs: float) -> list[str]:
        return list(unlike_cohort(cohort(*organs, air=NO_AIR)))

    assert refused(105, 98, 216, 110) == ["2"]
    assert not refused(105, 40, 180, 21)
    assert not refused(205, 215, 225)  # kidneys full of contrast
    assert not refused(105, 240)


def test_lungs_are_no_air_around_the_body() -> None:
    """Without air, an organ far from its cohort is a warning."""
    dense = {**cohort(30, 42, 38, 35), "x": Density(140, NO_AIR)}
    assert not unlike_cohort(dense)
    assert list(unusual_in_cohort(dense)) == ["x"]
    assert not unusual_in_cohort(cohort(40, 140, 60, 110, 90))
    assert not unusual_in_cohort(cohort(40, 140))


def test_a_warning_reaches_check_and_cohort(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study", [30, 42, 140, 48, 38], lambda hu: hu, False)
    (doubtful,) = (case for case in checked(root).cases if any("contrast phase" in text for text in case.warnings))
    assert doubtful.id == "s2"
    with prepared(liver(root).build(), tmp_path / "out") as kept:
        assert any("s2: the median inside the organ is" in note for note in kept.header.notes)


def test_lungs_in_a_padded_scan_are_not_taken_for_the_air(tmp_path: Path) -> None:
    write_phantom(tmp_path / "study", 8, 1, shape=(48, 48, 24))
    assert not [warning for case in checked(tmp_path / "study").cases for warning in case.warnings if "air" in warning]
