"""Cohorts of 2-D pictures: from the files of a study to the images of a cohort, in parallel and with bounded memory."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import CohortWriter, writing_cohort
from survembed.cohort.exclusions import SubjectError, count_exclusions
from survembed.cohort.source import NewCases, require_files
from survembed.cohort.subjects import CohortHeader, Subjects
from survembed.datasets.joining import report_problems
from survembed.datasets.picture.pixels import read_pixels
from survembed.datasets.picture.recipe import Colour, Recipe, is_grey, size_text
from survembed.datasets.picture.study import PictureStudy, find_study
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage.cores import map_in_threads
from survembed.storage.files import HashIndex

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.cohort.study_check import StudyCheck
    from survembed.datasets import Images

VERSION = 1
"""Increased when the same files and options give other images."""
PROBED = 32
"""Pictures, evenly spread, that decide on size and colour where no option does."""
CHUNK, CHUNK_BYTES = 64, 2**22
"""Largest number of pictures that a thread reads at a time, and of bytes of their images."""


@dataclass(frozen=True)
class _Picture:
    """A picture to read: its subject's position and its file."""

    subject: int
    path: Path


@dataclass(frozen=True)
class _Chunk:
    """Pictures of consecutive subjects: the images (m, C, h, w) that were read, their subjects, hashes and problems."""

    images: NDArray[np.uint8]
    subjects: list[int]
    hashes: list[bytes]
    problems: list[DataError]
    largest: float


