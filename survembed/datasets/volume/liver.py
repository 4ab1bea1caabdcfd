"""Liver (or any organ) cohorts: a folder of CTs and masks and a clinical table, or the synthetic phantom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from survembed.datasets.volume.cubes import CubeSource
from survembed.datasets.volume.phantom import cached_phantom
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.study import Study, find_study
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.cohort.study_check import StudyCheck
    from survembed.datasets import Liver


class LiverSource(CubeSource):
    """The files behind `Liver`."""

    def __init__(self, options: Liver) -> None:
        recipe = Preprocessing(
            size=options.size,
            fov_mm=None if options.stretch else options.fov_mm,
            window=options.window,
            organ_labels=options.organ_labels,
            tumour_labels=options.tumour_labels,
            voxel_limit=options.voxel_limit,
            organ_segments=options.organ_segments,
            tumour_segments=options.tumour_segments,
        )
        super().__init__("liver", recipe, stretch=options.stretch, skip_bad=options.skip_bad)
        self.options = options

    def find(self, reporter: Reporter) -> Study:
        """The study in the folder, or the phantom."""
        return find_study(self._root(reporter), self.options, reporter)

    def check(self, reporter: Reporter) -> StudyCheck:
        """Read everything and say what is wrong or doubtful; nothing is written."""
        from survembed.datasets.volume.check import check_study

        return check_study(self._root(reporter), self.options, self.recipe, reporter)

    def _root(self, reporter: Reporter) -> Path:
        options = self.options
        return options.root or cached_phantom(options.n_subjects, options.phantom_seed, options.effect, reporter)
