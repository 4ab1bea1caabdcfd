"""Settings: precedence, origins, and unknown keys wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.errors import UsageError
from survembed.registry.component import Component, option
from survembed.runs.settings import Common, Setting, Settings, read_file, variable


class Train(Component):
    """Some options."""

    updates: int = option(1, ge=0, help="Updates.")
    rate: float = option(1.0, gt=0, help="Rate.")
    fan: bool = option(False, help="Fan.")
    hidden: tuple[int, ...] = option((1,), help="Sizes.")
    root: Path | None = option(Path("here"), help="Folder.")
    norm: Literal["batch", "none"] = option("batch", help="Norm.")


SOURCES = ["preset", "file", "environment", "assigned", "flag"]


def gather(folder: Path, monkeypatch: pytest.MonkeyPatch, sources: set[str]) -> Settings:
    """Settings in which each of `sources` sets `train.updates` to its own place in the order."""
    file = folder / "study.toml"
    file.write_text(f"[train]\nupdates = {SOURCES.index('file')}\n" if "file" in sources else "")
    if "environment" in sources:
        monkeypatch.setenv("SURVEMBED_TRAIN_UPDATES", str(SOURCES.index("environment")))
    return Settings.gather(
        config=file,
        assignments=[f"train.updates={SOURCES.index('assigned')}"] if "assigned" in sources else [],
        flags={"train.updates": Setting(SOURCES.index("flag"), "--updates")} if "flag" in sources else {},
        preset={"train.updates": Setting(SOURCES.index("preset"), "preset paper")} if "preset" in sources else {},
    )


@given(sources=st.sets(st.sampled_from(SOURCES)))
def test_later_sources_win(tmp_path_factory: pytest.TempPathFactory, sources: set[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        settings = gather(tmp_path_factory.mktemp("settings"), monkeypatch, sources)
        train = settings.component("train", "training", Train)
    highest = max((SOURCES.index(source) for source in sources), default=None)
    assert train.updates == (1 if highest is None else highest)
    origins = ["preset paper", "study.toml", "SURVEMBED_TRAIN_UPDATES", "--set", "--updates"]
    assert settings.resolved["train.updates"].origin == ("default" if highest is None else origins[highest])
    assert settings.resolved["train.rate"] == Setting(1.0, "default")


def test_text_is_converted() -> None:
    settings = Settings.gather(
        assignments=[
            "train.rate=1e-3",
            "train.fan=true",
            "train.hidden=32, 16",
            "train.root=",
            "train.norm=none",
            "seed=3",
        ]
    )
    assert settings.component("train", "training", Train) == Train(
        rate=1e-3, fan=True, hidden=(32, 16), root=None, norm="none"
    )
    assert settings.component("", "survembed", Common).seed == 3


def test_names_and_nested_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "study.toml"
    file.write_text('seed = 2\n[data]\nname = "liver"\n[downstream.survival-tree]\nupdates = 5\n')
    monkeypatch.setenv("SURVEMBED_DOWNSTREAM_SURVIVAL_TREE_RATE", "7")
    settings = Settings.gather(config=file)
    name = settings.name("data")
    assert name is not None
    assert (name.value, name.origin) == ("liver", "study.toml")
    assert name.where == f"data.name = 'liver' in {file}"
    assert settings.name("model") is None
    tree = settings.component("downstream.survival-tree", "tree", Train)
    assert (tree.updates, tree.rate) == (5, 7)
    assert settings.names_within("downstream") == {"survival-tree": f"downstream.survival-tree.updates = 5 in {file}"}


def test_head_has_two_keys_and_one_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Model(Component):
        """A model."""

        head: str = option("linear", help="Head.")

    file = tmp_path / "study.toml"
    file.write_text('[model]\nhead = "deepsurv"\n[head]\nname = "deepsurv"\n')
    assert Settings.gather(config=file).component("model", "model", Model).head == "deepsurv"
    file.write_text('[model]\nhead = "deepsurv"\n[head]\nname = "linear"\n')
    with pytest.raises(UsageError, match=r"head.name and model.head differ"):
        Settings.gather(config=file)
    monkeypatch.setenv("SURVEMBED_HEAD_NAME", "weibull")
    assert Settings.gather().component("model", "model", Model).head == "weibull"


def test_errors_say_where_the_value_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "study.toml"
    file.write_text("[train]\nrate = -1\n")
    with pytest.raises(UsageError, match="training: rate = -1 is not valid") as caught:
        Settings.gather(config=file).component("train", "training", Train)
    assert caught.value.where == f"train.rate = -1 in {file}"
    assert caught.value.expected == "greater than 0"
    monkeypatch.setenv("SURVEMBED_TRAIN_RATE", "fast")
    with pytest.raises(UsageError) as caught:
        Settings.gather(config=file).component("train", "training", Train)
    assert caught.value.where == "SURVEMBED_TRAIN_RATE=fast"


@pytest.mark.parametrize(
    ("assignment", "message", "try_"),
    [
        ("train.update=3", "training has no option 'update'", "x --set train.updates=3"),
        ("trian.updates=3", "no setting 'trian.updates'", "x --set train.updates=3"),
        ("sed=3", "no setting 'sed'", "x --set seed=3"),
        ("seed.x=3", "no setting 'seed.x'", None),
    ],
)
def test_unknown_keys_offer_the_nearest(assignment: str, message: str, try_: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.gather(assignments=[assignment], command=f"x --set {assignment}").component("train", "training", Train)
    assert caught.value.message == message
    assert caught.value.try_ == try_


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SURVEMBED_TRAIN_UPDATE", "training has no option 'update'"),
        ("SURVEMBED_TRIAN_UPDATES", "no setting for the variable SURVEMBED_TRIAN_UPDATES"),
        ("SURVEMBED_SEDE", "no setting for the variable SURVEMBED_SEDE"),
    ],
)
def test_unknown_variables(monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.setenv(name, "3")
    with pytest.raises(UsageError) as caught:
        Settings.gather().component("train", "training", Train)
    assert caught.value.message == message
    assert caught.value.where == f"{name}=3"


def test_a_flag_that_this_component_lacks() -> None:
    settings = Settings.gather(flags={"train.folder": Setting("x", "--folder", "survembed --folder x")})
    with pytest.raises(UsageError, match="training has no option 'folder'") as caught:
        settings.component("train", "training", Train)
    assert caught.value.where == "survembed --folder x"


def test_variables_of_other_purposes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SURVEMBED_RUN", "SURVEMBED_CACHE", "SURVEMBED_TEST_DATA", "SURVEMBED_PLUGINS", "SURVEMBED_DATA_ROOT"):
        monkeypatch.setenv(name, "x")
    assert Settings.gather().component("train", "training", Train) == Train()


def test_a_section_of_another_command_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text("[downstream.rsf]\nanything = 1\n")
    assert Settings.gather(config=file).component("train", "training", Train) == Train()


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text("seed = 1\nseed 2\n")
    with pytest.raises(UsageError, match=r"study.toml is not TOML") as caught:
        read_file(file)
    assert caught.value.where == f"{file}, line 2"
    with pytest.raises(UsageError, match=r"cannot read none.toml: No such file"):
        read_file(tmp_path / "none.toml")
    file.write_bytes(b"seed = '\xff'")
    with pytest.raises(UsageError, match=r"cannot read study.toml: not UTF-8"):
        read_file(file)


def test_an_assignment_without_value() -> None:
    with pytest.raises(UsageError, match=r"'train.updates' has no value"):
        Settings.gather(assignments=["train.updates"])


def test_variable_names() -> None:
    assert variable("train.updates") == "SURVEMBED_TRAIN_UPDATES"
    assert variable("downstream.a:survival-tree.n_times") == "SURVEMBED_DOWNSTREAM_A_SURVIVAL_TREE_N_TIMES"
