"""Plugins tried from their sources: found without an import, marked, and before an installed package of that name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from survembed import registry
from survembed.errors import PluginError
from survembed.registry import plugin_path
from tests.packages import add_package, component


def source(folder: Path, name: str, code: str, entries: str, *, src: bool = False) -> Path:
    """A source package in `folder / name`."""
    module = (folder / name / "src" if src else folder / name) / f"{name.replace('-', '_')}.py"
    module.parent.mkdir(parents=True)
    module.write_text(code, encoding="utf-8")
    text = f'[project]\nname = "{name}"\nversion = "0.3"\n[project.entry-points."survembed.models"]\n{entries}\n'
    (folder / name / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.parametrize("src", [False, True])
def test_it_is_found_marked_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, src: bool) -> None:
    name = f"tried-{src}".lower()
    module = name.replace("-", "_")
    one = source(tmp_path, name, component("Tried."), f'tried = "{module}:Thing"', src=src)
    two = source(tmp_path, f"other-{src}".lower(), "raise RuntimeError('not asked for')", 'other = "x:Thing"')
    monkeypatch.setenv(plugin_path.VARIABLE, f"{one}{os.pathsep}{two}")
    before = list(sys.path)
    assert {"tried", "other"} < set(registry.names("models"))
    assert sys.path == before
    entry = registry.find("models", "tried")
    assert (entry.version_shown, entry.distribution) == ("0.3 (not installed)", f"{name} 0.3 (not installed)")
    assert registry.load("models", "tried").summary() == "Tried."
    monkeypatch.setenv("SURVEMBED_PLUGINS", "none")
    assert "tried" not in registry.names("models")
    monkeypatch.setenv("SURVEMBED_PLUGINS", name)
    assert "tried" in registry.names("models")
    assert "other" not in registry.names("models")


def test_it_goes_before_the_installed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = component("Installed.")
    add_package(tmp_path / "site", "both-places", code, {"models": {"both": "Thing", "gone": "Thing"}})
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert {"both", "gone"} < set(registry.names("models"))
    tried = source(tmp_path, "Both_Places", component("Tried."), 'both = "Both_Places:Thing"')
    monkeypatch.setenv(plugin_path.VARIABLE, str(tried))
    assert registry.load("models", "both").summary() == "Tried."
    assert "gone" not in registry.names("models")


def test_nobody_takes_our_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugin_path.VARIABLE, str(source(tmp_path, "Survembed", component(), 'coxvae = "x:Thing"')))
    assert registry.find("models", "coxvae").value == "survembed.models:CoxVAE"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "cannot read"),
        ("[project", "is not TOML"),
        ("[tool.x]\n", "names no package: 'project'"),
        ("[project]\nversion = '1'\n", "names no package: 'name'"),
        ("[project]\nname = 'x'\nentry-points = 3\n", "names no package"),
    ],
)
def test_a_wrong_folder_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv(plugin_path.VARIABLE, str(tmp_path))
    with pytest.raises(PluginError, match=reason) as caught:
        registry.names("models")
    assert caught.value.where == f"SURVEMBED_PLUGIN_PATH={tmp_path}"