class ImageSource:
    """Source of the dataset `Images`."""

    def __init__(self, options: Images) -> None:
        self.options = options
        self._study: PictureStudy | None = None

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Hashes of the pictures, the table rows of their subjects, and the options of the preparation."""
        study, clinical = self._found(reporter), self._found(reporter).clinical
        columns = {"id": clinical.id, "duration": clinical.duration, "event": clinical.event, **clinical.covariates}
        later = {"entry": clinical.entry, "cause": clinical.cause}  # absent, they leave the fingerprint as it was
        columns |= {name: values for name, values in later.items() if values is not None}
        table = hashlib.sha256()
        for name, values in columns.items():
            table.update(repr([name, values[study.rows].tolist()]).encode())
        index = HashIndex()
        pictures = index.sha256_of_all([study.root / path for paths in study.files.values() for path in paths])
        index.save()
        options = self.options
        return {
            "dataset": "images",
            "version": VERSION,
            "title": study.title,
            "notes": [*study.notes, *(problem.message for problem in study.problems)],
            "options": options.model_dump(
                mode="json",
                include={"size", "fit", "colour", "window", "likelihood", "combine", "skip_bad", "pixel_limit"},
            ),
            "images": [pictures, [[subject, len(paths)] for subject, paths in study.files.items()]],
            "table": table.hexdigest(),
            "truth": None if clinical.truth is None else clinical.truth[study.rows].tolist(),
            "split": None if study.split is None else study.split.tolist(),
        }

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Read all pictures in threads and write their images in order; then report all problems together."""
        study, options = self._found(reporter), self.options
        with warnings.catch_warnings():  # Pillow's own warning of a large picture; the limit here is `pixel_limit`
            warnings.simplefilter("ignore")
            recipe = self._recipe(study)
            header = CohortHeader(
                dataset="images",
                title=study.title,
                channels=recipe.channels(options.likelihood),
                shape=recipe.size,
                synthetic=study.synthetic,
                combine=options.combine,
                causes=tuple(name for _, name in options.causes),
            )
            with writing_cohort(path, header, fingerprint) as writer:
                self._write(writer, study, recipe, reporter)

    def check(self, reporter: Reporter) -> StudyCheck:
        """Decode all pictures and report problems and warnings. No file is written."""
        from survembed.datasets.picture.check import check_pictures, unreadable_study

        try:
            study = self._found(reporter)
            recipe = self._recipe(study)
        except DataError as error:
            return unreadable_study(self.options, error)
        return check_pictures(study, recipe, self.options, reporter)

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Read one picture as those of the cohort were read."""
        require_files(files, ("image",))
        options, height, width = self.options, *cohort.header.shape
        colour: Colour = "grey" if len(cohort.header.channels) == 1 else "rgb"
        recipe = Recipe(
            (height, width), options.fit, colour, options.colour == "grey", options.window, bool(options.size)
        )
        try:
            pixels, _ = read_pixels(files["image"], options.pixel_limit)
            return NewCases(recipe.image(pixels, files["image"])[None])
        except DataError as error:  # a changed option is no remedy, because the options of the run apply
            remedy = None if error.try_ and "--set" in error.try_ else error.try_
            raise DataError(error.message, where=error.where, expected=error.expected, try_=remedy) from error

    def _found(self, reporter: Reporter) -> PictureStudy:
        if self._study is None:
            self._study = find_study(self.options, reporter)
        return self._study

    def _recipe(self, study: PictureStudy) -> Recipe:
        """Size and colour by the options, else those of most of some pictures that can be read."""
        options = self.options
        size, colour = options.size, options.colour
        if size is None or colour is None:
            paths = [study.root / path for paths in study.files.values() for path in paths]
            spread = np.unique(np.linspace(0, len(paths) - 1, min(PROBED, len(paths))).astype(int))
            probed = [
                pixels for pixels in (self._pixels_or_none(paths[place]) for place in spread) if pixels is not None
            ]
            if not probed:
                read_pixels(paths[0], options.pixel_limit)  # which raises the error of the first
            sizes = Counter((pixels.shape[0], pixels.shape[1]) for pixels in probed)
            size = size or sizes.most_common(1)[0][0]
            grey = sum(map(is_grey, probed))
            colour = colour or ("grey" if 2 * grey > len(probed) else "rgb")
        return Recipe(size, options.fit, colour, options.colour == "grey", options.window, options.size is not None)

    def _pixels_or_none(self, path: Path) -> NDArray[Any] | None:
        try:
            return read_pixels(path, self.options.pixel_limit)[0]
        except DataError:
            return None

    def _write(self, writer: CohortWriter, study: PictureStudy, recipe: Recipe, reporter: Reporter) -> None:
        n = np.zeros(len(study.files), np.int64)
        hashes: list[bytes] = [b""] * len(study.files)
        problems: list[DataError] = []
        n_pictures, largest = sum(map(len, study.files.values())), 0.0
        ids = list(study.files)
        chunks = _chunks(study, max(1, min(CHUNK, CHUNK_BYTES // (3 * recipe.size[0] * recipe.size[1]))))
        limit = self.options.pixel_limit
        with reporter.task("Preparing pictures", n_pictures, "pictures") as task:
            for chunk in map_in_threads(lambda chunk: _read(chunk, recipe, limit, ids), chunks):
                if len(chunk.images):
                    writer.add(chunk.images)
                for subject, sha256 in zip(chunk.subjects, chunk.hashes, strict=True):
                    n[subject] += 1
                    hashes[subject] += sha256
                problems += chunk.problems
                largest = max(largest, chunk.largest)
                task.advance(len(chunk.subjects) + len(chunk.problems))
        of = f"{n_pictures} pictures"
        skip_bad, where = self.options.skip_bad, study.title
        notes = (*study.notes, _description(recipe))
        reporter.say(notes[-1])
        notes += report_problems([*study.problems, *problems], skip_bad, of, where, reporter)
        if recipe.window is None and 255 < largest < 65535 / 2:
            notes += (
                f"The largest value of the 16-bit pictures is {largest:.0f} of 65535: if that is white, "
                f"--set data.window=0,{largest:.0f}",
            )
            reporter.warn(notes[-1])
        writer.header = replace(
            writer.header, notes=notes, exclusions=count_exclusions(study.exclusions, study.problems, problems)
        )
        writer.finish(_subjects(study, n, hashes), where)


def _chunks(study: PictureStudy, size: int) -> Iterator[list[_Picture]]:
    """Pictures in the order of their subjects, `size` at a time."""
    chunk: list[_Picture] = []
    for position, paths in enumerate(study.files.values()):
        for path in paths:
            chunk.append(_Picture(position, study.root / path))
            if len(chunk) == size:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _read(pictures: list[_Picture], recipe: Recipe, pixel_limit: int, ids: list[str]) -> _Chunk:
    images, subjects, hashes, problems, largest = [], [], [], [], 0.0
    for picture in pictures:
        try:
            pixels, content = read_pixels(picture.path, pixel_limit)
            images.append(recipe.image(pixels, picture.path))
        except DataError as error:
            message = f"{ids[picture.subject]}: {error.message}"
            problems.append(
                SubjectError(message, reason=error.message, where=error.where, expected=error.expected, try_=error.try_)
            )
            continue
        if pixels.dtype == np.uint16:
            largest = max(largest, float(pixels.max()))
        subjects.append(picture.subject)
        hashes.append(hashlib.sha256(content).digest())
    shape = (len(images), *(images[0].shape if images else ()))
    return _Chunk(np.array(images, np.uint8).reshape(shape), subjects, hashes, list[DataError](problems), largest)


def _description(recipe: Recipe) -> str:
    fits = {"pad": "padded", "crop": "cropped to the middle", "stretch": "stretched"}
    return f"Images are {size_text(recipe.size)}, {recipe.colour}" + (
        f"; pictures of another shape are {fits[recipe.fit]}." if recipe.resize else ", as the pictures are."
    )


def _subjects(study: PictureStudy, n: NDArray[np.int64], hashes: list[bytes]) -> Subjects:
    """The subjects that have an image; `n` (m,) counts the images of all."""
    kept = n > 0
    clinical, rows = study.clinical, study.rows[kept]
    source = [sha256.hex() if len(sha256) == 32 else hashlib.sha256(sha256).hexdigest() for sha256 in hashes]
    return Subjects(
        id=np.array(list(study.files), dtype=np.str_)[kept],
        duration=clinical.duration[rows],
        event=clinical.event[rows],
        split=None if study.split is None else study.split[kept],
        truth=None if clinical.truth is None else clinical.truth[rows],
        entry=None if clinical.entry is None else clinical.entry[rows],
        cause=None if clinical.cause is None else clinical.cause[rows],
        covariates={name: values[rows] for name, values in clinical.covariates.items()},
        source=np.array(source, dtype=np.str_)[kept],
        n_images=None if (n[kept] == 1).all() else n[kept],
    )
