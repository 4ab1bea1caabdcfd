"""surv-mnist as a cohort: the official split, ids, the truth, and limits that change no subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lifelines.utils import concordance_index

from survembed.cohort.cohort import Cohort
from survembed.datasets import SurvMNIST
from survembed.datasets.digits.mnist import PARTS, read_mnist_file
from survembed.errors import DataError
from survembed.progress import QUIET
from tests.datasets.preparing import prepared


@pytest.fixture(scope="module")
def whole(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """All 70,000 digits under the default scheme."""
    return prepared(SurvMNIST(root=test_data / "mnist").build(), tmp_path_factory.mktemp("mnist"))


def test_official_split_and_images(whole: Cohort, test_data: Path) -> None:
    subjects = whole.subjects
    assert len(whole) == 70_000
    assert subjects.split is not None
    assert subjects.split.tolist() == ["train"] * 60_000 + ["test"] * 10_000
    assert subjects.id[[0, 59_999, 60_000, 69_999]].tolist() == [
        "train-00000",
        "train-59999",
        "test-00000",
        "test-09999",
    ]
    images = read_mnist_file(test_data / "mnist" / "t10k-images-idx3-ubyte.gz", PARTS["test"][0])
    labels = read_mnist_file(test_data / "mnist" / "t10k-labels-idx1-ubyte.gz", PARTS["test"][1])
    rows = [60_007, 69_999, 60_000]
    np.testing.assert_array_equal(whole.stored(rows)[:, 0], images[[7, 9999, 0]])
    np.testing.assert_allclose(whole.images([60_000])[0, 0], images[0] / 255, rtol=1e-6)
    np.testing.assert_array_equal(subjects.covariates["digit"][60_000:], labels)


def test_says_that_it_is_simulated(whole: Cohort) -> None:
    assert whole.header.synthetic
    assert "simulated" in whole.header.title
    assert whole.header.time_unit == "days"
    assert [(channel.name, channel.likelihood) for channel in whole.channels] == [("digit", "bernoulli")]


def test_ceiling_of_the_truth(whole: Cohort) -> None:
    subjects = whole.subjects
    assert subjects.truth is not None
    test = subjects.split == "test"
    ceiling = concordance_index(subjects.duration[test], -subjects.truth[test], subjects.event[test])
    assert ceiling == pytest.approx(0.818, abs=0.003)
    assert 1 - subjects.event.mean() == pytest.approx(0.175, abs=0.005)


def test_limits_keep_the_first_subjects_as_they_are(whole: Cohort, test_data: Path, tmp_path: Path) -> None:
    few = prepared(SurvMNIST(root=test_data / "mnist", n_train=40, n_test=15).build(), tmp_path)
    rows = np.r_[0:40, 60_000:60_015]
    assert few.subjects.id.tolist() == whole.subjects.id[rows].tolist()
    np.testing.assert_array_equal(few.subjects.duration, whole.subjects.duration[rows])
    np.testing.assert_array_equal(few.stored(range(55)), whole.stored(rows))


def test_gensheimer_keeps_digits_0_to_4(test_data: Path, tmp_path: Path) -> None:
    options = SurvMNIST(root=test_data / "mnist", scheme="gensheimer", n_train=100, n_test=50)
    cohort = prepared(options.build(), tmp_path)
    digits = cohort.subjects.covariates["digit"]
    assert set(digits) == {0, 1, 2, 3, 4}
    assert (cohort.subjects.split == "train").sum() == 100
    assert cohort.subjects.truth == pytest.approx(0.9 * digits)
    labels = read_mnist_file(test_data / "mnist" / "train-labels-idx1-ubyte.gz", PARTS["train"][1])
    position = int(cohort.subjects.id[7].removeprefix("train-"))
    assert labels[position] == digits[7]  # the id is the place in the published file
    images = read_mnist_file(test_data / "mnist" / "train-images-idx3-ubyte.gz", PARTS["train"][0])
    np.testing.assert_array_equal(cohort.stored([7])[0, 0], images[position])


def test_fingerprint(test_data: Path) -> None:
    here = SurvMNIST(root=test_data / "mnist").build().fingerprint(QUIET)
    assert here == SurvMNIST().build().fingerprint(QUIET)  # wherever the files are: their content is known
    others = [SurvMNIST(seed=1), SurvMNIST(scheme="xcal"), SurvMNIST(n_test=10)]
    assert all(other.build().fingerprint(QUIET) != here for other in others)


def test_wrong_folder_is_refused_before_preparing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train-images"):
        SurvMNIST(root=tmp_path).build().fingerprint(QUIET)
