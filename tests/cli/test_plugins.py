"""Bad plugins: rows in `plugins list`, and nothing anywhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import survembed, survembed_process
from tests.packages import add_bad_company


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bad packages, one of which takes a minute to import."""
    folder = tmp_path_factory.mktemp("company")
    add_bad_company(folder)
    return folder


@pytest.mark.parametrize(
    "line", ["--help", "train --help", "train coxvae --help", "train vae --data surv-digits --dry-run", "runs list"]
)
def test_other_commands_import_no_plugin(company: Path, line: str) -> None:
    answer = survembed_process(*line.split(), path=company)
    assert (answer.code, answer.err) == (0, "")
    assert not (company / "imported").exists()


def test_group_help_names_their_packages(company: Path) -> None:
    out = survembed_process("train", "--help", path=company, environment={"COLUMNS": "200"}).out
    assert "From the package good 1.0." in out
    assert "twin-one:twin" in out


def test_completion_is_safe(company: Path) -> None:
    for words, expected in (("survembed train ", "raises"), ("survembed train coxvae --ta", "--tau")):
        variables = {
            "_SURVEMBED_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        answer = survembed_process(path=company, environment=variables)
        assert expected in answer.out.splitlines()
        assert answer.err == ""
    assert not (company / "imported").exists()


def test_list_has_a_row_for_each(company: Path) -> None:
    answer = survembed_process("plugins", "list", "--kind", "models", "--json", path=company)
    assert answer.code == 0
    rows = {(row["package"], row["name"]): row for row in json.loads(answer.out)}
    assert {key: row["state"] for key, row in rows.items() if key[0] != "survembed"} == {
        ("good", "good"): "ok",
        ("raises", "raises"): "broken",
        ("future", "future"): "incompatible",
        ("twin-one", "twin"): "duplicate",
        ("twin-two", "twin"): "duplicate",
        ("twin-two", "coxvae"): "duplicate",
    }
    assert rows["raises", "raises"]["summary"] == "RuntimeError: no luck"
    (company / "imported").unlink()


def test_use_of_a_bad_one(company: Path) -> None:
    answer = survembed_process("train", "raises", "--data", "surv-digits", path=company)
    assert answer.code == 3
    assert answer.err.startswith("error: the model 'raises' of raises 1.0 is broken: RuntimeError: no luck\n")
    assert "Traceback" not in answer.err
    answer = survembed_process("train", "twin", path=company)
    assert answer.code == 3
    assert "try:      survembed train twin-one:twin" in answer.err
    (company / "imported").unlink()


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(survembed(capsys, "plugins", "show", "deepsurv", "--json").out)
    assert [each["kind"] for each in found] == ["models", "heads"]
    hidden = next(option for option in found[1]["options"] if option["option"] == "hidden")
    assert (hidden["type"], hidden["default"]) == ("tuple[int, ...]", [32, 32])
    file, _, line = found[0]["file"].rpartition(":")
    assert Path(file).read_text().splitlines()[int(line) - 1].startswith("class DeepSurv")
    table = survembed(capsys, "plugins", "show", "coxvae")
    assert any(line.split()[:4] == ["tau", "float", "0<=x<=1", "0.2"] for line in table.out.splitlines())


def test_tables_are_not_cut_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(survembed(capsys, "plugins", "list", "--json").out)
    out = survembed(capsys, "plugins", "list").out
    assert all(row["summary"] in out for row in rows)


def test_types_and_ranges_of_lists_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    options = {
        each["option"]: each
        for each in json.loads(survembed(capsys, "plugins", "show", "liver", "--json").out)[0]["options"]
    }
    assert options["size"]["type"] == "tuple[int, int, int]"
    assert options["size"]["range"] == "8<=x<=512"
    assert options["fov_mm"]["type"] == "tuple[float, float, float] | None"
    assert options["tumour_labels"]["type"] == "tuple[int, ...] | None"
    assert options["duration_unit"]["type"] == "days | weeks | months | years | None"
    assert options["root"]["type"] == "Path | None"
