"""Tables at 80 columns: no line is longer, no cell is over two lines high, and nothing is lost."""

from __future__ import annotations

import random

import pytest

from survembed import registry
from survembed.cli.table import table_lines
from tests.cli.command import survembed
from tests.trained import Made

INTERVAL = "0.748 (-0.583 to 0.871)"
WORDS = ["of", "the", "masks,", "in", "mm:", "a", "table", "with", "events", "and", "their", "covariates"]


def sentence(rng: random.Random, n_words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n_words))


@pytest.mark.parametrize("seed", range(30))
def test_any_table_fits_and_is_complete(seed: int) -> None:
    rng = random.Random(seed)
    kinds = [rng.choice(["word", "interval", "sentence"]) for _ in range(rng.randint(1, 9))]
    columns = ["name", *(sentence(rng, rng.randint(1, 5)) for _ in kinds)]
    rows = [
        [
            f"row-{number}",
            *(
                {"word": "finished", "interval": INTERVAL, "sentence": sentence(rng, rng.randint(0, 22))}[kind]
                for kind in kinds
            ),
        ]
        for number in range(3)
    ]
    lines = table_lines(columns, rows, 80)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert text.count("0.748 (-0.583 to 0.871)") == 3 * kinds.count("interval")
    for word in {word for line in [*columns, *rows] for cell in line for word in cell.split()}:
        assert text.count(word) >= sum(cell.split().count(word) for line in [columns, *rows] for cell in line)
    starts = [index for index, line in enumerate(lines) if line.startswith(" row-")]
    ends = [*starts[1:], len(lines)]
    for start, end in zip(starts, ends, strict=True):
        inline = [line for line in lines[start + 1 : end] if line and not line.startswith(" " * 5) and "─" not in line]
        assert len([line for line in inline if not line.startswith((" name", " row-"))]) <= 1


def test_wide_columns_follow_in_a_table_of_their_own() -> None:
    assert table_lines(
        ["model", "Harrell's C", "Uno's C"], [["base", INTERVAL, INTERVAL], ["rsf", INTERVAL, "none"]], 40
    ) == [
        "",
        " model   Harrell's C",
        " ───────────────────────────────",
        f" base    {INTERVAL}",
        f" rsf     {INTERVAL}",
        "",
        " model   Uno's C",
        " ───────────────────────────────",
        f" base    {INTERVAL}",
        " rsf     none",
    ]


def test_sentences_are_below_their_row() -> None:
    reason = "the file study/subject-with-a-long-name/labels.nii.gz has no voxels with the label 2, which means tumour"
    lines = table_lines(["subject", "state", "reason"], [["a", "failed", reason], ["b", "ok", ""]], 60)
    assert lines[1:3] == [" subject   state", "     reason"]
    assert lines[4] == " a         failed"
    assert " ".join(line.strip() for line in lines[5:-1]) == reason
    assert lines[-1] == " b         ok"


@pytest.mark.usefixtures("plugin")
def test_commands_at_80_columns(
    a_run: Made, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    runs = str(a_run().path.parent)
    commands = [
        ["evaluate", "--downstream", "coxph", "--bootstrap", "20", "--runs-dir", runs],
        ["importance", "--runs-dir", runs],
        ["runs", "list", "--runs-dir", runs],
        ["runs", "show", "--runs-dir", runs],
        ["plugins", "list"],
        *(["plugins", "show", name] for kind in registry.KINDS for name in registry.names(kind)),
    ]
    for command in commands:
        answer = survembed(capsys, *command)
        assert answer.code == 0
        table = answer.out.partition("\n\n")[2]
        too_long = [
            line for line in table.splitlines() if len(line) > 80 and "/" not in line and "survembed train" not in line
        ]
        assert too_long == [], command
        assert "FieldInfo" not in answer.out
        assert "typing." not in answer.out
