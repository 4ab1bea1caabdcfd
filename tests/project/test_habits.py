"""The files around the code are valid, agree with each other, and call the same `make` targets as we do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import survembed
from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = {
    "github-workflows": WORKFLOWS,
    "github-issue-forms": [ROOT / ".github" / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "idea.yml")],
    "github-issue-config": [ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"],
    "dependabot": [ROOT / ".github" / "dependabot.yml"],
    "readthedocs": [ROOT / ".readthedocs.yaml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_fit_their_published_schema(schema: str) -> None:
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-W", "default", "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *map(str, SCHEMAS[schema])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_version() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert project["version"] == survembed.__version__ == str(yaml.safe_load(read("CITATION.cff"))["version"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_targets_that_exist(path: Path) -> None:
    targets = set(" ".join(re.findall(r"^([a-z -]+):", read("Makefile"), re.M)).split())
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    lines = [step["run"] for job in jobs for step in job["steps"] if "make " in step.get("run", "")]
    called = {word for line in lines for word in line.split() if re.fullmatch(r"[a-z-]+(\$\{VERSIONS\})?", word)}
    called = {word.replace("${VERSIONS}", which) for word in called - {"make"} for which in ("oldest", "newest")}
    assert called
    assert called <= targets


def test_the_matrix_has_every_python_that_is_allowed() -> None:
    jobs = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]
    classifiers = tomllib.loads(read("pyproject.toml"))["project"]["classifiers"]
    allowed = re.findall(r"Python :: (3\.\d+)", " ".join(classifiers))
    assert jobs["test"]["strategy"]["matrix"]["python"] == allowed
    versions = {each["versions"]: each["python"] for each in jobs["dependencies"]["strategy"]["matrix"]["include"]}
    assert versions == {"oldest": allowed[0], "newest": allowed[-1]}


def test_hooks_are_the_checks_of_make_lint() -> None:
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    tools = {hook["entry"].split()[0].rpartition("/")[2] for hook in repository["hooks"]}
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", read("Makefile"), re.M)
    assert lint
    assert tools == set(re.findall(r"\$\(BIN\)/([\w-]+)", lint[1]))


def test_the_paper_cites_what_its_bibliography_has() -> None:
    cited = set(re.findall(r"@(\w+)", read("paper/paper.md").split("---", 2)[2]))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", read("paper/paper.bib"), re.M))


RESULTS = {
    "kits23.md": ["0.576 (0.507 to 0.647)", "0.629 (0.541 to 0.714)", "0.665 (0.551 to 0.773)", "302", "47 events"],
    "volumes.md": ["130", "988"],
}


@pytest.mark.parametrize("name", RESULTS)
def test_the_numbers_of_the_paper_are_those_of_the_benchmarks(name: str) -> None:
    paper = read("paper/paper.md")
    for number in RESULTS[name]:
        assert number in paper
        assert number in read(f"benchmarks/results/{name}")
