"""Check a study in tests."""

from __future__ import annotations

from pathlib import Path

from survembed.cohort.study_check import CaseCheck, StudyCheck
from survembed.datasets import Liver
from survembed.workflows.check import check

SPACING = (4.0, 4.0, 5.0)


def checked(root: Path, **options: object) -> StudyCheck:
    return check(Liver.model_validate({"root": root, **options}), "liver")


def case_of(found: StudyCheck, subject: str) -> CaseCheck:
    return next(case for case in found.cases if case.id == subject)


def mask_of(root: Path, subject: str) -> Path:
    return root / "labelsTr" / f"{subject}.nii.gz"
