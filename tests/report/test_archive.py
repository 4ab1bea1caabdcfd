"""Archives of runs: what they hold, that a run works after them, and that hostile ones are refused."""

from __future__ import annotations

import json
import re
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from survembed.errors import DataError
from survembed.report.archive import export_run, import_run
from survembed.runs.embedding import embed
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.archive import MANIFEST, write_archive
from survembed.workflows.explore import Explorer
from tests.cli.command import survembed
from tests.trained import Made
from tests.workflows.test_predict import files_of


@pytest.fixture(scope="module")
def exported(trained_on: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run on volumes."""
    path = tmp_path_factory.mktemp("archive") / "run.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        export_run(trained_on("liver"), path)
    return path


def test_nothing_of_a_subject_is_in_it(exported: Path, trained_on: Made) -> None:
    latents, root = embed(trained_on("liver")), trained_on("liver").read("config.json")["data"]["root"]
    with zipfile.ZipFile(exported) as archive:
        names = set(archive.namelist())
        content = {name: archive.read(name) for name in names}
    assert not names & {"latents.h5", "split.json", "predictions.h5"}
    for name, data in content.items():
        assert str(root).encode() not in data, name
        assert b"/tmp" not in data, name
        assert not re.search(rb"\bs\d\d\b", data if name.endswith((".json", ".md")) else b""), name
        for z in latents.z:
            assert z.tobytes() not in data, name
    assert content["MODEL_CARD.md"].decode().startswith("# coxvae on ")
    assert "Not a medical device" in content["MODEL_CARD.md"].decode()


def test_a_run_from_an_archive_works(
    exported: Path,
    trained_on: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In another folder, with an empty cache: `predict` is equal bit for bit, and the other commands work."""
    run = trained_on("liver")
    new = [f"--{name}={path}" for name, path in files_of(run, "s05").items()]
    command = ["predict", *new, "--json", "--no-pages", f"--out={tmp_path}/out"]
    there = survembed(capsys, *command, "--run", str(run.path))
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path / "empty"))
    runs = ["--runs-dir", str(tmp_path / "taken")]
    assert survembed(capsys, "runs", "import", str(exported), *runs).code == 0
    here = survembed(capsys, *command, *runs)
    assert here.code == 0, here.err
    assert here.out == there.out
    root = run.read("config.json")["data"]["root"]
    for arguments, code in (
        (["traverse", "--risk", f"--out={tmp_path}/walk"], 0),
        (["report", f"--out={tmp_path}/report.html", "--bootstrap", "0", "--downstream", "coxph"], 0),
        (["evaluate", "--root", root, "--bootstrap", "0", "--allow-overlap"], 0),
        (["evaluate", "--root", root, "--bootstrap", "0"], 4),  # its subjects are recognised
        (["evaluate"], 5),
        (["explain", "s05"], 5),
        (["explain", "a scan", *new], 0),
        (["importance"], 5),
        (["figure", "traversal"], 0),
        (["embed"], 5),
        (["embed", "--root", root, "--allow-overlap"], 0),
        (["runs", "list"], 0),
        (["runs", "show"], 0),
    ):
        answer = survembed(capsys, *arguments, *runs)
        assert answer.code == code, (arguments, answer.err)
        assert code != 5 or "try: " in answer.err
    explorer = Explorer(TrainedModel.open(Run(tmp_path / "taken" / run.id)))
    ours = Explorer(TrainedModel.open(run))
    scene, same = explorer.scene(explorer.axes.centre + 1), ours.scene(ours.axes.centre + 1)
    assert scene.numbers == same.numbers
    np.testing.assert_array_equal(scene.image, same.image)
    assert explorer.subjects()["id"] == []
    again = tmp_path / "again.zip"
    export_run(Run(tmp_path / "taken" / run.id), again)
    assert import_run(again, tmp_path / "third").id == run.id


def test_latents_where_wanted(trained_on: Made, tmp_path: Path) -> None:
    export_run(trained_on("tabular"), tmp_path / "run.zip", with_latents=True)
    run = import_run(tmp_path / "run.zip", tmp_path / "taken")
    np.testing.assert_array_equal(embed(run).z, embed(trained_on("tabular")).z)
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert "images.json" not in archive.namelist()  # hashes of a few numbers can be inverted


