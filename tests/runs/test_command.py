"""The command of a run trains the same again: parsed by the command line, it has the configuration of the run."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from survembed.datasets import Liver
from survembed.errors import UsageError
from survembed.models import CoxVAE
from survembed.runs.command import text_of, training_command
from survembed.runs.configuration import Chosen, TrainConfig
from survembed.runs.settings import Settings
from survembed.training.options import SplitOptions, TrainOptions
from tests.cli.command import survembed
from tests.trained import config

pytestmark = pytest.mark.usefixtures("plugin")

LIVER = Chosen("liver", Liver(organ_labels=(1, 2), tumour_labels=(2,), skip_bad=True, size=(24, 16, 32), preset=None))
OTHER = replace(
    config("image", "coxvae", "deepsurv"),
    model=Chosen("coxvae", CoxVAE(tau=0.35, latent_dim=3, head="deepsurv")),
    train=TrainOptions(updates=77, flip=(0, 2), rate=3e-4, precision="float32"),
    split=SplitOptions(test=0.3, folds=0, seed=5),
    seed=11,
)
CONFIGS = {
    "plain": config("image", "coxvae"),
    "without a head": config("table", "vae"),
    "lists, numbers and flags": replace(OTHER, data=LIVER),
    "another head": OTHER,
}


def resolved(capsys: pytest.CaptureFixture[str], words: list[str]) -> dict[str, Any]:
    answer = survembed(capsys, *words, "--dry-run", "--json")
    assert answer.code == 0, answer.err
    return {key: setting["value"] for key, setting in json.loads(answer.out).items()}


def options(made: TrainConfig) -> dict[str, Any]:
    values = made.to_dict()
    flat = {f"{part}.{name}": value for part in ("data", "model", "head", "train", "split")
            for name, value in (values[part] or {}).items()}  # fmt: skip
    flat.pop("head.name", None)
    return {"seed": values["seed"], "device": values["device"], **flat}


@pytest.mark.parametrize("made", CONFIGS.values(), ids=CONFIGS)
def test_the_command_line_reads_what_was_written(made: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(training_command(made.to_dict()))
    assert resolved(capsys, words[1:]) == options(made)


@pytest.mark.parametrize("made", CONFIGS.values(), ids=CONFIGS)
def test_config_json_is_a_config(made: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run: the folder, or the file itself; flags still go before it."""
    (tmp_path / "config.json").write_text(json.dumps(made.to_dict()), encoding="utf-8")
    for path in (tmp_path, tmp_path / "config.json"):
        words = ["train", made.model.name, "--config", str(path)]
        assert resolved(capsys, words) == options(made)
        assert resolved(capsys, [*words, "--seed", "99"])["seed"] == 99


def test_only_what_differs_from_a_default_is_named() -> None:
    """A default that is written as a list, a tuple or a number is the same default."""
    plain = replace(config(), data=Chosen("liver", Liver()), train=TrainOptions(), split=SplitOptions(), device="auto")
    keys = [word.partition("=")[0] for word in shlex.split(training_command(plain.to_dict())) if "=" in word]
    assert set(keys) == {"model.latent_dim", "model.width", "model.blocks"}


def test_options_of_a_component_that_is_gone_are_all_named() -> None:
    values = {**config().to_dict(), "data": {"name": "no-such-data", "depth": 3, "root": "a b"}}
    assert "--set data.depth=3 --set 'data.root=a b'" in training_command(values)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ((1, 2), "1,2"), ([], ""), (True, "true"), (0.2, "0.2"), (Path("a/b"), "a/b")]
)
def test_texts(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("text", ["[1]", "{", "3"])
def test_a_file_that_is_no_configuration(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    answer = survembed(capsys, "train", "vae", "--data", "planted", "--config", str(path))
    assert answer.code == 2
    assert "config.json is not JSON" in answer.err


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = survembed(capsys, "train", "vae", "--data", "planted", "--config", str(tmp_path))
    assert answer.code == 2
    assert "cannot read config.json: No such file or directory" in answer.err


def test_an_unknown_key_of_the_file_is_still_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"train": {"updates": 3}, "trian": {"rate": 1}}')
    with pytest.raises(UsageError, match="trian"):
        Settings.gather(config=tmp_path)
