"""Packages for tests: a module and its metadata in a folder, as an installer would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

COMPONENT = """
from survembed.registry.component import Component, option

class Thing(Component):
    '''{summary}'''
    {body}
    def build(self, *arguments):
        return arguments
"""


def add_package(
    folder: Path, name: str, code: str, entries: Mapping[str, Mapping[str, str]], version: str = "1.0"
) -> str:
    """Put a package into `folder`; gives its module's name.

    Parameters
    ----------
    code
        Of its one module, which is named as the package with underscores.
    entries
        Attribute of the module by component name, by kind.
    """
    module = name.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = []
    for kind, components in entries.items():
        lines += [f"[survembed.{kind}]", *(f"{each} = {module}:{attribute}" for each, attribute in components.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return module


def component(summary: str = "A thing.", body: str = "") -> str:
    """The code of a module with one component, `Thing`."""
    return COMPONENT.format(summary=summary, body=body)


def add_bad_company(folder: Path) -> None:
    """One package for each way to be bad, and a good one; every one of the bad leaves a mark if it is imported."""
    mark = f"with open({str(folder / 'imported')!r}, 'a') as file:\n    file.write(__name__)\n"
    add_package(folder, "good", mark + component("A good model."), {"models": {"good": "Thing"}})
    add_package(folder, "raises", mark + "raise RuntimeError('no luck')", {"models": {"raises": "Thing"}})
    add_package(folder, "exits", mark + "import sys; print('bye'); sys.exit(7)", {"downstream": {"exits": "Thing"}})
    add_package(folder, "lacks", mark + "import not_installed_anywhere", {"datasets": {"lacks": "Thing"}})
    add_package(folder, "empty", mark, {"heads": {"empty": "Thing"}})
    add_package(folder, "wrong", mark + "Thing = 3", {"heads": {"wrong": "Thing"}})
    add_package(folder, "future", mark + component(body="api_version = 99"), {"models": {"future": "Thing"}})
    add_package(folder, "slow", mark + "import time; time.sleep(60)", {"heads": {"slow": "Thing"}})
    add_package(folder, "twin-one", mark + component("Twin one."), {"models": {"twin": "Thing"}})
    add_package(folder, "twin-two", mark + component("Twin two."), {"models": {"twin": "Thing", "coxvae": "Thing"}})
    add_package(folder, "torn", mark, {"models": {"torn": "Thing"}})
    (folder / "torn-1.0.dist-info" / "entry_points.txt").write_text("[survembed.models]\nno equals sign\n")
