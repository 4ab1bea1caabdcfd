"""Several channels: each at its position in mm, in its unit, and what is missing or wrong is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.cohort.cohort import Cohort
from survembed.errors import DataError, UsageError
from survembed.progress import QUIET
from survembed.storage.nifti import write_nifti
from tests.datasets.channels.studies import CENTRE, volumes, write_hecktor
from tests.datasets.preparing import RecordingReporter, prepared


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_hecktor(tmp_path / "study")


def centre_of(weights: np.ndarray, affine: np.ndarray) -> np.ndarray:
    index = np.argwhere(weights > 0)
    mean = (index * weights[tuple(index.T)][:, None]).sum(0) / weights.sum()
    return np.asarray(affine[:3, :3] @ mean + affine[:3, 3])


def channel(cohort: Cohort, name: str, row: int = 0) -> np.ndarray:
    position = [each.name for each in cohort.channels].index(name)
    return cohort.images([row])[0, position]


def test_every_channel_is_at_its_place(root: Path, tmp_path: Path) -> None:
    with prepared(volumes(root, fov_mm=None).build(), tmp_path) as cohort:
        assert [each.name for each in cohort.channels] == ["CT", "PT", "tumour", "nodes"]
        assert [each.unit for each in cohort.channels][:2] == ["HU", "SUV"]
        affine = cohort.subjects.affine
        assert affine is not None
        for row in range(4):
            tumour, pet, ct = (channel(cohort, name, row) for name in ("tumour", "PT", "CT"))
            for values in (tumour, np.where(pet * 20 > 3, pet, 0), np.where(ct * 400 - 150 > 35, ct, 0)):
                assert np.abs(centre_of(values, affine[row]) - CENTRE).max() < max(cohort.header.spacing_mm or ())
            assert abs(np.median(pet[tumour > 0.99]) * 20 - (5.05 + row)) < 0.3
            assert abs(ct[tumour > 0.99].mean() * 400 - 150 - 60) < 3
            volume_ml = tumour.sum(dtype=np.float64) * (cohort.voxel_ml or 0)
            assert abs(volume_ml / cohort.subjects.measures["tumour_ml"][row] - 1) < 1e-3
        assert set(cohort.subjects.measures) == {"tumour_ml", "nodes_ml"}
        assert cohort.subjects.measures["nodes_ml"].tolist() == pytest.approx([27 * 0.012] * 4)


def test_the_orientation_of_a_file_has_no_effect(root: Path, tmp_path: Path) -> None:
    with prepared(volumes(root).build(), tmp_path) as cohort:
        before = cohort.stored([0])
    path = root / "imagesTr" / "CHUM-000__PT.nii.gz"
    image = nib.load(path)
    assert isinstance(image, nib.Nifti1Image)
    turned = image.as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    write_nifti(path, np.asarray(turned.dataobj), turned.affine)
    with prepared(volumes(root).build(), tmp_path) as cohort:
        assert np.array_equal(cohort.stored([0]), before)


def test_an_oblique_channel(root: Path, tmp_path: Path) -> None:
    """A PET with a smooth pattern on a grid turned by 20° against one on straight axes."""
    angle, path = np.deg2rad(20), root / "imagesTr" / "CHUM-000__PT.nii.gz"

    def write(rotation: np.ndarray) -> None:
        affine = np.eye(4)
        affine[:3, :3] = rotation * 3
        affine[:3, 3] = CENTRE - affine[:3, :3] @ np.full(3, 29.5)
        index = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), axis=-1)
        points = index @ affine[:3, :3].T + affine[:3, 3] - CENTRE
        pattern = 5 + 3 * np.sin(points[..., 0] / 15) + 2 * np.cos(points[..., 1] / 12) + points[..., 2] / 60
        write_nifti(path, pattern.astype(np.float32), affine)

    stored = []
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    for rotation in (np.eye(3), turned):
        write(rotation)
        with prepared(volumes(root, suv_cap=12).build(), tmp_path) as cohort:
            stored.append(channel(cohort, "PT") * 12)
    assert np.abs(stored[0] - stored[1]).max() < 0.1


def test_normalisation_by_subject(root: Path, tmp_path: Path) -> None:
    with prepared(volumes(root, normalise="zscore,percentile").build(), tmp_path) as cohort:
        ct, pet = channel(cohort, "CT"), channel(cohort, "PT")
        assert abs(float(ct[ct > 0].mean()) - 0.5) < 0.02
        assert pet.min() == 0
        assert pet.max() == 1


def test_a_missing_channel(root: Path, tmp_path: Path) -> None:
    (root / "imagesTr" / "CHUM-002__PT.nii.gz").unlink()
    with pytest.raises(DataError, match="CHUM-002: no channel PT"):
        prepared(volumes(root).build(), tmp_path)
    with prepared(volumes(root, missing="drop").build(), tmp_path) as cohort:
        assert len(cohort) == 3
    with prepared(volumes(root, missing="zero").build(), tmp_path) as cohort:
        assert len(cohort) == 4
        assert channel(cohort, "PT", 2).max() == 0
        assert channel(cohort, "CT", 2).max() > 0
        assert any("no channel PT" in note for note in cohort.header.notes)


def spoil(path: Path, fault: str) -> None:
    image = nib.load(path)
    assert isinstance(image, nib.Nifti1Image)
    values, affine = np.asarray(image.dataobj).astype(np.float32), image.affine.copy()
    match fault:
        case "NaN":
            values[3, 3, 3] = np.nan
        case "constant":
            values[:] = 7
        case "mask":
            values = (values > 2).astype(np.float32)
        case "elsewhere":
            affine[:3, 3] += 300
        case "Bq/ml":
            values *= 5000
    write_nifti(path, values, affine)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("NaN", "NaN"),
        ("constant", "is constant"),
        ("mask", "such as a mask"),
        ("elsewhere", "covers only 0%"),
        ("Bq/ml", r"is not in SUV: its median above 0 is 5\.\d+e\+03"),
    ],
)
def test_bad_channels(root: Path, tmp_path: Path, fault: str, message: str) -> None:
    spoil(root / "imagesTr" / "CHUM-001__PT.nii.gz", fault)
    with pytest.raises(DataError, match=f"(?s)1 problem.*CHUM-001.*PT.*{message}"):
        prepared(volumes(root).build(), tmp_path)
    with prepared(volumes(root, skip_bad=True).build(), tmp_path) as cohort:
        assert len(cohort) == 3


def test_what_labels_mean_is_never_guessed(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing says what their labels are") as refused:
        volumes(root, labels="").build().fingerprint(QUIET)
    assert "data.labels" in str(refused.value.try_)
    (root / "dataset.json").write_text('{"labels": {"background": 0, "GTVp": 1, "GTVn": 2}}')
    with prepared(volumes(root, labels="").build(), tmp_path) as cohort:
        assert [each.name for each in cohort.channels][2:] == ["GTVp", "GTVn"]
        assert all(each.overlay for each in cohort.channels[2:])
    with prepared(volumes(root, labels="none").build(), tmp_path) as cohort:
        assert [each.name for each in cohort.channels] == ["CT", "PT"]
    with pytest.raises(UsageError, match="'tumour=x' is no label"):
        volumes(root, labels="tumour=x").build().fingerprint(QUIET)


def test_folders_of_subjects_and_nnunet_and_bids_give_the_same(root: Path, tmp_path: Path) -> None:
    with prepared(volumes(root, normalise="ct,suv").build(), tmp_path) as cohort:
        expected = cohort.stored(range(4))
    for layout, options in {
        "{0}/CT|{0}/PT|{0}/{0}": {"channels": "CT,PT"},
        "imagesTr/{0}_0000|imagesTr/{0}_0001|labelsTr/{0}": {},
        "sub-{0}/ses-1/anat/sub-{0}_ses-1_CT|sub-{0}/ses-1/pet/sub-{0}_ses-1_PT|labels/sub-{0}": {},
    }.items():
        copy = tmp_path / f"copy{len(layout)}" / "study"
        for number in range(4):
            name = f"CHUM-{number:03d}"
            sources = (f"imagesTr/{name}__CT", f"imagesTr/{name}__PT", f"labelsTr/{name}")
            for source, target in zip(sources, layout.split("|"), strict=True):
                path = copy / f"{target.format(name)}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / f"{source}.nii.gz", path)
        table = (root / "ehr.csv").read_text()
        (copy / "ehr.csv").write_text(table.replace("CHUM", "sub-CHUM") if "sub-" in layout else table)
        with prepared(volumes(copy, normalise="ct,suv", **options).build(), tmp_path) as cohort:
            assert np.array_equal(cohort.stored(range(4)), expected)


def test_a_channel_of_unknown_content_is_refused(root: Path) -> None:
    for path in (root / "imagesTr").glob("*__PT*"):
        path.rename(path.with_name(path.name.replace("__PT", "__XY")))
    with pytest.raises(UsageError, match="normalisation of channel 'XY' is not clear"):
        volumes(root).build().fingerprint(QUIET)


def test_a_new_subject(root: Path, tmp_path: Path) -> None:
    source = volumes(root).build()
    new = tmp_path / "new"
    (new / "labelsTr").mkdir(parents=True)
    for name in ("CHUM-001__CT", "CHUM-001__PT"):
        shutil.copy(root / "imagesTr" / f"{name}.nii.gz", new)
    shutil.copy(root / "labelsTr" / "CHUM-001.nii.gz", new / "labelsTr")
    with prepared(source, tmp_path) as cohort:
        case = source.read_new({"folder": new}, cohort)
        assert np.array_equal(case.images[0], cohort.stored([1])[0])
        assert case.measures["tumour_ml"][0] == cohort.subjects.measures["tumour_ml"][1]


def test_the_channels_are_said(root: Path) -> None:
    reporter = RecordingReporter()
    volumes(root).build().fingerprint(reporter)
    assert "Images: CT (ct, 4), PT (suv, 4). Labels: tumour (1), nodes (2)." in reporter.said


def test_real_pet_ct_and_mr_on_three_grids(test_data: Path, tmp_path: Path) -> None:
    """The tumour was contoured once and drawn on each grid: its masks must have one centre in the cube."""
    root = tmp_path / "study"
    for subject in ("STS_002", "STS_003"):
        (root / subject).mkdir(parents=True)
        for channel_name, folder in (("CT", "CT"), ("PT", "PET"), ("MR", "MR_T1")):
            source = test_data / "petct" / subject / folder / "nifti"
            shutil.copy(source / "image" / "image.nii.gz", root / subject / f"{channel_name}.nii.gz")
            shutil.copy(source / "mask" / "mask.nii.gz", root / subject / f"tumor{channel_name}.nii.gz")
    (root / "t.csv").write_text("id,time_days,event\nSTS_002,100,1\nSTS_003,200,0\n")
    options = {"channels": "CT,PT,MR", "labels": "tumorCT,tumorPT,tumorMR", "fov_mm": None, "size": 48}
    with prepared(volumes(root, **options).build(), tmp_path) as cohort:
        assert [each.unit for each in cohort.channels][:3] == ["HU", "SUV", "SD"]
        spacing = max(cohort.header.spacing_mm or ())
        affine = cohort.subjects.affine
        assert affine is not None
        for row in range(2):
            centres = [centre_of(channel(cohort, f"tumor{each}", row), affine[row]) for each in ("CT", "PT", "MR")]
            assert max(np.linalg.norm(one - other) for one in centres for other in centres) < spacing
            tumour, pet = channel(cohort, "tumorPT", row), channel(cohort, "PT", row)
            assert pet[tumour > 0.9].mean() > 2 * pet[tumour == 0].mean()
            volumes_ml = [cohort.subjects.measures[f"tumor{each}_ml"][row] for each in ("CT", "PT", "MR")]
            for name, volume_ml in zip(("CT", "PT", "MR"), volumes_ml, strict=True):
                decoded = channel(cohort, f"tumor{name}", row).sum(dtype=np.float64) * (cohort.voxel_ml or 0)
                assert abs(decoded / volume_ml - 1) < 1e-3
