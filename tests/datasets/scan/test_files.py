"""Files of volumes: names, pairs of NIfTI, and a study that is the same in every format."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.datasets.scan.files import files_of, open_volume, volume_stem
from survembed.errors import DataError
from tests.datasets.cases import write_cohort
from tests.datasets.preparing import liver, prepared


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.nii", "a"),
        ("a.b.nii.gz", "a.b"),
        ("a.NRRD", "a"),
        ("a.seg.nrrd", "a"),
        ("a.nhdr", "a"),
        ("a.mha", "a"),
        ("a.mhd", "a"),
        ("a.hdr", "a"),
        ("a.hdr.gz", "a"),
        ("a.img", None),
        ("a.raw", None),
        (".a.nii", None),
        ("a.nii.txt", None),
    ],
)
def test_names(name: str, stem: str | None) -> None:
    assert volume_stem(Path(name)) == stem


@pytest.mark.parametrize("suffix", ["img", "img.gz"])
def test_pairs_of_nifti(tmp_path: Path, suffix: str) -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    affine = np.array([[2.0, 0, 0, 5], [0, 3, 0, 6], [0, 0, 4, 7], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Pair(voxels, affine), tmp_path / f"a.{suffix}")
    header = tmp_path / f"a.{suffix.replace('img', 'hdr')}"
    for path in (header, tmp_path / f"a.{suffix}"):
        volume = open_volume(path, 1000)
        assert np.array_equal(volume.read(), voxels)
        assert np.array_equal(volume.affine, affine)
    assert files_of(header) == (header, tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").unlink()
    with pytest.raises(DataError, match=r"cannot read a\.img"):
        open_volume(header, 1000)


def test_analyze_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Spm2AnalyzeImage(np.zeros((2, 3, 4), np.int16), np.eye(4)), tmp_path / "a.img")
    with pytest.raises(DataError, match="not a NIfTI file") as refused:
        open_volume(tmp_path / "a.hdr", 1000)
    assert "Analyze" in str(refused.value.expected)


def rewrite(path: Path, suffix: str) -> None:
    """The same volume in another format."""
    image = nib.load(path)
    assert isinstance(image, nib.Nifti1Image)
    voxels = np.asarray(image.dataobj)
    data = voxels.T.astype("<f4").tobytes()
    columns = image.affine[:3, :3] * np.array([[-1], [-1], [1]])
    origin = image.affine[:3, 3] * [-1, -1, 1]
    sizes = " ".join(map(str, voxels.shape))
    path.unlink()
    target = path.with_name(path.name.removesuffix(".nii.gz") + suffix)
    if suffix == ".nrrd":
        directions = " ".join(f"({','.join(map(repr, map(float, column)))})" for column in columns.T)
        header = (
            f"NRRD0004\ntype: float\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\n"
            f"space directions: {directions}\nendian: little\nencoding: raw\n"
            f"space origin: ({','.join(map(repr, map(float, origin)))})\n\n"
        )
    else:
        spacing = np.linalg.norm(columns, axis=0)
        header = (
            f"ObjectType = Image\nNDims = 3\nTransformMatrix = {' '.join(map(str, (columns / spacing).T.ravel()))}\n"
            f"Offset = {' '.join(map(str, origin))}\nElementSpacing = {' '.join(map(str, spacing))}\n"
            f"DimSize = {sizes}\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
        )
    target.write_bytes(header.encode() + data)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_study_is_the_same_in_every_format(tmp_path: Path, suffix: str) -> None:
    root = write_cohort(tmp_path / "study")
    copy = tmp_path / "copy" / "study"
    shutil.copytree(root, copy)
    for path in copy.rglob("*.nii.gz"):
        rewrite(path, suffix)
    assert not list(copy.rglob("*.nii*"))
    with prepared(liver(root).build(), tmp_path) as one, prepared(liver(copy).build(), tmp_path) as other:
        assert other.subjects.id.tolist() == one.subjects.id.tolist()
        assert np.abs(other.stored(range(len(one))).astype(int) - one.stored(range(len(one)))).max() <= 1
        np.testing.assert_allclose(other.subjects.measures["organ_ml"], one.subjects.measures["organ_ml"])


def test_two_formats_of_one_volume_are_refused(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study")
    ct = next(root.glob("imagesTr/*.nii.gz"))
    ct.with_name(ct.name.replace(".nii.gz", ".nrrd")).write_bytes(b"NRRD0004\n")
    with pytest.raises(DataError, match="several files"):
        prepared(liver(root).build(), tmp_path)
