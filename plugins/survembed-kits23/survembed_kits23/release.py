"""The release's tree and table, joined; cubes, checks and bad files are survembed's own work.

Heller et al., *The KiTS21 Challenge*, arXiv:2307.01984; https://github.com/neheller/kits23.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from survembed.cohort.exclusions import SubjectError, count_exclusions
from survembed.datasets.tabular.clinical_table import ClinicalTable, Columns, read_clinical
from survembed.datasets.volume.cubes import CubeSource
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.study import Study, report_problems, say_follow_up
from survembed.errors import DataError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed_kits23 import KiTS23

KIDNEY, TUMOUR, CYST = 1, 2, 3
"""Labels of `segmentation.nii.gz`; each voxel has one, so the kidney as a whole is all three."""

COLUMNS = Columns(
    id="case_id", duration="vital_days_after_surgery", event="vital_status", event_value="dead", unit="days"
)
"""Time starts with the nephrectomy. `vital_days_after_surgery` counts the days to death where `vital_status` is `dead`,
and where it is `censored` the days to the last contact, at which the patient was alive. A few have 0 days: kept."""

LATER = ("first_postop_egfr", "last_postop_egfr")
"""Measured at visits after the surgery: who has a late one has lived until then, which a covariate must not tell."""


class ReleaseSource(CubeSource):
    """`dataset/case_*/segmentation.nii.gz`, with `imaging.nii.gz` where downloaded, and `dataset/kits23.json`.

    Channels are kidney (tumour and cyst included), tumour and cyst, after the CT where every case has one.
    """

    def __init__(self, options: KiTS23) -> None:
        recipe = Preprocessing(
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
        super().__init__("kits23-release", recipe, skip_bad=options.skip_bad)
        self.folder = options.root / "dataset"

    def find(self, reporter: Reporter) -> Study:
        """Cases that are here and in the table; rows whose case is not here were not downloaded, which is no fault."""
        table = self.folder / "kits23.json"
        if not table.is_file():
            raise DataError(
                f"no KiTS23 release in '{self.folder.parent.name}'",
                where=str(table),
                expected="dataset/kits23.json beside dataset/case_XXXXX/segmentation.nii.gz",
                try_="git clone https://github.com/neheller/kits23, and --root kits23",
            )
        layout = find_cases(self.folder)
        clinical = _without_later(read_clinical(table, COLUMNS, skip_bad=self.skip_bad))
        row = {subject: number for number, subject in enumerate(clinical.id.tolist())}
        strangers = [
            SubjectError(
                f"{case.id}: not in {table.name}",
                reason="not in the clinical table",
                where=str(case.mask),
                try_="complete the table",
            )
            for case in layout.cases
            if case.id not in row
        ]
        problems = [*layout.problems, *strangers]
        notes = report_problems(problems, self.skip_bad, "the release", self.folder, reporter)
        cases = tuple(case for case in layout.cases if case.id in row)
        if not cases:
            raise DataError(
                f"no case in {table.name} is here", where=str(self.folder), expected=f"such as {next(iter(row))}"
            )
        rows = np.array([row[case.id] for case in cases])
        reporter.say(f"KiTS23: {len(cases)} of the {len(row)} cases in {table.name} are here")
        say_follow_up(clinical, rows, reporter)
        exclusions = count_exclusions(clinical.exclusions, problems)
        return Study("KiTS23", False, cases, clinical, rows, (*clinical.notes, *notes), exclusions=exclusions)


def _without_later(clinical: ClinicalTable) -> ClinicalTable:
    kept = {name: values for name, values in clinical.covariates.items() if not name.startswith(LATER)}
    note = f"left out of the covariates, as measured after the surgery: {', '.join(LATER)}"
    return replace(clinical, covariates=kept, notes=(*clinical.notes, note))