def test_a_table_is_predicted_alike(
    trained_on: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_on("tabular")
    table = run.read("config.json")["data"]["root"]
    export_run(run, tmp_path / "run.zip")
    import_run(tmp_path / "run.zip", tmp_path / "taken")
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path / "empty"))
    files = []
    for number, path in enumerate((run.path, tmp_path / "taken" / run.id)):
        files.append(tmp_path / f"{number}.csv")
        assert survembed(capsys, "predict", "--table", table, "--run", str(path), f"--out={files[-1]}").code == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def _rewritten(exported: Path, path: Path, change: Callable[[zipfile.ZipFile, dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(exported) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        change(archive, content)
        for name, data in content.items():
            archive.writestr(name, data)


def _resealed(exported: Path, path: Path, **changed: bytes) -> None:
    """An archive whose hashes are right, with other files."""
    with zipfile.ZipFile(exported) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        files = {name: archive.read(name) for name in manifest["files"]}
    head = {name: manifest[name] for name in ("format", "format_version", "run")}
    files |= {name.replace("__", "."): data for name, data in changed.items()}
    write_archive(path, files, head)


def _link(archive: zipfile.ZipFile, content: dict[str, bytes]) -> None:
    info = zipfile.ZipInfo("metrics.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    content.pop("metrics.json", None)
    archive.writestr(info, "/etc/passwd")


def _bomb(archive: zipfile.ZipFile, content: dict[str, bytes]) -> None:
    content.pop("metrics.json", None)
    archive.writestr("metrics.json", b"0" * 50_000_000, zipfile.ZIP_DEFLATED)


def _named(name: str) -> Callable[[zipfile.ZipFile, dict[str, bytes]], None]:
    return lambda archive, content: archive.writestr(name, b"x")


def _manifest(**values: object) -> Callable[[zipfile.ZipFile, dict[str, bytes]], None]:
    def change(archive: zipfile.ZipFile, content: dict[str, bytes]) -> None:
        content[MANIFEST] = json.dumps({**json.loads(content[MANIFEST]), **values}).encode()

    return change


def _weights(archive: zipfile.ZipFile, content: dict[str, bytes]) -> None:
    data = bytearray(content["model.safetensors"])
    data[-1] ^= 1
    content["model.safetensors"] = bytes(data)


HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile, dict[str, bytes]], None], str]] = {
    "absolute": (_named("/tmp/evil.json"), "leaves the folder"),
    "parent": (_named("../evil.json"), "leaves the folder"),
    "windows": (_named("..\\evil.json"), "leaves the folder"),
    "drive": (_named("C:evil.json"), "leaves the folder"),
    "link": (_link, "is a link"),
    "folder": (_named("sub/"), "is a link or a folder"),
    "unknown": (_named("setup.py"), "unknown member 'setup.py'"),
    "bomb": (_bomb, "would grow"),
    "weights": (_weights, "differs from its checksum"),
    "newer": (_manifest(format_version=2), "format version 2"),
    "format": (_manifest(format="other"), "not of the format"),
    "edited": (_manifest(run="../out"), "differs from its checksum"),
    "missing": (lambda archive, content: content.pop("model.safetensors") and None, "not those of"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    change, message = HOSTILE[name]
    _rewritten(exported, tmp_path / "bad.zip", change)
    answer = survembed(capsys, "runs", "import", str(tmp_path / "bad.zip"), "--runs-dir", str(tmp_path / "taken"))
    assert answer.code == 4, answer.err
    assert message in " ".join(answer.err.split())
    assert not (tmp_path / "taken").exists() or not list((tmp_path / "taken").iterdir())


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all"])
def test_no_archive(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(DataError, match="no zip file"):
        import_run(tmp_path / "bad.zip", tmp_path / "taken")
    with pytest.raises(DataError, match="no file"):
        import_run(tmp_path / "none.zip", tmp_path / "taken")


def test_files_that_are_not_what_their_name_says(exported: Path, tmp_path: Path) -> None:
    """The hashes are right, the content is not: nothing is taken in."""
    outside = tmp_path / "outside.h5"
    with h5py.File(outside, "w") as file:
        file["errors"] = np.zeros(3)
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["errors"] = h5py.ExternalLink(str(outside), "errors")
    for name, data in (
        ("reference_errors__h5", (tmp_path / "linked.h5").read_bytes()),
        ("reference__h5", b"no HDF5"),
        ("model__safetensors", b"no weights"),
        ("run__json", b"{}"),
        ("config__json", b'{"data": {"name": "liver"}}'),
        ("report__json", b"[" * 100_000),
    ):
        _resealed(exported, tmp_path / "bad.zip", **{name: data})
        with pytest.raises(DataError, match="is refused"):
            import_run(tmp_path / "bad.zip", tmp_path / "taken")
        assert not list((tmp_path / "taken").iterdir())


def test_a_run_that_is_there_is_kept(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = import_run(exported, tmp_path / "taken")
    before = (run.path / "run.json").read_bytes()
    answer = survembed(capsys, "runs", "import", str(exported), "--runs-dir", str(tmp_path / "taken"))
    assert answer.code == 5
    assert (run.path / "run.json").read_bytes() == before
    assert len(list((tmp_path / "taken").glob("*/run.json"))) == 1
    shutil.rmtree(run.path)
