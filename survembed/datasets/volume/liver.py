"""Cohorts of the liver or another organ: a folder of CTs, masks and a clinical table, or the synthetic phantom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.datasets.volume.cubes import CubeSource
from survembed.datasets.volume.file_names import further_channels
from survembed.datasets.volume.mask_choice import choose_masks
from survembed.datasets.volume.phantom import cached_phantom
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.study import Study, find_study
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.cohort.study_check import StudyCheck
    from survembed.datasets import Liver


class LiverSource(CubeSource):
    """Source of the dataset `Liver`."""

    def __init__(self, options: Liver) -> None:
        preprocessing = Preprocessing(
            size=options.size,
            fov_mm=None if options.stretch else options.fov_mm,
            window=options.window,
            organ_labels=options.organ_labels,
            tumour_labels=options.tumour_labels or (),
            voxel_limit=options.voxel_limit,
            organ_segments=options.organ_segments,
            tumour_segments=options.tumour_segments,
            mask_grid=options.mask_grid,
            assume_hu=options.assume_hu,
        )
        super().__init__("liver", preprocessing, stretch=options.stretch, skip_bad=options.skip_bad)
        self.options = options

    def find(self, reporter: Reporter) -> Study:
        """Find the study in the folder, or the phantom, and choose its organ and tumour."""
        root = self._root(reporter)
        study = find_study(root, self.options, reporter)
        choice = choose_masks(root, study.cases, self.options, self.preprocessing, self.labels_of_run)
        self.preprocessing = choice.preprocessing
        if further := further_channels(root, {case.id for case in study.cases}):
            reporter.warn(
                f"{further} file(s) of further channels, such as CASE_0001, are not read; the dataset volumes reads all"
            )
        for sentence in choice.sentences:
            reporter.say(sentence)
        for warning in choice.warnings:
            reporter.warn(warning)
        return replace(study, notes=(*study.notes, *choice.sentences, *choice.warnings))

    def check(self, reporter: Reporter) -> StudyCheck:
        """Read all files and report problems and warnings. No file is written."""
        from survembed.datasets.volume.check import check_study

        return check_study(self._root(reporter), self.options, self.preprocessing, reporter)

    def _root(self, reporter: Reporter) -> Path:
        options = self.options
        return options.root or cached_phantom(options.n_subjects, options.phantom_seed, options.effect, reporter)
