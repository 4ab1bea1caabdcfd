"""The files and the clinical table of the KiTS23 release; `CubeSource` does the rest.

Heller et al., *The KiTS21 Challenge*, arXiv:2307.01984; https://github.com/neheller/kits23.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from survembed.cohort.exclusions import SubjectError, count_exclusions
from survembed.datasets.joining import report_follow_up, report_problems, rows_by_subject
from survembed.datasets.tabular.clinical_table import ClinicalTable, Columns, read_clinical
from survembed.datasets.volume.cubes import CubeSource
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.study import Study
from survembed.errors import DataError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed_kits23 import KiTS23

KIDNEY, TUMOUR, CYST = 1, 2, 3
"""Labels of `segmentation.nii.gz`. Each voxel has one label, so the kidney consists of all three."""

COLUMNS = Columns(
    id="case_id", duration="vital_days_after_surgery", event="vital_status", event_value="dead", unit="days"
)
"""Time starts with the nephrectomy. `vital_days_after_surgery` is the time to death if `vital_status` is `dead`, and
the time to the last contact if it is `censored`. Durations of 0 days are kept."""

POSTOPERATIVE = ("first_postop_egfr", "last_postop_egfr")
"""Prefixes of columns measured after the surgery: a late visit implies survival, so they are not valid covariates."""


class ReleaseSource(CubeSource):
    """`dataset/case_*/segmentation.nii.gz`, with `imaging.nii.gz` if downloaded, and `dataset/kits23.json`.

    Channels: CT (if all cases have one), kidney (tumour and cyst included), tumour, cyst.
    """

    def __init__(self, options: KiTS23) -> None:
        preprocessing = Preprocessing(
            size=options.size,
            fov_mm=options.fov_mm,
            window=options.window,
            organ_name="kidney",
            organ_labels=(KIDNEY, TUMOUR, CYST),
            tumour_labels=(TUMOUR,),
            further_labels=(("cyst", (CYST,)),),
            keep_organ=True,
            voxel_limit=500_000_000,
        )
        super().__init__("kits23-release", preprocessing, skip_bad=options.skip_bad)
        self.folder = options.root / "dataset"

    def find(self, reporter: Reporter) -> Study:
        """Find the downloaded cases of the table. Cases that are not downloaded are no problem."""
        table = self.folder / "kits23.json"
        if not table.is_file():
            raise DataError(
                f"no KiTS23 release in '{self.folder.parent.name}'",
                where=str(table),
                expected="dataset/kits23.json beside dataset/case_XXXXX/segmentation.nii.gz",
                try_="git clone https://github.com/neheller/kits23, and --root kits23",
            )
        layout = find_cases(self.folder)
        clinical = _without_postoperative(read_clinical(table, COLUMNS, skip_bad=self.skip_bad))
        row_of = rows_by_subject(clinical)
        without_row = [
            SubjectError(
                f"{case.id}: not in {table.name}",
                reason="not in the clinical table",
                where=str(case.mask),
                try_="complete the table",
            )
            for case in layout.cases
            if case.id not in row_of
        ]
        problems = [*layout.problems, *without_row]
        notes = report_problems(problems, self.skip_bad, "the release", self.folder, reporter)
        cases = tuple(case for case in layout.cases if case.id in row_of)
        if not cases:
            raise DataError(
                f"no case of {table.name} is downloaded",
                where=str(self.folder),
                expected=f"cases such as {next(iter(row_of))}",
            )
        rows = np.array([row_of[case.id] for case in cases])
        reporter.say(f"KiTS23: {len(cases)} of {len(row_of)} cases in {table.name} are downloaded")
        report_follow_up(clinical, rows, reporter)
        exclusions = count_exclusions(clinical.exclusions, problems)
        return Study("KiTS23", False, cases, clinical, rows, (*clinical.notes, *notes), exclusions=exclusions)


def _without_postoperative(clinical: ClinicalTable) -> ClinicalTable:
    covariates = {name: values for name, values in clinical.covariates.items() if not name.startswith(POSTOPERATIVE)}
    note = f"left out of the covariates, as measured after the surgery: {', '.join(POSTOPERATIVE)}"
    return replace(clinical, covariates=covariates, notes=(*clinical.notes, note))
