"""The registry: names without imports, three kinds of not found, and bad plugins that harm nobody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from survembed import registry
from survembed.errors import PluginError
from survembed.models import CoxVAE
from survembed.registry import subprocess_runner
from tests.packages import add_bad_company, add_package, component


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Bad packages, installed beside ours."""
    add_bad_company(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


def state(kind: str, qualified: str) -> tuple[str, str]:
    """What `plugins list` says of a component, without examining the slow one."""
    found = [entry for entry in registry.entries(kind) if entry.qualified == qualified]
    row = registry.examine(found[0])
    return row.state, row.reason


def test_ours_are_all_there_and_load() -> None:
    assert registry.names("models") == ["coxvae", "deepsurv", "vae"]
    assert {"liver", "surv-mnist", "surv-digits", "tabular"} <= set(registry.names("datasets"))
    for kind in registry.KINDS:
        assert [row.state for row in subprocess_runner.list_components([kind])] == ["ok"] * len(registry.names(kind))
    assert registry.load("models", "coxvae") is CoxVAE
    assert registry.load("models", "survembed:coxvae") is CoxVAE


def test_names_import_nothing(company: Path) -> None:
    names = registry.names("models")
    assert names[:3] == ["coxvae", "deepsurv", "vae"]
    assert set(names[3:]) == {"good", "raises", "future", "twin-one:twin", "twin-two:twin", "twin-two:coxvae"}
    assert not (company / "imported").exists()


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(PluginError) as caught:
        registry.load("datasets", "livre", where="survembed train coxvae --data livre")
    assert str(caught.value).splitlines() == [
        "no dataset named 'livre'",
        "  where:    survembed train coxvae --data livre",
        "  expected: one of " + ", ".join(registry.names("datasets")),
        "  try:      survembed train coxvae --data liver",
    ]
    with pytest.raises(PluginError) as caught:
        registry.load("datasets", "zzzz")
    assert caught.value.try_ == "survembed plugins list"


def test_a_bare_name_of_ours_stays_ours(company: Path) -> None:
    assert registry.load("models", "coxvae") is CoxVAE
    assert registry.load("models", "twin-two:coxvae").summary() == "Twin two."
    assert not registry.find("models", "twin-two:coxvae").builtin


def test_two_packages_with_one_name(company: Path) -> None:
    with pytest.raises(PluginError) as caught:
        registry.load("models", "twin", where="survembed train twin")
    assert caught.value.message == "2 packages offer a model named 'twin': twin-one 1.0 and twin-two 1.0"
    assert caught.value.expected == "one of twin-one:twin, twin-two:twin"
    assert caught.value.try_ == "survembed train twin-one:twin"
    assert not (company / "imported").exists()
    assert registry.load("models", "twin-two:twin").summary() == "Twin two."


@pytest.mark.parametrize(
    ("kind", "qualified", "expected"),
    [
        ("models", "good:good", ("ok", "")),
        ("models", "raises:raises", ("broken", "RuntimeError: no luck")),
        ("downstream", "exits:exits", ("broken", "SystemExit: 7")),
        ("datasets", "lacks:lacks", ("broken", "ModuleNotFoundError: No module named 'not_installed_anywhere'")),
        ("heads", "empty:empty", ("broken", "AttributeError: module 'empty' has no attribute 'Thing'")),
        ("heads", "wrong:wrong", ("broken", "wrong:Thing is not a subclass of survembed.registry.component.Component")),
        ("models", "future:future", ("incompatible", "written for plugin interface 99, this is 2")),
    ],
)
def test_states(company: Path, kind: str, qualified: str, expected: tuple[str, str]) -> None:
    assert state(kind, qualified) == expected


def test_a_broken_one_is_an_error_with_its_reason_upon_use(company: Path) -> None:
    with pytest.raises(PluginError, match=r"the model 'raises' of raises 1.0 is broken: RuntimeError: no luck"):
        registry.load("models", "raises")
    with pytest.raises(PluginError, match="is incompatible: written for plugin interface 99"):
        registry.load("models", "future")


def test_duplicates_are_rows_with_the_name_to_ask_for(company: Path) -> None:
    rows = {row.entry.qualified: row for row in subprocess_runner.list_components(["models"])}
    assert rows["survembed:coxvae"].state == "ok"
    assert rows["twin-two:coxvae"].state == "duplicate"
    assert rows["twin-two:coxvae"].text == "survembed has this name too: use twin-two:coxvae"
    assert rows["twin-one:twin"].state == rows["twin-two:twin"].state == "duplicate"


def test_what_a_plugin_prints_goes_to_stderr(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state("downstream", "exits:exits")
    said = capsys.readouterr()
    assert said.out == ""
    assert "bye" in said.err


def test_no_build_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = component().replace("def build", "def other")
    add_package(tmp_path, "unbuilt", code, {"models": {"unbuilt": "Thing"}})
    monkeypatch.syspath_prepend(tmp_path)
    assert state("models", "unbuilt:unbuilt") == ("broken", "unbuilt:Thing has no build()")


@pytest.mark.parametrize(
    ("value", "there"),
    [("none", set()), ("good", {"good"}), ("Twin_One, good", {"good", "twin"}), ("", None), ("absent", set())],
)
def test_escape_hatch(company: Path, monkeypatch: pytest.MonkeyPatch, value: str, there: set[str] | None) -> None:
    monkeypatch.setenv("SURVEMBED_PLUGINS", value)
    names = registry.names("models")
    assert names[:3] == ["coxvae", "deepsurv", "vae"]
    if there is not None:
        assert set(names[3:]) == there


def test_the_first_on_the_path_wins_as_for_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, version in ((tmp_path / "old", "1.0"), (tmp_path / "new", "2.0")):
        add_package(folder, "thing", component(), {"models": {"thing": "Thing"}}, version)
        monkeypatch.syspath_prepend(folder)
    assert [entry.version for entry in registry.entries("models") if entry.name == "thing"] == ["2.0"]
