"""surv-digits: scikit-learn's bundled handwritten digits (1,797 of 8×8) with survival simulated as in surv-MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import writing_cohort
from survembed.datasets.digits.simulated_outcomes import SCHEMES
from survembed.datasets.digits.surv_mnist import digits_header, digits_subjects
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.cohort.source import NewCases
    from survembed.datasets import SurvDigits


@dataclass(frozen=True)
class DigitsSource:
    """Source of `SurvDigits`: the digits included in scikit-learn."""

    options: SurvDigits

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Options of the simulation; the images never change."""
        return {"dataset": "surv-digits", **self.options.model_dump(mode="json")}

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Write the cohort in the order of scikit-learn, with the split of `stratified_split`."""
        from sklearn.datasets import load_digits

        options = self.options
        images, labels = load_digits(return_X_y=True)
        digits = np.asarray(labels, dtype=np.int64)
        split = stratified_split(digits)
        usable = np.flatnonzero(np.isin(digits, SCHEMES[options.scheme].digits))
        ids = np.array([f"digit-{row:04d}" for row in usable])
        header = digits_header("surv-digits", "surv-digits", options.scheme, (8, 8))
        with writing_cohort(path, header, fingerprint) as writer:
            writer.add(images[usable].reshape(-1, 1, 8, 8) / 16)
            writer.finish(
                digits_subjects(ids, digits[usable], split[usable], options.scheme, options.seed), where="surv-digits"
            )

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Read a new digit: PNG or .npy, white on black."""
        from survembed.datasets.digits.new_picture import read_picture

        return read_picture(files, cohort.header)


def stratified_split(digits: NDArray[np.int64]) -> NDArray[np.str_]:
    """`train` or `test` for each digit: 30 % of each digit are `test`, drawn with seed 0."""
    random = np.random.default_rng(0)
    split = np.full(len(digits), "train")
    for digit in np.unique(digits):
        rows = random.permutation(np.flatnonzero(digits == digit))
        split[rows[: round(0.3 * len(rows))]] = "test"
    return split
