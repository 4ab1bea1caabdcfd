"""tabular: tables and DeepSurv files as cohorts of one-dimensional images; every invalid input is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.cohort.exclusions import Exclusion
from survembed.datasets import Tabular
from survembed.errors import DataError, SurvembedError
from survembed.progress import QUIET, Reporter
from tests.datasets.preparing import prepared

FRAME = pd.DataFrame(
    {
        "patient": ["p01", "p02", "p03", "p04"],
        "time_days": [10.5, 0.0, 300.0, 42.0],
        "death": [1, 0, 0, 1],
        "age": [61.0, 72.5, 55.0, 48.0],
        "T/N stage": ["II", "I", "III", "I"],
        "smoker": [True, False, True, False],
    }
)


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def write_deepsurv(path: Path, **changes: object) -> Path:
    """A whole DeepSurv file; `changes` replace datasets such as `train_x`, None leaves one out."""
    with h5py.File(path, "w") as file:
        for part, n in (("train", 6), ("test", 4)):
            arrays = {"x": np.arange(n * 3.0).reshape(n, 3), "t": np.arange(n) + 1.0, "e": np.arange(n) % 2}
            for name, values in arrays.items():
                values = changes.get(f"{part}_{name}", values)
                if values is not None:
                    file[f"{part}/{name}"] = values
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_same_cohort_from_every_kind_of_table(tmp_path: Path, suffix: str) -> None:
    cohort = prepared(Tabular(root=write(FRAME, tmp_path / f"study{suffix}")).build(), tmp_path)
    subjects = cohort.subjects
    assert subjects.id.tolist() == ["p01", "p02", "p03", "p04"]
    assert subjects.duration.tolist() == [10.5, 0, 300, 42]
    assert subjects.event.tolist() == [True, False, False, True]
    assert subjects.split is None
    assert cohort.header.features == ("age", "T/N stage=II", "T/N stage=III", "smoker")
    expected = [[61, 1, 0, 1], [72.5, 0, 0, 0], [55, 0, 1, 1], [48, 0, 0, 0]]
    np.testing.assert_array_equal(cohort.images(range(4)), np.array(expected)[:, None])
    assert cohort.header.dtype == "float32"
    assert [(channel.likelihood, channel.standardise) for channel in cohort.channels] == [("gaussian", True)]
    assert subjects.covariates["T∕N stage"].tolist() == ["II", "I", "III", "I"]
    assert any("'T/N stage' is encoded against 'I'" in note for note in cohort.header.notes)
    assert any("'time_days'" in note and "'death'" in note for note in cohort.header.notes)
    assert not cohort.header.synthetic


def test_chosen_columns(tmp_path: Path) -> None:
    frame = FRAME.assign(months=[1, 2, 3, 4], status=["dead", "alive", "alive", "alive"])
    options = Tabular(
        root=write(frame, tmp_path / "study.csv"),
        duration_column="months",
        event_column="status",
        event_value="dead",
        features="age, smoker",
        duration_unit="months",
    )
    cohort = prepared(options.build(), tmp_path)
    assert cohort.subjects.duration.tolist() == [1, 2, 3, 4]
    assert cohort.subjects.event.tolist() == [True, False, False, False]
    assert cohort.header.features == ("age", "smoker")
    assert cohort.header.time_unit == "months"


def test_without_ids_rows_are_numbered(tmp_path: Path) -> None:
    cohort = prepared(Tabular(root=write(FRAME.drop(columns="patient"), tmp_path / "study.csv")).build(), tmp_path)
    assert cohort.subjects.id.tolist() == ["row-1", "row-2", "row-3", "row-4"]


def test_missing_features(tmp_path: Path) -> None:
    frame = FRAME.assign(age=[61, None, 55, 48], empty="")
    path = write(frame, tmp_path / "study.csv")
    with pytest.raises(DataError, match="subject 'p02' has no 'age'") as caught:
        prepared(Tabular(root=path).build(), tmp_path)
    assert "data.missing=drop" in str(caught.value)
    assert not list(tmp_path.glob("*.h5"))
    cohort = prepared(Tabular(root=path, missing="drop").build(), tmp_path)
    assert cohort.subjects.id.tolist() == ["p01", "p03", "p04"]
    assert "1 of 4 subjects are left out: they miss a feature." in cohort.header.notes
    assert cohort.header.exclusions == (Exclusion("a feature is missing", 1),)
    assert "Column 'empty' is dropped: it is empty." in cohort.header.notes
    np.testing.assert_array_equal(cohort.images([0, 1, 2])[:, 0, 0], [61, 55, 48])


def test_free_text_is_no_feature(tmp_path: Path) -> None:
    frame = pd.concat([FRAME] * 10, ignore_index=True).drop(columns="patient")
    frame["name"] = [f"person {row}" for row in range(40)]
    path = write(frame, tmp_path / "study.csv")
    cohort = prepared(Tabular(root=path).build(), tmp_path)
    assert not any("name" in feature for feature in cohort.header.features)
    assert "name" not in cohort.subjects.covariates
    assert not any("person" in note for note in cohort.header.notes)
    with pytest.raises(DataError, match="can identify a patient"):
        prepared(Tabular(root=path, features="name").build(), tmp_path)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"time_days": [1, -2, 3, 4]}, {}, "subject 'p02' has '-2'"),
        ({"time_days": [1, None, 3, 4]}, {}, "subject 'p02' has ''"),
        ({"death": [1, 2, 0, 1]}, {}, "cannot be read: '0', '1', '2'"),
        ({"death": [0, 0, 0, 0]}, {}, "no event at all"),
        ({"patient": ["a", "a", "b", "c"]}, {}, "'a' appears 2 times"),
        ({}, {"features": "aeg"}, "no column 'aeg'"),
        ({}, {"features": "age,death"}, "'death' is not a feature"),
        ({}, {"event_column": "died"}, "no column 'died'"),
        ({}, {"id_column": "case"}, "no column 'case'"),
    ],
)
def test_bad_tables(tmp_path: Path, change: dict[str, list[object]], options: dict[str, str], message: str) -> None:
    path = write(FRAME.assign(**change), tmp_path / "study.csv")
    with pytest.raises(DataError, match=message) as caught:
        prepared(Tabular(root=path, **options).build(), tmp_path)
    assert caught.value.where == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["study.csv"]


def test_no_feature_and_one_subject(tmp_path: Path) -> None:
    path = write(FRAME[["time_days", "death"]], tmp_path / "study.csv")
    with pytest.raises(DataError, match="no feature is left"):
        prepared(Tabular(root=path).build(), tmp_path)
    write(FRAME.head(1), path)
    with pytest.raises(DataError, match=r"1 subject\(s\)"):
        prepared(Tabular(root=path).build(), tmp_path)


@pytest.mark.parametrize(("root", "message"), [(None, "option root is not set"), ("none.csv", "no file none.csv")])
def test_no_file(tmp_path: Path, root: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Tabular(root=root and tmp_path / root).build().fingerprint(QUIET)
    assert "--root" in str(caught.value)


def test_fingerprint_follows_content_and_options(tmp_path: Path) -> None:
    path = write(FRAME, tmp_path / "study.csv")
    first = Tabular(root=path).build().fingerprint(QUIET)
    assert Tabular(root=path).build().fingerprint(QUIET) == first
    assert Tabular(root=path, features="age").build().fingerprint(QUIET) != first
    write(FRAME.assign(age=1.0), path)
    assert Tabular(root=path).build().fingerprint(QUIET) != first


def test_the_choice_of_columns_is_said(tmp_path: Path) -> None:
    said: list[str] = []

    class Listening(Reporter):
        def say(self, text: str) -> None:
            said.append(text)

    prepared(Tabular(root=write(FRAME, tmp_path / "study.csv")).build(), tmp_path, Listening())
    assert said[0] == (
        "Durations are column 'time_days', in days (from the name); events are column 'death', which counts '1' as the "
        "event, '0' as censored; ids are column 'patient'."
    )


@pytest.mark.parametrize(("name", "shape", "n_test"), [("whas", (1638, 6), 328), ("gbsg_cancer", (2232, 7), 686)])
def test_deepsurvs_own_files(test_data: Path, tmp_path: Path, name: str, shape: tuple[int, int], n_test: int) -> None:
    path = test_data / "tabular" / f"{name}_train_test.h5"
    cohort = prepared(Tabular(root=path).build(), tmp_path)
    assert (len(cohort), *cohort.shape) == shape
    subjects = cohort.subjects
    assert subjects.split is not None
    test = np.flatnonzero(subjects.split == "test")
    assert len(test) == n_test
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(cohort.images(test)[:, 0], file["test/x"][:])
        np.testing.assert_array_equal(subjects.duration[test], file["test/t"][:])
        np.testing.assert_array_equal(subjects.event[test], file["test/e"][:] == 1)


def test_a_deepsurv_file_has_no_causes(tmp_path: Path) -> None:
    path = write_deepsurv(tmp_path / "study.h5")
    options = Tabular.configure("data", {"root": path, "causes": "1=recurrence,2=death"})
    with pytest.raises(DataError, match="one kind of event"):
        prepared(options.build(), tmp_path)


def test_a_deepsurv_file_with_a_validation_part(tmp_path: Path) -> None:
    path = write_deepsurv(tmp_path / "study.h5")
    with h5py.File(path, "a") as file:
        file["valid/x"], file["valid/t"], file["valid/e"] = np.ones((2, 3)), [1.0, 2.0], [0, 1]
    subjects = prepared(Tabular(root=path).build(), tmp_path).subjects
    assert subjects.split is not None
    assert subjects.split.tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    assert subjects.id[6] == "validation-0000"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_x": np.ones((4, 2))}, "group 'test'"),
        ({"train_t": np.ones(5)}, "group 'train'"),
        ({"train_x": np.ones(6)}, "group 'train'"),
        ({"train_x": np.ones((6, 0)), "test_x": np.ones((4, 0))}, "no feature is left"),
        ({"test_e": None}, "cannot read"),
        ({"test_e": ["a", "b", "c", "d"]}, "cannot read"),
        ({"test_e": [0, 1, 2, 0]}, "event of 'test-0002' is 2"),
        ({"test_e": np.zeros(4), "train_e": np.zeros(6)}, "no event at all"),
        ({"test_t": [1, np.nan, 3, 4]}, "'test-0001' has nan"),
        ({"test_t": [1, -1, 3, 4]}, "'test-0001' has -1"),
        ({"train_x": np.full((6, 3), np.nan)}, "'train-0000' has no 'x0'"),
    ],
)
def test_bad_deepsurv_files(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write_deepsurv(tmp_path / "study.h5", **changes)
    folder = tmp_path / "cohorts"
    with pytest.raises(DataError, match=message) as caught:
        prepared(Tabular(root=path).build(), folder)
    assert caught.value.where == str(path)
    assert not folder.exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(length=st.integers(0, 9000))
def test_truncated_deepsurv_files_raise_nothing_else(tmp_path: Path, length: int) -> None:
    whole = write_deepsurv(tmp_path / "whole.h5").read_bytes()
    path = tmp_path / "study.h5"
    path.write_bytes(whole[:length])
    if length < len(whole):
        with pytest.raises(SurvembedError):
            prepared(Tabular(root=path).build(), tmp_path / "cohorts")


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=4), st.dates().map(pd.Timestamp)
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(0, 9), st.integers(0, 1), CELLS, CELLS), min_size=1, max_size=6),
    name=st.text(max_size=3),
    missing=st.sampled_from(["error", "drop"]),
)
def test_odd_tables_raise_nothing_else(tmp_path: Path, rows: list[tuple[object, ...]], name: str, missing: str) -> None:
    path = tmp_path / "study.csv"
    frame = pd.DataFrame(rows, columns=["time", "event", "age", name])
    frame.to_csv(path, index=False, encoding="utf-8", errors="replace")
    try:
        cohort = prepared(Tabular(root=path, missing=missing).build(), tmp_path)  # type: ignore[arg-type]
    except SurvembedError:
        return
    assert np.isfinite(cohort.images(range(len(cohort)))).all()
    cohort.close()


@pytest.mark.parametrize("cell", ["1_000", "<5", "see report", "61,5"])
def test_a_feature_that_is_not_clear_is_refused_not_dropped(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "study.tsv"
    rows = [f"S{row}\t{400 + row}\t{row % 2}\t{50.5 + row}" for row in range(20)]
    path.write_text("\n".join(["id\ttime_days\tdeath\tage", *rows, f"S20\t500\t1\t{cell}"]))
    with pytest.raises(DataError, match="column 'age'") as caught:
        prepared(Tabular(root=path).build(), tmp_path)
    assert f"row 21 has '{cell}'" in caught.value.message
