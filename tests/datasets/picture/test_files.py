"""Pictures in folders, found by what a table says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from survembed.datasets.picture.files import PictureFiles

PATHS = ["a/p1/view1.png", "a/p1/view2.PNG", "a/p2/view1.png", "b/x.y.jpg", "top.npy", ".hidden/z.png", "c/._z.png"]


@pytest.fixture
def found(tmp_path: Path) -> PictureFiles:
    for name in [*PATHS, "notes.txt"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return PictureFiles(tmp_path)


def test_hidden_and_other_files_are_none(found: PictureFiles) -> None:
    assert sorted(map(str, found.paths)) == sorted(PATHS[:5])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a/p1/view1.png", ["a/p1/view1.png"]),
        ("p2/view1.png", ["a/p2/view1.png"]),
        ("/old/disk/a/p2/view1.png", ["a/p2/view1.png"]),
        ("a\\p1\\view2.PNG", ["a/p1/view2.PNG"]),
        ("p9/view2.PNG", []),
        ("a/x.y.jpg", []),
        ("old/top.npy", ["top.npy"]),
        ("p1/view2", ["a/p1/view2.PNG"]),
        ("x.y", ["b/x.y.jpg"]),
        ("top", ["top.npy"]),
        ("view1.png", ["a/p1/view1.png", "a/p2/view1.png"]),
        ("../top.npy", []),
        ("other.png", []),
        ("", []),
    ],
)
def test_the_file_of_a_cell(found: PictureFiles, content: str, expected: list[str]) -> None:
    assert [str(path) for path in found.named(content)] == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("top", ["top.npy"]), ("p1", ["a/p1/view1.png", "a/p1/view2.PNG"]), ("p", [])],
)
def test_the_files_of_a_subject(found: PictureFiles, subject: str, expected: list[str]) -> None:
    assert [str(path) for path in found.of_subject(subject)] == expected
