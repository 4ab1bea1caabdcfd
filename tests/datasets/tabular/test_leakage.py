"""Columns that leak the outcome are found by name and by association; real predictors are not refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from lifelines.datasets import load_gbsg2, load_larynx, load_lung, load_rossi
from numpy.typing import NDArray
from sksurv.datasets import load_flchain, load_veterans_lung_cancer, load_whas500

from survembed.datasets.tabular.leakage import are_dates, are_row_numbers, association, names_outcome


@pytest.mark.parametrize(
    "name",
    [
        *("PFI", "PFI.time", "DSS", "DFS_months", "rfs_event", "Progression_Free_Survival", "time2event", "OS_flag"),
        *(
            "vital_status",
            "status",
            "event",
            "alive",
            "censored",
            "cause_of_death",
            "death_date",
            "Todesdatum",
            "date_décès",
        ),
        *("last_contact", "follow_up", "fu_time", "days_since_surgery", "months_to_progression", "date_of_surgery"),
        *(
            "local_failure",
            "Locoregional control",
            "disease_free",
            "failure",
            "time_to_treatment_failure",
            "LRR",
            "COD",
            "Todesursache",
        ),
        *("status_5y", "Status at 24 months", "off_study", "time on study", "NED", "recaída", "ripresa di malattia"),
        *(
            "hospdead",
            "in_hospital_mortality",
            "Autopsy",
            "discharge_status",
            "age_at_end",
            "Progression free survival",
        ),
        *("recurrence", "relapse", "progression", "Rezidiv", "tumor_status", "overall_survival", "time", "futime"),
    ],
)
def test_names_of_outcomes(name: str) -> None:
    assert names_outcome(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "age",
            "prior_recurrence",
            "smoking_status",
            "er_status",
            "hospital_stay_days",
            "diagtime",
            "5-FU",
            "T",
            "N",
            "M",
        ),
        *(
            "heart_failure",
            "treatment_control",
            "study_arm",
            "site",
            "year",
            "month",
            "hr",
            "time_of_day",
            "duration_of_surgery",
            "dose",
            "afp",
            "performance_status",
        ),
    ],
)
def test_names_of_covariates(name: str) -> None:
    assert not names_outcome(name)


def simulated(n: int, effect: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """A covariate, durations and events; an effect of 2.5 gives C of about 0.87."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, censoring = rng.exponential(size=n) * np.exp(-effect * x), np.exp(rng.normal(1, 2, size=n))
    return x, np.minimum(time, censoring), time <= censoring


@pytest.mark.parametrize("n", [12, 20, 40, 100, 300])
def test_strong_predictors_are_not_refused(n: int) -> None:
    refused = sum(
        association(*simulated(n, effect, seed)) is not None for effect in (0, 1.5, 2.5) for seed in range(25)
    )
    assert refused <= 1


def test_no_covariate_of_real_tables_is_refused(test_data: Path) -> None:
    tables = []
    for frame, time, event in (
        (load_rossi(), "week", "arrest"),
        (load_lung(), "time", "status"),
        (load_gbsg2(), "time", "cens"),
        (load_larynx(), "time", "death"),
    ):
        tables.append((frame.drop(columns=[time, event]), frame[time], frame[event]))
    for x, y in (load_veterans_lung_cancer(), load_whas500(), load_flchain()):
        event, time = y.dtype.names
        tables.append((x.drop(columns="chapter", errors="ignore"), y[time], y[event]))
    for frame, time, event in tables:
        for name in frame.columns:
            values = frame[name]
            values = (
                values.to_numpy(float)
                if values.dtype.kind in "bif"
                else values.astype(object).fillna("").astype(str).to_numpy(str)
            )
            found = association(values, np.asarray(time, float), np.asarray(event) == np.max(event))
            assert found is None, name
            assert not names_outcome(name), name
            assert not are_row_numbers(name, values), name
    for study in ("whas", "gbsg_cancer"):
        with h5py.File(test_data / "tabular" / f"{study}_train_test.h5") as file:
            x, t, e = (file[f"train/{name}"][:].astype(float) for name in "xte")
        assert [association(column, t, e == 1) for column in x.T] == [None] * x.shape[1]


