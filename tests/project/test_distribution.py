"""What is published: the wheel, the source distribution, their metadata, and that the wheel alone is enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.contract.wheels import environment, install
from tests.docs.test_docs import blocks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution, built without a network."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


def wheel_in(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        return message_from_bytes(archive.read(name))


def test_twine_accepts_both(built: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "default", "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_has_the_package_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(wheel_in(built)) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "survembed").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == here


def test_the_metadata_lead_to_the_project(built: Path) -> None:
    found = metadata(wheel_in(built))
    urls = dict(url.split(", ", 1) for url in found.get_all("Project-URL", []))
    assert {"Documentation", "Source", "Issues", "Changelog"} <= set(urls)
    assert all(url.startswith("https://") for url in urls.values())
    assert found["Author"]
    assert found["License-Expression"] == "Apache-2.0"
    assert set(found.get_all("License-File", [])) == {"LICENSE", "NOTICE"}


def test_classifiers_agree_with_the_versions_of_python() -> None:
    named = {each.rsplit(" ", 1)[1] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)}
    lowest, above = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert named == {f"3.{minor}" for minor in range(int(lowest), int(above))}


def flat(extra: str) -> set[str]:
    """The packages of an extra; `survembed[a,b]` stands for those of a and b."""
    found = set()
    for requirement in EXTRAS[extra]:
        inner = re.fullmatch(r"survembed\[(.+)\]", requirement)
        found |= set().union(*map(flat, inner[1].split(","))) if inner else {requirement}
    return found


def test_all_has_the_packages_of_every_task_and_none_of_the_developers() -> None:
    tasks = set(EXTRAS) - {"all", "docs", "test"}
    assert tasks >= {"dicom", "cluster", "umap", "tracking"}
    assert flat("all") == set().union(*map(flat, tasks))
    everyone = {re.split(r"[><=]", name)[0] for name in {*PROJECT["dependencies"], *flat("all")}}
    assert not everyone & {"mypy", "sphinx", "pytest", "ruff", "hatchling"}


def test_each_extra_that_is_named_in_code_or_docs_exists() -> None:
    texts = [*(ROOT / "survembed").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    named = re.findall(r"survembed\[([\w,-]+)\]", "".join(path.read_text(encoding="utf-8") for path in texts))
    assert named
    assert {extra for each in named for extra in each.split(",")} <= set(EXTRAS)


@pytest.mark.slow
def test_the_wheel_alone_runs_the_tutorial(built: Path, tmp_path: Path) -> None:
    """Without extras, in an empty environment, away from the source: the tutorial as far as the first picture."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install(python, [wheel_in(built)], "-c", str(ROOT / "constraints.txt"))
    shutil.copy(ROOT / "demo.toml", tmp_path)
    variables = {**environment(), "PATH": f"{python.parent}:{os.environ['PATH']}", "MPLBACKEND": "Agg"}
    for block in blocks(ROOT / "docs" / "tutorial.md", "sh")[1:4]:
        done = subprocess.run(
            ["bash", "-e", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False, env=variables
        )
        assert done.returncode == 0, block + done.stderr
    assert list(tmp_path.glob("runs/*/**/*.png"))
