"""`sweep`, `benchmark`, `tau` and `importance`: one folder, trained once, read four ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from survembed.cli.main import main
from tests.cli.command import Answer, survembed

DATA = "--data surv-digits --device cpu --folds 0 --sweep-dir study"
TINY = (
    "--set model.width=4 --set model.blocks=1 --set model.latent_dim=2 --set train.updates=10 "
    "--set train.batch_size=32 --set downstream.rsf.n_estimators=5"
)
TAUS = "--taus 0.1,0.9"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweeps")


@pytest.fixture
def study(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A working directory with a finished sweep over two values of tau, trained once by worker processes."""
    monkeypatch.chdir(folder)
    if not (folder / "study").exists():
        answer = run_in_process(capsys, f"sweep {DATA} {TAUS} {TINY} --workers 2")
        assert answer.code == 0, answer.err
        assert "finished" in answer.out
    return folder


def run_in_process(capsys: pytest.CaptureFixture[str], line: str) -> Answer:
    return survembed(capsys, *line.split())


def test_a_second_sweep_trains_nothing_and_lists_its_runs(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (study / "study" / "runs").glob("*/model.safetensors")}
    answer = run_in_process(capsys, f"sweep {DATA} {TAUS} {TINY} --json")
    cells = json.loads(answer.out)["cells"]
    assert [cell["state"] for cell in cells] == ["finished"] * 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    listed = json.loads(run_in_process(capsys, "runs list --runs-dir study/runs --json").out)
    assert {row["id"] for row in listed} == {cell["key"] for cell in cells}
    assert not (study / "study" / "cells" / cells[0]["key"] / "failed.json").exists()


def test_benchmark_prints_table_1_and_keeps_it(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"benchmark {DATA} {TAUS} {TINY} --models coxvae --bootstrap 20 --covariates none"
    answer = run_in_process(capsys, line)
    assert answer.code == 0, answer.err
    assert "C-index (higher is better)" in answer.out
    assert "synthetic: surv-digits" in answer.out
    assert "coxvae τ=0.1" in answer.out
    kept = study / "study" / "benchmark"
    assert f"survembed {line}" in (kept / "table1.md").read_text()
    table = json.loads((kept / "table1.json").read_text())
    assert {cell["column"] for cell in table["cells"]} == {"base", "coxph", "rsf"}
    assert "covariates" not in {cell["row"] for cell in table["cells"]}
    assert "order on PC 1" in answer.out, "several values of tau: the advice on tau comes with the table"
    assert (study / "study" / "tau" / "tau.png").is_file()


@pytest.mark.parametrize(
    ("typo", "remedy"),
    [
        ("--reference coxvea", "try:      --reference 'coxvae'"),
        ("--covariates digits", "try:      --covariates digit"),
    ],
)
def test_benchmark_refuses_a_typo_before_it_trains(
    typo: str, remedy: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run_in_process(capsys, f"benchmark {DATA} {TINY} --models coxvae,vae {typo}")
    assert answer.code == 2
    assert remedy in answer.err
    assert list(tmp_path.iterdir()) == []


def test_tau_recommends_and_draws(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run_in_process(capsys, f"tau {DATA} {TAUS} {TINY} --bootstrap 20 --json")
    assert answer.code == 0, answer.err
    advice = json.loads(answer.out)
    assert [row["tau"] for row in advice["rows"]] == [0.1, 0.9]
    assert advice["reason"]
    assert all((study / file).is_file() for file in advice["files"])
    plain = run_in_process(capsys, f"tau {DATA} {TAUS} {TINY} --bootstrap 20")
    assert "recommended" in plain.out
    assert "synthetic: surv-digits" in plain.out


def test_importance_of_a_run_of_the_sweep(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run_in_process(capsys, "importance --runs-dir study/runs --run coxvae-tau0.9")
    assert answer.code == 0, answer.err
    for word in ("HR per SD", "refitted, test part", "synthetic: surv-digits", "importance.png"):
        assert word in answer.out
    assert "p values are not adjusted for 2 dimensions" in answer.err
    found = json.loads(run_in_process(capsys, "importance --runs-dir study/runs --run coxvae-tau0.9 --json").out)
    assert len(found["dimensions"]) == 2


def test_dry_run_counts_the_runs_and_names_the_origins(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        '[data]\nname = "surv-digits"\n[sweep]\nmodels = ["coxvae", "vae"]\ntaus = [0.1, 0.5]\nfolds = 3\n'
        '[model]\nname = "coxvae"\nhead = "deepsurv"\n[head]\nhidden = [4]\n'
    )
    monkeypatch.setenv("SURVEMBED_SWEEP_REPEATS", "2")
    answer = run_in_process(capsys, f"sweep --config {file} --seeds 0,1 --dry-run --json")
    assert answer.code == 0, answer.err
    values = {key: (row["value"], row["origin"]) for key, row in json.loads(answer.out).items()}
    assert values["sweep.models"] == (["coxvae", "vae"], "study.toml")
    assert values["sweep.seeds"] == ([0, 1], "--seeds")
    assert values["sweep.repeats"] == (2, "SURVEMBED_SWEEP_REPEATS")
    assert values["model.head"] == ("deepsurv", "study.toml")
    assert values["head.hidden"] == ([4], "study.toml")
    assert f"{3 * 2 * 2 * (2 + 1)} runs" in answer.err


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("sweep --data surv-digits --models coxvea", 3, ("no model named 'coxvea'", "--models coxvae")),
        ("sweep --data surv-digits --models coxvae,vae --set model.tua=1", 2, ("no option 'tua'", "tau")),
        ("sweep --data surv-digits --folds 1", 2, ("one fold leaves nothing", "where:    survembed sweep --data")),
        ("sweep --data surv-digits --taus 2", 2, ("tau = 2",)),
        ("sweep --data surv-digits --models vae --taus 0.1", 2, ("no option tau in vae",)),
        ("tau --data surv-digits --models vae", 2, ("no option tau in vae",)),
        ("tau --data surv-digits --taus 0.1", 2, ("1 model(s) with 1 value(s) of tau", "--taus 0.01,0.5,0.99")),
        ("sweep --data surv-digits --shard 4/4", 2, ("no shard '4/4'",)),
        ("sweep --data surv-digits --seeds x", 2, ("seeds",)),
        ("sweep", 2, ("the dataset is missing",)),
        ("benchmark --data surv-digits --downstream rfs", 3, ("no downstream model named 'rfs'",)),
    ],
)
def test_errors_are_reported_before_training(
    line: str,
    code: int,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run_in_process(capsys, line)
    assert answer.code == code, answer.err
    assert all(word in answer.err for word in words), answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "sweep").exists()


def test_models_and_seeds_on_the_command_line_reach_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    text = capsys.readouterr().out
    assert all(flag in text for flag in ("--shard", "--scheduler", "--taus", "--sweep-dir"))


@pytest.mark.parametrize("command", ["sweep", "benchmark", "tau"])
def test_a_folder_of_something_else_is_not_written_to(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1")
    answer = run_in_process(capsys, f"{command} --data surv-digits --sweep-dir {tmp_path}")
    assert answer.code == 2
    assert "is not empty and holds no sweep" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["hosts"]
