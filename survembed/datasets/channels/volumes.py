"""Cohorts of volumes with several channels: the files of each subject, their channels, and their cubes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from survembed.cohort.exclusions import Exclusion
from survembed.cohort.source import NewCases, require_files
from survembed.datasets.channels.choice import choose_channels, split_name
from survembed.datasets.channels.cube import extent, make_cube, open_first, read_label
from survembed.datasets.channels.find import ChannelCase, find_volumes, to_cases
from survembed.datasets.channels.recipe import LESIONS, LabelRecipe, VolumeRecipe, image_recipes, label_recipes
from survembed.datasets.channels.series import normalisations, place_images, place_labels
from survembed.datasets.dicom.series_tree import find_series
from survembed.datasets.scan.case import Case, Layout
from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.cubes import CubeSource, map_cases
from survembed.datasets.volume.field_of_view import edge_for_extent, field_of_view
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.study import Study, join_study
from survembed.errors import DataError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.cohort.study_check import StudyCheck
    from survembed.datasets import Volumes


class VolumesSource(CubeSource):
    """Source of the dataset `Volumes`."""

    def __init__(self, options: Volumes) -> None:
        recipe = VolumeRecipe(
            size=options.size,
            fov_mm=options.fov_mm,
            window=options.window,
            organ_labels=(),
            tumour_labels=(),
            voxel_limit=options.voxel_limit,
            missing=options.missing,
        )
        super().__init__("volumes", recipe, skip_bad=options.skip_bad)
        self.options = options

    def find(self, reporter: Reporter) -> Study:
        """Find the volumes, decide on the channels, and join the subjects with the clinical table."""
        root = self._root()
        self.preprocessing, cases, problems, dropped, sentences = self.files(root)
        for sentence in sentences:
            reporter.say(sentence)
        study = join_study(
            root, self.options, Layout("volumes", tuple(cases), tuple(problems)), None, reporter, dropped
        )
        exclusions = study.exclusions
        if dropped:
            exclusions += (Exclusion("an image channel is missing", len(dropped)),)
            sentences = (*sentences, f"{len(dropped)} subject(s) without one of the channels are left out.")
            reporter.warn(sentences[-1])
        return replace(study, notes=(*study.notes, *sentences), exclusions=exclusions)

    def files(self, root: Path) -> tuple[VolumeRecipe, list[ChannelCase], list[DataError], list[str], tuple[str, ...]]:
        """The recipe with its channels, the cases, what forms none, ids of dropped subjects, and what was decided."""
        found = find_volumes(root)
        series, damaged = find_series(root)
        recipe, sentences = choose_channels(root, found, series, self.options, cast(VolumeRecipe, self.preprocessing))
        masks = [label.file for label in recipe.labels if not label.values]
        needs_map = any(label.values for label in recipe.labels)
        images = [image.file for image in recipe.images]
        cases, problems, dropped = to_cases(found, images, masks, needs_map, self.options.missing)
        return recipe, cases, damaged + problems, dropped, sentences

    def check(self, reporter: Reporter) -> StudyCheck:
        """Read all files and report problems and warnings. No file is written."""
        from survembed.datasets.channels.check import check_volumes

        root = self._root()
        recipe, cases, problems, _, sentences = self.files(root)
        self.preprocessing = recipe
        return check_volumes(root, self.options, recipe, cases, problems, sentences, self.edge_of, reporter)

    def _root(self) -> Path:
        root = self.options.root
        if root is None:
            raise DataError("option root is not set", where="option root", expected="a folder", try_="--root FOLDER")
        return root

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Read the volumes of one new subject from a folder."""
        require_files(files, ("folder",))
        header, labels = cohort.header, cohort.header.mask_labels
        names = [channel.name for channel in header.channels if channel.name not in labels]
        found = find_volumes(files["folder"])
        series, _ = find_series(files["folder"])
        present = {name for volumes in found.values() for name in volumes}
        file_of = dict(map(split_name, self.options.channels))
        keys = [file_of.get(name, name) for name in names]
        if not series and not present & set(keys):
            keys = [f"{number:04d}" for number in range(len(names))]  # of nnU-Net
        given = {label.name: label for label in label_recipes(self.options.labels, {})}
        recipe = replace(
            cast(VolumeRecipe, self.preprocessing),
            images=image_recipes(keys, names, self.options, normalisations(series, keys)),
            labels=tuple(
                LabelRecipe(name, tuple(values), "" if values else given[name].file if name in given else LESIONS)
                for name, values in labels.items()
            ),
            centre=self.options.centre or ("labels" if labels else "image"),
            fov_mm=field_of_view(header),
        )
        place_images(found, series, recipe.images)
        place_labels(found, series, recipe.labels)
        masks = [label.file for label in recipe.labels if not label.values]
        needs_map = any(label.values for label in recipe.labels)
        cases, problems, _ = to_cases(found, keys, masks, needs_map, self.options.missing)
        if problems or len(cases) != 1:
            raise (
                problems[0]
                if problems
                else DataError(
                    f"{len(cases)} subjects in the folder",
                    where=str(files["folder"]),
                    expected="the files of one subject",
                )
            )
        cube = make_cube(cases[0], recipe)
        measures = {name: np.array([value]) for name, value in self.measures(cube, recipe).items()}
        return NewCases(cube.image[None], cube.warnings, measures)

    def make_cube(self, case: Case, preprocessing: Preprocessing) -> Cube:
        """The cube of a subject, with all channels."""
        return make_cube(cast(ChannelCase, case), cast(VolumeRecipe, preprocessing))

    def measures(self, cube: Cube, preprocessing: Preprocessing) -> dict[str, float]:
        """Volume in ml of each label at full resolution, and of all lesions."""
        labels = cast(VolumeRecipe, preprocessing).labels
        each = {f"{label.name}_ml": ml for label, ml in zip(labels, cube.further_ml, strict=True)}
        has_lesions = any(label.channel.overlay for label in labels)
        return {**each, **({"tumour_ml": cube.tumour_ml} if has_lesions else {})}

    def mask_labels(self, study: Study, preprocessing: Preprocessing) -> Mapping[str, tuple[int, ...]]:
        """Values of each label channel; none for one that is a file."""
        return {label.name: label.values for label in cast(VolumeRecipe, preprocessing).labels}

    def choose_edge(self, study: Study, problems: dict[str, DataError], reporter: Reporter) -> tuple[float, str]:
        """The edge of `edge_of` for the subjects of a study."""
        return self.edge_of(cast(tuple[ChannelCase, ...], study.cases), problems, reporter)

    def edge_of(
        self, cases: Sequence[ChannelCase], problems: dict[str, DataError], reporter: Reporter
    ) -> tuple[float, str]:
        """The smallest edge, a multiple of 20 mm, of a cube that holds the labels, or the first image, of everyone."""
        recipe = cast(VolumeRecipe, self.preprocessing)

        def span(case: ChannelCase) -> float:
            masks = {label.name: read_label(case, label, recipe) for label in recipe.labels}
            low, high = extent(case, recipe, open_first(case, recipe), masks)
            return float((high - low).max())

        spans = map_cases(span, cases, "Measuring volumes", problems, reporter)
        edge = edge_for_extent(np.array([max(spans.values(), default=20.0)]))
        what = "all labels" if recipe.centre == "labels" else f"all of channel {recipe.images[0].name}"
        return edge, (
            f"field of view {edge:.0f} mm, the smallest that contains {what}: chosen from all {len(spans)} subjects, "
            "including those of a later test part; outcomes are not used"
        )
