"""Five packages of third parties as wheels, and a fresh environment with all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.packages import component

PROJECT = """
[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"
dependencies = ["survembed"]

[project.entry-points."survembed.models"]
{entries}

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""

WORKING = """
from survembed.models import CoxVAE


class Thing(CoxVAE):
    '''{summary}'''

    api_version = 2
    latent_dim: int = 2
    width: int = 4
    blocks: int = 1
"""

MARK = "import os, pathlib\nif 'MARK' in os.environ:\n    pathlib.Path(os.environ['MARK']).touch()\n"
"""Every package leaves a mark where it is imported."""

SLEEP = "import time\ntime.sleep(float(os.environ.get('SLOW', '1')))\n"

PACKAGES = {
    "good": (WORKING.format(summary="It works."), ["good", "twin"]),
    "raising": ("import sys\nprint('loud')\nsys.stderr.write('louder')\nraise RuntimeError('no luck')\n", ["raising"]),
    "slow": (SLEEP + component("It is slow."), ["slow"]),
    "duplicate": (WORKING.format(summary="It has the name of another."), ["twin", "coxvae"]),
    "future": (component("It is ahead.", "api_version = 99"), ["future"]),
}
"""Code of the module, and the models that it declares."""


def build(folder: Path) -> list[Path]:
    """The five wheels, built by hatchling without a network."""
    for name, (code, entries) in PACKAGES.items():
        module = f"plugin_{name}"
        (folder / name / module).mkdir(parents=True)
        (folder / name / module / "__init__.py").write_text(MARK + code, encoding="utf-8")
        lines = "\n".join(f'{each} = "{module}:Thing"' for each in entries)
        project = PROJECT.format(name=f"plugin-{name}", module=module, entries=lines)
        (folder / name / "pyproject.toml").write_text(project, encoding="utf-8")
    make = "import os, sys\nfrom hatchling.build import build_wheel\n"
    make += "for folder in sys.argv[2:]:\n    os.chdir(folder)\n    build_wheel(sys.argv[1])\n"
    folders = [str(folder / name) for name in PACKAGES]
    subprocess.run([sys.executable, "-c", make, str(folder), *folders], check=True, capture_output=True)
    return sorted(folder.glob("*.whl"))


def borrowed_environment(folder: Path, wheels: list[Path]) -> Path:
    """The Python of a fresh environment that sees our packages, and has the wheels in its own folder.

    It is like a full one in everything that plugins touch, and takes a second in place of minutes.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    ours = sysconfig.get_path("purelib")
    line = f"import site; site.addsitedir({ours!r})\n"  # a bare path would skip what is installed there as editable
    (Path(where.stdout.strip()) / "borrowed.pth").write_text(line, encoding="utf-8")
    install(python, wheels)
    return python


def full_environment(folder: Path, wheels: list[Path], project: Path) -> Path:
    """The Python of a fresh environment into which everything was installed, from the index."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install(python, [project], "-c", str(project / "constraints.txt"))
    install(python, wheels, "--no-deps")
    return python


def install(python: Path, packages: list[Path], *options: str) -> None:
    """Have pip install packages into the environment of `python`; without options, from the files alone."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *(options or ("--no-index", "--no-deps")), *map(str, packages)], check=True)


def environment() -> dict[str, str]:
    """Variables of a user who has set none of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SURVEMBED", "PYTHON"))}
    return {**kept, "OMP_NUM_THREADS": "1"}
