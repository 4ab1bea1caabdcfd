"""No process imports a module from the working directory, which may be a folder of data that anyone can write to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = ("h5py", "torch", "numpy", "json", "safetensors", "survembed_extra", "sitecustomize")
POISON = "from pathlib import Path\nPath({mark!r}).touch()\nraise SystemExit('poison')\n"
SMALL = "--set train.updates=2 --set model.width=2 --set model.latent_dim=2 --device cpu"
LINES = {
    "sweep": f"sweep --data surv-digits --folds 0 --workers 1 {SMALL} --sweep-dir out",
    "train": f"train coxvae --nproc 2 --data surv-digits {SMALL} --runs-dir out",
    "plugins": "plugins list --kind heads",
}


def poisoned(folder: Path) -> Path:
    """A working directory whose modules leave a mark when they are imported."""
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(POISON.format(mark=str(folder / "imported")))
    return folder


@pytest.mark.parametrize("name", ["sweep", "plugins", pytest.param("train", marks=pytest.mark.slow)])
@pytest.mark.parametrize("start", ["script", pytest.param("module", marks=pytest.mark.slow)])
def test_nothing_in_the_working_directory_is_imported(name: str, start: str, tmp_path: Path) -> None:
    folder = poisoned(tmp_path / "work")
    script = "import sys; sys.argv[0] = 'survembed'; from survembed.cli.main import main; main()"
    begin = {"script": ["-P", "-c", script], "module": ["-m", "survembed"]}[start]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(
        [sys.executable, *begin, *LINES[name].split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (folder / "imported").exists()
