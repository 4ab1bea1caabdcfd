"""No path and no name in it reaches the report."""

from __future__ import annotations

import shlex
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.datasets import SurvDigits
from survembed.downstream import Coxnet
from survembed.errors import RunError
from survembed.report import build
from survembed.report.privacy import hide_command_paths, hide_paths, option_rows, path_fields
from tests.cli.command import survembed
from tests.trained import Made

NAME = "Mueller"
DOWNSTREAM = [("coxnet", Coxnet())]
PATHS = (
    "/data/Mueller/run",
    "/data/Mueller",
    "/Mueller",
    "/data/Hans Mueller/scan.nii.gz",
    "../Mueller",
    "../../Mueller/report.html",
    "./Mueller/x",
    "runs/../Mueller/x",
    "patients/Mueller/ct.nii.gz",
    "~Mueller/study",
    "~/Mueller",
    "file:///home/Mueller/x.csv",
    "file:/home/Mueller/x.csv",
    "s3://bucket/Mueller",
    r"C:\Users\Mueller\x",
    "C:/Users/Mueller/x",
    r"\\server\Mueller\x",
    r"study\Mueller",
    r"/data/Hans\ Mueller/x",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("text", ["{}", "no file at {}", "{}: damaged.", "root={}", "(see {})", "left out: {}, {}"])
def test_paths_in_prose(path: str, text: str) -> None:
    shown = hide_paths(text.format(path, path))
    assert NAME not in shown
    assert shown.replace(" Hans", "") == text.format("PATH", "PATH")


@pytest.mark.parametrize("quote", ["''", '""', "“”", "‘’"])
@pytest.mark.parametrize("path", ["/data/Hans Mueller", "study/Hans Mueller", "../Hans Mueller", r"C:\Hans Mueller"])
def test_quoted_paths_with_spaces(path: str, quote: str) -> None:
    assert hide_paths(f"no file {quote[0]}{path}{quote[1]} here") == f"no file {quote[0]}PATH{quote[1]} here"


def test_known_paths_are_removed_whatever_they_look_like() -> None:
    known = [Path("/data/Hans Mueller"), "Hans Mueller", Path(), ""]
    assert hide_paths("at /data/Hans Mueller. Folder Hans Mueller is empty", known) == "at PATH. Folder PATH is empty"


@pytest.mark.parametrize(
    "text",
    [
        "0.646 (0.580 to 0.712)",
        "tumour 1.2 mg/ml, 3/4 of 10 and/or n/a",
        "Wide & deep: S(t) ≤ 0.5; 95 % interval / band",
        "Uno et al., Stat Med 30 (2011) 1105.",
        "HR per SD 1.22, test set 1.4 (0.9–2.1) · claimed hazard × 1.20",
        "2026-11-27T04:31:02+00:00 to 2026-11-27",
        "model.conv_block.weights, version 1.2.3",
        "No figure “tau”: 1 value(s) of τ among the runs.",
        "sex: male; age ~ 60 … ±1",
    ],
)
def test_other_text_is_kept(text: str) -> None:
    assert hide_paths(text) == text


@pytest.mark.parametrize("path", [*PATHS, NAME, f"{NAME}.html", "~Mueller", "Hans Mueller"])
@pytest.mark.parametrize("option", ["--out", "--run", "--runs-dir", "--sweep-dir", "--config", "--downstream", "--new"])
@pytest.mark.parametrize("joined", [True, False])
def test_paths_in_the_command(path: str, option: str, joined: bool) -> None:
    if option == "--downstream" and path.replace(".", "").isalnum():
        return  # the name of a component
    words = [f"{option}={path}"] if joined else [option, path]
    line = shlex.join(["/home/Mueller/bin/survembed", "report", *words, "--bootstrap", "20", "--json"])
    expected = [f"{option}=PATH"] if joined else [option, "PATH"]
    assert hide_command_paths(line) == shlex.join(["survembed", "report", *expected, "--bootstrap", "20", "--json"])


@pytest.mark.parametrize("joined", ["--set=", "--set "])
@pytest.mark.parametrize("path", [*PATHS, NAME])
def test_paths_in_settings(path: str, joined: str) -> None:
    line = (
        f"survembed report {joined}{shlex.quote(f'data.root={path}')} --set downstream.coxnet.l1_ratio=half --set a.n=3"
    )
    shown = hide_command_paths(line, DOWNSTREAM)
    assert shown == f"survembed report {joined}data.root=PATH --set downstream.coxnet.l1_ratio=half --set a.n=3"


folders = st.lists(
    st.text("abcXYZ019 ._-äé", min_size=1).map(lambda text: f"{text}{NAME}"), min_size=1, max_size=4
).map("/".join)


@given(folders, st.sampled_from(["/", "../", "~/", "~u/", "./", "file://", "C:/", ""]), st.booleans(), st.booleans())
def test_no_name_in_any_command(folder: str, start: str, joined: bool, is_setting: bool) -> None:
    value = f"data.root={start}{folder}" if is_setting else start + folder
    option = "--set" if is_setting else "--out"
    words = [f"{option}={value}"] if joined else [option, value]
    assert NAME not in hide_command_paths(shlex.join(["survembed", "report", *words]), DOWNSTREAM)


@given(folders, st.sampled_from(["/", "../", "~/", "~u/", "./", "file:///", "C:/"]))
def test_no_quoted_or_known_path_in_any_text(folder: str, start: str) -> None:
    path = start + folder
    assert NAME not in hide_paths(f"no file '{path}' here")
    assert NAME not in hide_paths(f"no file {path} here", [path])


def test_options() -> None:
    config = {
        "seed": 3,
        "data": {"name": "liver", "root": NAME, "clinical": f"../{NAME}/table.csv", "id_column": f"study\\{NAME}"},
        "model": {"name": "vae", "latent_dim": 4},
        "head": None,
        "train": {"updates": 30, "note": f"~{NAME}"},
        "split": {"test": None},
    }
    assert option_rows(config) == [
        ["seed", "3"],
        ["data.name", "liver"],
        ["data.root", "PATH"],
        ["data.clinical", "PATH"],
        ["data.id_column", "PATH"],
        ["model.name", "vae"],
        ["model.latent_dim", "4"],
        ["train.updates", "30"],
        ["train.note", "PATH"],
        ["split.test", ""],
    ]
    assert path_fields(SurvDigits) == set()


@pytest.mark.parametrize("out", ["--out={tmp}/{name}/page.html", "--out=../{name}/page.html"])
def test_no_name_in_a_report(
    a_run: Made, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    def failing(name: str, *args: object) -> None:
        raise RunError(f"no file {tmp_path}/Hans {NAME}/x.csv, nor '../{NAME}/x.csv', nor ~{NAME}/x.csv")

    monkeypatch.setattr(build, "FIGURES", {"history": ""})
    monkeypatch.setattr(build, "figure", failing)
    a_run("table", "deepsurv")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    words = [out.format(tmp=tmp_path, name=NAME), "--runs-dir", "../runs", "--bootstrap=0", "--downstream=coxph"]
    answer = survembed(capsys, "report", *words, "--set", "downstream.coxph.ridge=0.2")
    assert answer.code == 0, answer.err
    text = unescape((tmp_path / NAME / "page.html").read_text())
    assert NAME not in text
    assert str(tmp_path) not in text
    assert (
        "survembed report --out=PATH --runs-dir PATH --bootstrap=0 --downstream=coxph --set downstream.coxph.ridge=0.2"
        in text
    )
    assert "No figure “history”: no file PATH, nor 'PATH', nor PATH." in text
