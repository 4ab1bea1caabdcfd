"""`data check images`: sizes and kinds of all pictures, and what cannot be used, by file; nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from survembed.cohort.study_check import StudyCheck
from survembed.workflows.check import check, write_check_page
from tests.cli.command import survembed
from tests.datasets.picture.pictures import grey, images, table, write_pictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "study", 12)


def checked(root: Path, **options: object) -> StudyCheck:
    return check(images(root, **options), "images")


def test_a_sound_folder(root: Path, tmp_path: Path) -> None:
    found = checked(root)
    assert found.n_bad == 0
    assert found.cases == ()
    assert found.contents == ("12 pictures of 12 subjects: 12 × 10 (12) pixels; grey, 8 bit (12).",)
    assert found.follow_up is not None
    assert found.follow_up.events == 8
    write_check_page(found, tmp_path / "page.html")
    assert "12 × 10 (12)" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_each_bad_picture_is_named(root: Path) -> None:
    Image.fromarray(grey(1)).convert("CMYK").save(root / "s1.png", format="JPEG")
    Image.fromarray(grey(2)).save(
        root / "s2.png", format="TIFF", save_all=True, append_images=[Image.fromarray(grey(3))]
    )
    (root / "s3.png").write_bytes((root / "s3.png").read_bytes()[:60])
    Image.fromarray(grey(4, 20, 10)).save(root / "s4.png")
    Image.fromarray(grey(5)).save(root / "s6.png")
    found = checked(root)
    problems = {case.id: case.problem.message for case in found.cases if case.problem}
    assert set(problems) == {"s1", "s2", "s3", "s4"}
    assert "CMYK" in problems["s1"]
    assert "holds 2 pictures" in problems["s2"]
    assert "is damaged" in problems["s3"]
    assert "has 20 × 10 pixels, others 12 × 10" in problems["s4"]
    assert {case.id: case.warnings for case in found.cases if case.warnings} == {"s6": ("the same picture as s5",)}
    assert "12 × 10 (8), 20 × 10 (1)" in found.contents[0]


def test_pictures_and_rows_without_a_partner(root: Path) -> None:
    ids = [f"s{number}" for number in range(11)] + ["other"]
    (root / "clinical.csv").write_text(table(ids))
    messages = [problem.message for problem in checked(root).problems]
    assert any("without a row: s11" in message for message in messages)
    assert any("without an image: other" in message for message in messages)
    (root / "clinical.csv").write_text(table(ids[:10], {"file": [f"s{number}.png" for number in range(10)]}))
    found = checked(root)
    assert found.n_bad == 0
    assert found.contents[1] == "2 picture(s) of the folder are not in the table: s10.png, s11.png."


def test_a_table_that_cannot_be_read_is_a_problem(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    (root / "clinical.csv").write_text("id,weight\ns0,1\n")
    answer = survembed(capsys, "data", "check", "images", "--root", str(root))
    assert answer.code == 4
    assert "problem: cannot determine which column is the duration" in answer.out