def test_the_cause_of_death_of_a_real_table_is_found() -> None:
    x, y = load_flchain()
    cause = x["chapter"].astype(object).fillna("").astype(str).to_numpy(str)
    assert association(cause, y["futime"].astype(float), y["death"]) is not None


X, TIME, EVENT = simulated(120, 1.0, 5)
NOISE = np.random.default_rng(1).normal(size=120)
COPIES = {
    "unit": TIME / 30.4375,
    "rounded": np.round(TIME * 40),
    "reversed": 1 / (1 + TIME),
    "logarithm": np.log(TIME),
    "noisy": TIME * np.exp(0.01 * NOISE),
    "of the dead": np.where(EVENT, TIME, NOISE),
    "of the censored": np.where(EVENT, np.nan, TIME),
    "event": EVENT.astype(float),
    "event coded 2 and 1": np.where(EVENT, 1.0, 2.0),
    "event in words": np.where(EVENT, "gone", "here"),
    "status with competing event": np.where(EVENT, 2.0, (NOISE > 0).astype(float)),
    "time to recurrence": np.minimum(TIME, np.exp(NOISE)),
    "time to recurrence in months": np.minimum(TIME, np.exp(NOISE)) / 30.4375,
    "known for the dead": np.where(EVENT, NOISE, np.nan),
    "cause": np.where(EVENT, np.where(NOISE > 0, "a", "b"), ""),
    "long survivor": (np.median(TIME) < TIME).astype(float),
    "class": np.where(np.median(TIME) < TIME, "good", "poor"),
}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_the_outcome_are_found(kind: str) -> None:
    assert association(COPIES[kind], TIME, EVENT) is not None


def test_noise_and_gaps_are_not() -> None:
    gaps = np.where(np.random.default_rng(2).random(120) < 0.3, np.nan, X)
    for values in (X, NOISE, gaps, np.round(X), np.where(NOISE > 1, "a", "b"), np.zeros(120)):
        assert association(values, TIME, EVENT) is None


def test_row_numbers() -> None:
    rng = np.random.default_rng(0)
    for name in ("index", "Unnamed: 0", "X", "rownames", "No.", "obs", "anything"):
        assert are_row_numbers(name, np.arange(30.0))
        assert are_row_numbers(name, np.arange(1.0, 31.0))
        assert are_row_numbers(name, rng.permutation(30) + 1.0)
    assert are_row_numbers("No.", np.array([*range(1, 12), *range(1, 7)], dtype=float))  # anew in each group
    assert are_row_numbers("record", np.arange(1001.0, 1031.0))
    assert are_row_numbers("index", np.array([0.0, 3, 4, 9]))  # rows were dropped
    for name, values in (
        ("x", rng.normal(size=30)),
        ("index", rng.normal(size=30)),
        ("age", rng.integers(30, 80, 30).astype(float)),
        ("n", np.array([1.0, 2, 3])),
        ("number", np.array([1.0, 2, 3, 1, 1, 2, 5, 1, 2, 1, 1, 3])),
        ("afp", np.where(np.arange(30) == 3, np.nan, np.arange(30.0))),
    ):
        assert not are_row_numbers(name, values)


def test_dates() -> None:
    for dates in (["2010-03-01", "2011-12-24"], ["1.3.2010", "24.12.2011"], ["03/01/10", "12/24/11"], ["20100301", ""]):
        assert are_dates(dates)
    assert are_dates(["2010-03-01 00:00:00", "1 Mar 2010"])
    assert not are_dates(["2010", "12.5", "1-2", "T2", "20109999", "1,234.5"])


@pytest.mark.parametrize("n", [12, 20, 30])
def test_levels_in_order_by_chance_are_not_refused(n: int) -> None:
    rng = np.random.default_rng(7)
    for _ in range(100):
        duration, event = rng.integers(0, 15, n).astype(float), rng.random(n) < 0.5
        assert association(rng.choice(["a", "a", "b", "b", "c", "d"], n), duration, event) is None
        assert association(rng.integers(0, 3, n).astype(float), duration, event) is None
