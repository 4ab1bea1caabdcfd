"""CTs without a mask, in folders and in one flat folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from survembed.datasets.volume.unsegmented import find_unsegmented
from survembed.errors import DataError


def create(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_folders_of_nnunet(tmp_path: Path) -> None:
    root = create(tmp_path, "imagesTr/a_0000.nii.gz", "imagesTr/b_0000.nii.gz", "labelsTr/b.nii.gz")
    cases = find_unsegmented(root)
    assert (list(cases.images), cases.segmented, cases.masks) == (["a"], ("b",), root / "labelsTr")


def test_flat_folder(tmp_path: Path) -> None:
    root = create(tmp_path, "a_0000.nii.gz", "b_0000.nii.gz", "b.nii.gz")
    cases = find_unsegmented(root)
    assert (list(cases.images), cases.segmented, cases.masks) == (["a"], ("b",), root)


def test_masks_numbered_like_channels_are_masks(tmp_path: Path) -> None:
    names = ("p_0000.nii.gz", "p_0000_0000.nii.gz", "p_0001.nii.gz", "p_0001_0000.nii.gz")
    cases = find_unsegmented(create(tmp_path, *names))
    assert (cases.images, cases.segmented) == ({}, ("p_0000", "p_0001"))


def test_no_ct_and_two_cts_of_one_case_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no CTs in 'empty'"):
        find_unsegmented(create(tmp_path / "empty", "notes.txt"))
    with pytest.raises(DataError, match=r"a: several CTs: a_0000.nii, a_0000.nii.gz"):
        find_unsegmented(create(tmp_path / "two", "imagesTr/a_0000.nii", "imagesTr/a_0000.nii.gz"))
