"""surv-MNIST: the images of MNIST with survival times simulated from their digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.subjects import Channel, CohortHeader, Subjects
from survembed.datasets.digits import mnist
from survembed.datasets.digits.simulated_outcomes import SCHEMES
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.cohort.source import NewCases
    from survembed.datasets import SurvMNIST


def digits_header(dataset: str, title: str, scheme: str, shape: tuple[int, int]) -> CohortHeader:
    """Header of a cohort of real digits with simulated survival, marked as simulated in title and notes."""
    return CohortHeader(
        dataset=dataset,
        title=f"{title} (simulated survival times, {scheme})",
        channels=(Channel("digit", "bernoulli"),),
        shape=shape,
        synthetic=True,
        time_unit=SCHEMES[scheme].time_unit,
        notes=(f"The images are real; durations and events are simulated from the digit by the scheme '{scheme}'.",),
    )


def digits_subjects(
    ids: NDArray[np.str_], digits: NDArray[np.int64], split: NDArray[np.str_], scheme: str, seed: int
) -> Subjects:
    """Subjects with simulated survival; `digits` (n,) must be in the range of the scheme."""
    simulated = SCHEMES[scheme].simulate(digits, seed)
    return Subjects(
        id=ids,
        duration=simulated.duration,
        event=simulated.event,
        split=split,
        truth=simulated.log_hazard,
        covariates={"digit": digits.astype(np.float64)},
    )


@dataclass(frozen=True)
class MNISTSource:
    """Source of `SurvMNIST`: MNIST in a given folder, else in the cache."""

    options: SurvMNIST

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """MD5 of MNIST and options of the simulation. Files in `root` are verified; other files are not downloaded."""
        if self.options.root is not None:
            paths = mnist.find_mnist(self.options.root)
            for file in mnist.FILES:
                mnist.read_verified(paths[file.name], file)
        return {
            "dataset": "surv-mnist",
            "files": [file.plain_md5 for file in mnist.FILES],
            **self.options.model_dump(mode="json", include={"scheme", "seed", "n_train", "n_test"}),
        }

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Write the cohort: training digits first, in the order of the files."""
        options = self.options
        paths = mnist.find_mnist(options.root or mnist.download_mnist(options.mirror, reporter))
        arrays = {file.name: mnist.read_mnist_file(paths[file.name], file) for file in mnist.FILES}
        parts = {part: (arrays[pair[0].name], arrays[pair[1].name]) for part, pair in mnist.PARTS.items()}
        split = np.concatenate([np.full(len(labels), part) for part, (_, labels) in parts.items()])
        position = np.concatenate([np.arange(len(labels)) for _, labels in parts.values()])
        digits = np.concatenate([labels for _, labels in parts.values()]).astype(np.int64)
        images = np.concatenate([images for images, _ in parts.values()])

        usable = np.flatnonzero(np.isin(digits, SCHEMES[options.scheme].digits))
        ids = np.array([f"{split[row]}-{position[row]:05d}" for row in usable])
        subjects = digits_subjects(ids, digits[usable], split[usable], options.scheme, options.seed)
        limits = {"train": options.n_train, "test": options.n_test}
        keep = np.sort(np.concatenate([np.flatnonzero(subjects.split == part)[: limits[part]] for part in parts]))

        header = digits_header("surv-mnist", "surv-MNIST", options.scheme, (28, 28))
        with (
            reporter.task("preparing surv-mnist", total=len(keep), unit="images") as task,
            writing_cohort(path, header, fingerprint) as writer,
        ):
            for start in range(0, len(keep), 4096):
                rows = keep[start : start + 4096]
                writer.add(images[usable[rows], None])
                task.advance(len(rows))
            writer.finish(subjects.take(keep), where=str(options.root or "surv-mnist"))

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Read a new digit: PNG or .npy, white on black."""
        from survembed.datasets.digits.new_picture import read_picture

        return read_picture(files, cohort.header)
