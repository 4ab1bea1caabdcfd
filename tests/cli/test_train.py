"""`train`: every value with its origin, and a run that every later command finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from survembed.cli.train import show_trained
from tests.cli.command import Answer, survembed
from tests.packages import add_package, component
from tests.trained import Made

FAST = [
    "--updates",
    "2",
    "--width",
    "4",
    "--blocks",
    "1",
    "--latent-dim",
    "2",
    "--batch-size",
    "64",
    "--precision",
    "float32",
]


def dry_run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[object, str]]:
    answer = survembed(capsys, "train", *arguments, "--dry-run", "--json")
    assert answer.code == 0, answer.err
    return {key: (row["value"], row["origin"]) for key, row in json.loads(answer.out).items()}


def test_dry_run_names_every_origin(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "study.toml"
    file.write_text('seed = 5\n[data]\nname = "surv-digits"\n[model]\nname = "coxvae"\nbeta = 0.1\n[train]\nrate = 1\n')
    monkeypatch.setenv("SURVEMBED_TRAIN_CLIP", "3")
    values = dry_run(
        capsys, *f"coxvae --config {file} --preset paper --set head.hidden=8,4 --head deepsurv --tau 0.5".split()
    )
    assert values["model.name"] == ("coxvae", "command")
    assert values["data.name"] == ("surv-digits", "study.toml")
    assert values["data.scheme"] == ("exponential", "default")
    assert values["model.beta"] == (0.1, "study.toml")
    assert values["model.tau"] == (0.5, "--tau")
    assert values["model.head"] == ("deepsurv", "--head")
    assert values["head.hidden"] == ([8, 4], "--set")
    assert values["train.rate"] == (1.0, "study.toml")
    assert values["train.updates"] == (16_000, "preset paper")
    assert values["train.clip"] == (3.0, "SURVEMBED_TRAIN_CLIP")
    assert values["split.test"] == (0.2, "default")
    assert values["seed"] == (5, "study.toml")


def test_a_flag_with_the_default_value_is_still_the_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(capsys, "vae", "--data", "surv-digits", "--seed", "0")["seed"] == (0, "--seed")


def test_a_study_with_problems_by_flags(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ("--root", "study", "--clinical", "table.csv", "--skip-bad")
    values = dry_run(capsys, "coxvae", "--data", "liver", *typed)
    assert values["data.skip_bad"] == (True, "--skip-bad")
    assert values["data.clinical"] == ("table.csv", "--clinical")
    answer = survembed(capsys, "train", "coxvae", "--data", "surv-digits", "--skip-bad")
    assert (answer.code, answer.err.split("\n")[0]) == (2, "error: dataset surv-digits has no option 'skip_bad'")


def test_dry_run_as_a_table_does_nothing_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = survembed(capsys, "train", "vae", "--data", "surv-digits", "--split-seed", "3", "--dry-run")
    assert any(line.split() == ["split.seed", "3", "--split-seed"] for line in answer.out.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_another_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('[model]\nname = "vae"\n')
    answer = survembed(capsys, "train", "coxvae", "--config", str(file))
    assert answer.code == 2
    assert answer.err.startswith("error: the options are for the model vae, the command is for coxvae\n")


def test_options_of_a_plugin_that_clash_with_ours(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "rate: float = option(3.0, help='Own [rate] and [/weird] text.')\n"
        "    sizes: tuple[int, ...] = option((1, 2), help='Sizes.')\n"
        "    table: dict[str, int] = option({}, help='No flag.')\n"
        "    gate: bool = option(True, help='Gate.')"
    )
    add_package(tmp_path, "clash", component("Own [/text].", body), {"models": {"clash": "Thing"}})
    monkeypatch.syspath_prepend(tmp_path)
    assert survembed(capsys, "train", "clash", "--help").code == 0
    values = dry_run(
        capsys,
        "clash",
        "--data",
        "surv-digits",
        "--model-rate",
        "4",
        "--rate",
        "5",
        "--sizes",
        "7,8",
        "--no-gate",
        "--set",
        "model.sizes=9",
    )
    assert values["model.rate"] == (4.0, "--model-rate")
    assert values["train.rate"] == (5.0, "--rate")
    assert values["model.sizes"] == ([7, 8], "--sizes")
    assert values["model.gate"] == (False, "--no-gate")
    assert values["model.table"] == ({}, "default")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two models are trained: a CoxVAE, then a DeepSurv."""
    return tmp_path_factory.mktemp("study")


