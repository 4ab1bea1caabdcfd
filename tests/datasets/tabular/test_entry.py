"""Late entry from a column of the table, through preparation, training and scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from survembed.cohort.cohort import Cohort
from survembed.cohort.prepare import prepare
from survembed.datasets import Tabular
from survembed.errors import DataError
from survembed.survival.concordance import NO_FORM
from tests.cli.command import survembed

N = 90


def table(folder: Path, entry: list[object] | None = None, name: str = "entry") -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    life = np.ceil(rng.exponential(np.exp(-x)) * 100) + 5
    entries = np.floor(rng.uniform(0, 1, N) * life * 0.9).astype(int).tolist() if entry is None else entry
    lines = [f"id,x,w,time,event,{name}"]
    lines += [f"s{i},{x[i]:.4f},{rng.normal():.3f},{life[i]:g},{int(i % 4 > 0)},{entries[i]}" for i in range(N)]
    path = folder / "study.csv"
    path.write_text("\n".join(lines))
    return path


def subjects(path: Path, **options: object) -> Cohort:
    component = Tabular.configure("data", {"root": path, **options})
    return Cohort(prepare(component, "tabular").path)


def test_entries_come_with_the_cohort_and_are_no_feature(tmp_path: Path) -> None:
    cohort = subjects(table(tmp_path), entry_column="entry")
    assert cohort.subjects.entry is not None
    assert (cohort.subjects.entry < cohort.subjects.duration).all()
    assert cohort.header.features == ("x", "w")
    assert any("late entries are column 'entry'" in note for note in cohort.header.notes)


@pytest.mark.parametrize("value", [0, 5])
def test_equal_entries_before_everyone_leaves_are_no_late_entry(tmp_path: Path, value: int) -> None:
    cohort = subjects(table(tmp_path, [value] * N), entry_column="entry")
    assert cohort.subjects.entry is None
    assert any(f"are {value}, so that nobody enters late" in note for note in cohort.header.notes)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("9999", "1 subject.s. enter at or after the end of their follow-up, first: subject 's3'"),
        ("time", "1 subject.s. enter at or after the end of their follow-up, first: subject 's3'"),
        ("", "column 'entry' has missing, negative or non-numeric"),
        ("-1", "column 'entry' has missing, negative or non-numeric"),
        ("soon", "column 'entry' has missing, negative or non-numeric"),
    ],
)
def test_entries_that_cannot_be(tmp_path: Path, value: str, message: str) -> None:
    rows = [line.split(",") for line in table(tmp_path, [1] * N).read_text().splitlines()]
    rows[4][5] = rows[4][3] if value == "time" else value
    path = tmp_path / "study.csv"
    path.write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(DataError, match=message):
        subjects(path, entry_column="entry")


def test_another_unit_and_an_unknown_column_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, name="entry_years")
    with pytest.raises(DataError, match=r"entries in years .column 'entry_years'., durations in days"):
        subjects(path, entry_column="entry_years", duration_unit="days")
    with pytest.raises(DataError, match="no column 'entri'"):
        subjects(path, entry_column="entri")


def test_commands_heed_late_entry_and_say_what_cannot_be_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ["--runs-dir", str(tmp_path / "runs")]
    train = f"train deepsurv --data tabular --root {table(tmp_path)} --set data.entry_column=entry --updates 20"
    answer = survembed(capsys, *train.split(), "--head", "linear", *runs)
    assert answer.code == 0, answer.err
    scored = survembed(capsys, "evaluate", "--downstream", "coxph", "--bootstrap", "20", "--json", *runs)
    assert scored.code == 0, scored.err
    base, coxph = json.loads(scored.out)["rows"]
    assert 0.4 < base["harrell_c"]["value"] <= 1
    assert {base[name]["reason"] for name in ("uno_c", "ibs")} == {NO_FORM}
    assert base["calibration"] is None
    assert "takes no late entry" in coxph["notes"][0]
    for command in ("importance", "figure survival --bootstrap 0", "report"):
        done = survembed(capsys, *command.split(), *runs)
        assert done.code == 0, done.err
        assert "nan" not in (done.out + done.err).lower().split()
    for figure in ("brier", "calibration"):
        refused = survembed(capsys, "figure", figure, *runs)
        assert refused.code in (2, 4)
        assert "late entry" in refused.err


def test_likelihood_of_discrete_time_skips_the_intervals_before_the_entry() -> None:
    import torch

    from survembed.heads.discrete import DiscreteHead
    from survembed.survival.batch import Batch

    head = DiscreteHead(1, 3, (1.0, 2.0, 3.0)).double()
    duration, event = torch.tensor([1.0, 2, 3, 3]).double(), torch.tensor([1, 1, 1, 1])
    head.fit_outcome(duration, event)
    z, entry = torch.randn(4, 1).double(), torch.tensor([0.0, 0.5, 2.0, 2.5]).double()
    h = head.logits(z).sigmoid()
    expected = -(h[0, 0].log() + h[1, 1].log() + h[2, 2].log()) / 4  # of the last no whole interval is seen
    torch.testing.assert_close(head.loss(z, Batch(z, duration, event, entry=entry)), expected)
