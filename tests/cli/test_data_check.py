"""`data check` and `data phantom` as a user types them: table, JSON, page, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from survembed.datasets import Liver
from survembed.workflows.check import check
from tests.cli.command import survembed
from tests.datasets.cases import write_cohort


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def spoil(root: Path) -> None:
    mask = root / "labelsTr" / "s1.nii.gz"
    mask.write_bytes(mask.read_bytes()[:200])


def test_sound_study_ends_with_0(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    answer = survembed(capsys, "data", "check", "--root", str(root))
    assert answer.code == 0
    assert "30 × 28 × 24" in answer.out
    assert "4 × 4 × 5" in answer.out
    assert "events            3 (50%)" in answer.out
    assert "median follow-up  140 days" in answer.out
    assert (
        "Durations are column 'time_days', in days (from the name); events are column 'event', which counts '1' as"
        in (answer.out)
    )
    assert "problem" not in answer.out


def test_bad_case_ends_with_4_after_the_whole_table(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    spoil(root)
    answer = survembed(capsys, "data", "check", "--root", str(root))
    assert answer.code == 4
    assert "s5" in answer.out
    assert "problem: s1: s1.nii.gz is truncated" in answer.out
    assert answer.err.endswith(
        "error: 1 problem(s) in 6 cases\n"
        f"  where:    survembed data check --root {root}\n"
        "  try:      correct the problems listed above, or exclude these cases with --set data.skip_bad=true\n"
    )


def test_many_cases_show_the_doubtful_and_count_the_good(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "many", n=22)
    for number in range(1, 9):
        mask = root / "labelsTr" / f"s{number}.nii.gz"
        mask.write_bytes(mask.read_bytes()[:200])
    answer = survembed(capsys, "data", "check", "--root", str(root))
    assert answer.code == 4
    rows = [line.split()[0] for line in answer.out.splitlines() if "30 × 28 × 24" in line]
    assert rows == [f"s{number}" for number in range(1, 9)]
    assert "14 of 22 cases are good and not shown: --all shows them" in answer.out
    assert "problem: s5: s5.nii.gz is truncated" in answer.out
    assert "problem: … and 3 more cases like this: --all lists them" in answer.out
    assert "masks             organ = label 1; lesion = label 2; by convention" in answer.out
    answer = survembed(capsys, "data", "check", "--root", str(root), "--all")
    assert answer.out.count("30 × 28 × 24") == 22
    assert answer.out.count("is truncated") == 8
    assert "--all" not in answer.out


def test_cts_that_wait_for_masks(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    shutil.rmtree(root / "labelsTr")
    answer = survembed(capsys, "data", "check", "--root", str(root))
    assert answer.code == 4
    assert f"problem: s5: a CT without its mask ({root}/imagesTr/s5_0000.nii.gz); draw it, or survembed" in answer.out
    assert "organ_ml" not in answer.out  # no table of nothing


def test_json_and_page(capsys: pytest.CaptureFixture[str], root: Path, tmp_path: Path) -> None:
    spoil(root)
    page = tmp_path / "page.html"
    answer = survembed(capsys, "data", "check", "--root", str(root), "--json", "--html", str(page))
    found = json.loads(answer.out)
    assert answer.code == 4
    assert found["bad"] == 1
    assert "truncated" in found["cases"][1]["problem"]["message"]
    assert found["cases"][0]["organ_ml"] > 0
    assert "thumbnail" not in found["cases"][0]
    assert "data:image/png" in page.read_text()
    answer = survembed(capsys, "data", "check", "--root", str(root), "--html", str(page / "below-a-file"))
    assert answer.code == 4
    assert "cannot write below-a-file" in answer.err
    assert answer.out == ""  # refused before the work


def test_prepare_ends_with_4_unless_bad_cases_are_to_be_skipped(
    capsys: pytest.CaptureFixture[str], root: Path, tmp_path: Path
) -> None:
    spoil(root)
    table = tmp_path / "elsewhere.csv"
    (root / "clinical.csv").rename(table)
    line = ["liver", "--root", str(root), "--clinical", str(table), "--set", "data.size=16"]
    answer = survembed(capsys, "data", "prepare", *line)
    assert answer.code == 4
    assert (
        f"s1: s1.nii.gz is truncated: its compressed data end too soon ({root}/labelsTr/s1.nii.gz); copy" in answer.err
    )
    for command in ("prepare", "show"):
        answer = survembed(capsys, "data", command, *line, "--skip-bad")
        assert answer.code == 0
        assert "subjects        5" in answer.out
    assert "left out: s1: s1.nii.gz is truncated" in answer.out
    refused = survembed(capsys, "data", "prepare", "surv-digits", "--skip-bad")
    assert refused.code == 2
    assert "has no option 'skip_bad'" in refused.err


def test_warnings_alone_end_with_0(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("100,0", "0,0"))
    answer = survembed(capsys, "data", "check", "--root", str(root))
    assert answer.code == 0
    assert "warning: 1 duration(s) of 0 days" in answer.out


def test_options_of_the_dataset(capsys: pytest.CaptureFixture[str], root: Path, tmp_path: Path) -> None:
    table = (root / "clinical.csv").rename(tmp_path / "elsewhere.csv")
    line = [
        "data",
        "check",
        "liver",
        "--root",
        str(root),
        "--clinical",
        str(table),
        "--json",
    ]
    found = json.loads(survembed(capsys, *line, "--set", "data.fov_mm=60").out)
    assert found["fov_mm"] == [60, 60, 60]
    assert found["bad"] == 6
    assert found["follow_up"]["subjects"] == 6
    assert survembed(capsys, "data", "check", "livre").code == 3
    assert survembed(capsys, "data", "check", "surv-digits").code == 2
    assert survembed(capsys, "data", "check", "--root", str(tmp_path / "nowhere")).code == 4
    assert survembed(capsys, "data", "check", "--root", str(root), "--set", "data.fovv=1").code == 2


def test_phantom_is_written_whole_and_can_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "phantom"
    answer = survembed(capsys, "data", "phantom", str(folder), "--n", "3", "--seed", "5", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["subjects"] == 3
    assert sorted(path.name for path in folder.iterdir()) == ["clinical.csv", "imagesTr", "labelsTr", "phantom.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["phantom"]

    assert check(Liver(root=folder), "liver").n_bad == 0
    again = survembed(capsys, "data", "phantom", str(folder), "--n", "3")
    assert again.code == 4
    assert "is not empty" in again.err
    assert survembed(capsys, "data", "phantom", str(tmp_path / "x"), "--n", "1").code == 2
    (tmp_path / "file").write_text("")
    assert survembed(capsys, "data", "phantom", str(tmp_path / "file" / "x"), "--n", "2").code == 4


def test_interrupted_phantom_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from survembed.workflows import phantom as module

    def interrupted(folder: Path, *_: object, **__: object) -> None:
        (folder / "imagesTr").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_phantom", interrupted)
    with pytest.raises(KeyboardInterrupt):
        module.phantom(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