@pytest.fixture
def trained(study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The study, trained once, as working directory."""
    monkeypatch.chdir(study)
    if not (study / "runs").exists():
        for model in ("coxvae", "deepsurv"):
            answer = survembed(capsys, "train", model, "--data", "surv-digits", *FAST, "--json")
            assert answer.code == 0, answer.err
            assert json.loads(answer.out)["status"] == "finished"
    return study


def said(answer: Answer) -> object:
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_commands_act_on_the_latest_run_and_say_so(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(survembed(capsys, "runs", "list", "--json").out)
    assert [(row["model"], row["status"], row["updates"]) for row in rows] == [
        ("coxvae", "finished", 2),
        ("deepsurv", "finished", 2),
    ]
    answer = survembed(capsys, "embed", "--json")
    assert answer.err.startswith(f"run {rows[1]['id']} (deepsurv on surv-digits)\n")
    facts = json.loads(answer.out)
    assert facts["run"] == rows[1]["id"]
    assert facts["subjects"] == facts["train"] + facts["validation"] + facts["test"] == 1797
    assert Path(facts["path"]).is_file()


def test_a_run_by_variable_prefix_and_path(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(survembed(capsys, "runs", "list", "--json").out)[0]["id"]
    monkeypatch.setenv("SURVEMBED_RUN", first)
    assert json.loads(survembed(capsys, "embed", "--json").out)["run"] == first
    monkeypatch.delenv("SURVEMBED_RUN")
    for name in (first, str(trained / "runs" / first)):
        shown = json.loads(survembed(capsys, "runs", "show", name, "--json").out)
        assert (shown["id"], shown["config"]["model"]["width"]) == (first, 4)
    answer = survembed(capsys, "embed", "--run", first[:4])
    assert answer.code == 5
    assert answer.err.startswith(f"error: 2 runs begin with '{first[:4]}'\n")


def test_a_run_says_its_weights_and_which_rule_chose(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(survembed(capsys, "runs", "list", "--json").out)[0]["id"]
    shown = json.loads(survembed(capsys, "runs", "show", first, "--json").out)
    assert shown["loss_weights"] == pytest.approx({"reconstruction": 0.2 * 25, "kl": 0.2 * 0.01, "cox": 0.8})
    text = " ".join(survembed(capsys, "runs", "show", first).out.split())
    assert "cox 0.8, kl 0.002, reconstruction 5" in text
    assert shown["outcome"]["rule"] in text


def test_a_run_that_cannot_names_one_that_can(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(survembed(capsys, "runs", "list", "--json").out)[0]["id"]
    answer = survembed(capsys, "traverse", "--dim", "0")
    assert answer.code == 5
    assert f"try:      --run {first}" in answer.err


def test_traverse(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(survembed(capsys, "runs", "list", "--json").out)[0]["id"]
    answer = survembed(capsys, "traverse", "--run", first, "--dim", "1", "--steps", "3", "--json")
    found = said(answer)
    assert isinstance(found, dict)
    assert ([row["name"] for row in found["rows"]], found["steps"]) == (["z1"], [-4, 0, 4])
    assert {Path(path).suffix for path in found["files"]} == {".png", ".pdf", ".json"}
    assert all(Path(path).is_file() for path in found["files"])
    table = survembed(capsys, "traverse", "--run", first, "--dim", "0", "--risk", "--raw", "--steps", "2")
    assert table.code == 0, table.err
    assert table.out.splitlines()[-1].endswith("traversal/z0-risk-raw/traversal.json")
    assert survembed(capsys, "traverse", "--run", first, "--dim", "2").code == 2


def test_evaluate(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["evaluate", "--downstream", "coxph", "--bootstrap", "10", "--set", "downstream.coxph.ridge=2"]
    resolved = said(survembed(capsys, *line, "--dry-run", "--json"))
    assert isinstance(resolved, dict)
    assert resolved["downstream.coxph.ridge"] == {"value": 2.0, "origin": "--set"}
    found = said(survembed(capsys, *line, "--json"))
    assert isinstance(found, dict)
    assert [row["name"] for row in found["rows"]] == ["base", "coxph"]
    table = survembed(capsys, *line)
    assert {"Harrell's C", "Uno's C", "IBS"} <= {cell.strip() for cell in table.out.split("  ")}
    wrong = survembed(capsys, "evaluate", "--set", "downstream.coxhp.ridge=2")
    assert wrong.code == 3
    assert "try:      survembed evaluate --set downstream.coxph.ridge=2" in wrong.err


def test_data(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared = said(survembed(capsys, "data", "prepare", "surv-digits", "--set", "data.seed=3", "--json"))
    shown = said(survembed(capsys, "data", "show", "surv-digits", "--set", "data.seed=3", "--json"))
    assert isinstance(prepared, dict)
    assert isinstance(shown, dict)
    assert prepared["subjects"] == 1797
    assert shown["fingerprint"] == prepared["fingerprint"]
    assert shown["columns"][0]["column"] == "duration"
    listed = said(survembed(capsys, "data", "list", "--json"))
    assert isinstance(listed, list)
    assert "surv-digits" in [row["name"] for row in listed]
    assert survembed(capsys, "data", "prepare", "surv-digits", "--root", ".").code == 2


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("model", ["coxvae", "vae", "deepsurv"])
def test_the_next_commands_work_for_the_run(a_run: Made, capsys: pytest.CaptureFixture[str], model: str) -> None:
    capsys.readouterr()
    show_trained(a_run("image", model), as_json=False)
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("next: "))
    offered = line.removeprefix("next: ").split(" or ")
    assert [command.split()[1] for command in offered] == [
        "evaluate",
        "importance" if model == "deepsurv" else "traverse",
    ]
    for command in offered:
        answer = survembed(capsys, *command.split()[1:], *(["--bootstrap", "5"] if "evaluate" in command else []))
        assert answer.code == 0, answer.err


def test_the_preset_for_few_events_sets_options_of_model_and_split_too(capsys: pytest.CaptureFixture[str]) -> None:
    preset = ("--data", "liver", "--preset", "few-events")
    shown = dry_run(capsys, "coxvae", *preset)
    expected = {"train.rotate": 15.0, "train.shift": 0.1, "split.validation": 0.0, "model.mask_volume": True}
    assert {key: shown[key] for key in expected} == {
        key: (value, "preset few-events") for key, value in expected.items()
    }
    assert dry_run(capsys, "coxvae", *preset, "--set", "split.validation=0.2")["split.validation"] == (0.2, "--set")
    assert "model.mask_volume" not in dry_run(capsys, "deepsurv", *preset)  # it has no such option
