"""DICOM among the volumes of a study: which series is which channel, and which structures are which label."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from survembed.cohort.cohort import Cohort
from survembed.datasets import Volumes
from survembed.datasets.dicom.series import open_series
from survembed.errors import DataError
from survembed.progress import QUIET
from survembed.storage.nifti import write_nifti
from tests.datasets.dicom.test_contours import circle, polygon
from tests.datasets.dicoms import LIMIT, masks, pet_elements, series_of, stored, write_rtstruct, write_seg, write_series
from tests.datasets.preparing import RecordingReporter, prepared

PATIENTS = ("P1", "P2", "P3")


def write_pet_ct(root: Path, subject: str = "P1", seed: int = 0, **pet: Any) -> list[Path]:
    """A CT, a PET without weight if `pet` says so, and an MR of one subject, in one frame; the slices of the CT."""
    folder, frame = root / "tree" / subject, f"1.2.3.{seed + 1}"
    ct = write_series(folder / "1", stored(seed), subject, FrameOfReferenceUID=frame, SeriesDescription="CT WB")
    elements = {key: value for key, value in {**pet_elements(), **pet}.items() if value is not None}
    write_series(folder / "2", stored(seed + 50), subject, FrameOfReferenceUID=frame, RescaleSlope=20, **elements)
    mr = {"Modality": "MR", "SeriesDescription": "T1 post", "RescaleSlope": None, "RescaleIntercept": None}
    write_series(folder / "3", stored(seed + 90), subject, FrameOfReferenceUID=frame, **mr)
    scout = {"SeriesDescription": "Scout", "FrameOfReferenceUID": frame}
    write_series(folder / "4", stored(seed)[:1], subject, **scout)
    return ct


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "study"
    for number, subject in enumerate(PATIENTS):
        write_pet_ct(root, subject, number)
    rows = [f"{subject},{100 + 10 * number},{int(number != 1)}" for number, subject in enumerate(PATIENTS)]
    (root / "clinical.csv").write_text("\n".join(["id,days,event", *rows]) + "\n")
    return root


def volumes(root: Path, **options: object) -> Volumes:
    return Volumes.model_validate({"root": root, "size": 16, "suv_cap": 10, "window": "-150,300", **options})


def measure(cohort: Cohort, name: str) -> list[float]:
    values: list[float] = cohort.subjects.measures[name].tolist()
    return values


def test_series_of_a_tree_equal_their_nifti_files(root: Path, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    with prepared(volumes(root).build(), tmp_path, reporter) as cohort:
        images = cohort.stored(range(3))
        assert [(each.name, each.unit) for each in cohort.channels] == [("CT", "HU"), ("MR", "SD"), ("PT", "SUV")]
    said = " ".join(reporter.said)
    assert "DICOM series: CT = 'CT WB' (3); MR = 'T1 post' (3); PT = 'PET AC' (3). Not read: 'CT Scout' (3)." in said
    copy = tmp_path / "copy" / "study"
    for subject in PATIENTS:
        for number, name in enumerate(("CT", "PT", "MR"), 1):
            series = open_series(
                series_of(list((root / "tree" / subject / f"{number}").iterdir())), LIMIT, to_suv=name == "PT"
            )
            values = series.read() * series.slope + series.intercept
            write_nifti(copy / f"{subject}__{name}.nii.gz", values.astype(np.float32), series.affine)
    shutil.copy(root / "clinical.csv", copy)
    with prepared(volumes(copy).build(), tmp_path) as cohort:
        assert np.abs(cohort.stored(range(3)).astype(int) - images).max() <= 1


def test_a_choice_among_series_is_never_guessed(root: Path, tmp_path: Path) -> None:
    second = {**pet_elements(), "SeriesDescription": "PET NAC", "CorrectedImage": ["DECY"]}
    write_series(root / "tree" / "P2" / "5", stored(3), "P2", **second)
    with pytest.raises(DataError, match=r"P2: several DICOM series are 'PT': PT 'PET .*' \(10 files\), PT") as refused:
        prepared(volumes(root).build(), tmp_path)
    assert "data.channels=" in refused.value.message
    reporter = RecordingReporter()
    with prepared(volumes(root, channels="CT,PT=*pet ac*|*pt wb*").build(), tmp_path, reporter) as cohort:
        assert [each.name for each in cohort.channels] == ["CT", "PT"]
        assert [each.unit for each in cohort.channels] == ["HU", "SUV"]
    assert any("PT = 'PET AC' (3)" in text and "'PT PET NAC' (1)" in text for text in reporter.said)
    with pytest.raises(
        DataError, match="P2: a PT series has no SUV: CorrectedImage names no correction for attenuation"
    ):
        prepared(volumes(root, channels="CT,PT=pet nac", missing="zero").build(), tmp_path)
    with pytest.raises(DataError, match="no subject has a channel 'FLAIR'") as refused:
        volumes(root, channels="CT,FLAIR").build().fingerprint(QUIET)
    assert "MR 'T1 post'" in str(refused.value.expected)


def test_a_pet_without_weight_is_named_and_the_others_are_prepared(root: Path, tmp_path: Path) -> None:
    write_pet_ct(root, "P2", 1, PatientWeight=None)
    with pytest.raises(DataError, match=r"(?s)1 problem.*P2: a PT series has no SUV: PatientWeight"):
        prepared(volumes(root).build(), tmp_path)
    assert not list(tmp_path.glob("*.h5"))
    with prepared(volumes(root, skip_bad=True).build(), tmp_path) as cohort:
        assert cohort.subjects.id.tolist() == ["P1", "P3"]
    with prepared(volumes(root, normalise="ct,zscore,zscore").build(), tmp_path) as cohort:
        assert len(cohort) == 3


def test_without_an_id_the_folder_is_the_subject(root: Path, tmp_path: Path) -> None:
    for path in (root / "tree").iterdir():
        path.rename(root / path.name)
        for number in (1, 2, 3):
            for file in (root / path.name / f"{number}").iterdir():
                header = header_of(file)
                header.PatientID = ""
                header.save_as(file)
    with prepared(volumes(root).build(), tmp_path) as cohort:
        assert cohort.subjects.id.tolist() == list(PATIENTS)


def header_of(path: Path) -> Any:
    from pydicom import dcmread

    return dcmread(path)


def draw(root: Path, refers: bool = True) -> dict[str, float]:
    """An RTSTRUCT of each subject; the volume of its GTV in ml by subject."""
    volume = {}
    for number, subject in enumerate(PATIENTS):
        slices = sorted((root / "tree" / subject / "1").iterdir(), key=lambda path: int(path.stem) * 857 % 997)
        radius = 6.0 + number
        regions = {
            "GTV_1": [polygon(k, circle(radius)) for k in (3, 4, 5)],
            "Spinal cord": [polygon(4, circle(2.0))],
            "PTV": [polygon(4, circle(8.0))],
        }
        write_rtstruct(root / "tree" / subject / "rs" / "rs.dcm", slices, regions, refers)
        volume[subject] = 3 * np.pi * radius**2 * 2.0 * 1.5 * 3.0 / 1000
    return volume


@pytest.mark.parametrize("refers", [True, False])
def test_contours_of_lesions_become_a_label(root: Path, tmp_path: Path, refers: bool) -> None:
    expected, reporter = draw(root, refers), RecordingReporter()
    with prepared(volumes(root).build(), tmp_path, reporter) as cohort:
        assert cohort.channels[3].name == "tumour"
        assert cohort.channels[3].overlay
        assert measure(cohort, "tumour_ml") == pytest.approx(list(expected.values()), rel=0.02)
        stored_ml = cohort.images(range(3))[:, 3].sum(axis=(1, 2, 3), dtype=np.float64) * (cohort.voxel_ml or 0)
        assert stored_ml == pytest.approx(measure(cohort, "tumour_ml"), rel=1e-3)
    assert "Structures: tumour = 'GTV_1' (3). Not read: 'Spinal cord' (3), 'PTV' (3)." in " ".join(reporter.said)


def test_labels_name_structures_of_contours_and_segments(root: Path, tmp_path: Path) -> None:
    expected = draw(root)
    for number, subject in enumerate(PATIENTS):
        slices = sorted((root / "tree" / subject / "1").iterdir(), key=lambda path: int(path.stem) * 857 % 997)
        write_seg(root / "tree" / subject / "seg" / f"{number}.dcm", slices, {"Liver": masks()["Liver"]})
    with prepared(volumes(root, labels="mass=GTV*,cord=spinal*,liver").build(), tmp_path) as cohort:
        assert [each.name for each in cohort.channels][3:] == ["mass", "cord", "liver"]
        assert measure(cohort, "mass_ml") == pytest.approx(list(expected.values()), rel=0.02)
        assert measure(cohort, "liver_ml") == pytest.approx([masks()["Liver"].sum() * 9 / 1000] * 3)


def test_two_files_with_lesions_are_refused(root: Path, tmp_path: Path) -> None:
    draw(root)
    file = root / "tree" / "P3" / "rs" / "rs.dcm"
    header = header_of(file)
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6"
    header.save_as(file.with_name("second.dcm"))
    with pytest.raises(DataError, match=r"P3: several DICOM structures are 'lesions': GTV_1 of RTSTRUCT, GTV_1"):
        prepared(volumes(root).build(), tmp_path)


def test_structures_without_a_lesion_are_refused(root: Path) -> None:
    for subject in PATIENTS:
        slices = list((root / "tree" / subject / "1").iterdir())
        write_rtstruct(root / "tree" / subject / "rs" / "rs.dcm", slices, {"Heart": [polygon(4, circle(2.0))]})
    with pytest.raises(DataError, match=r"no structure has the name of a lesion: 'Heart' \(3\)") as refused:
        volumes(root).build().fingerprint(QUIET)
    assert "data.labels=none" in str(refused.value.try_)


def test_a_new_subject_from_a_folder(root: Path, tmp_path: Path) -> None:
    draw(root)
    source = volumes(root).build()
    with prepared(source, tmp_path) as cohort:
        new = source.read_new({"folder": root / "tree" / "P2"}, cohort)
        assert np.array_equal(new.images[0], cohort.stored([1])[0])
        assert new.measures["tumour_ml"][0] == measure(cohort, "tumour_ml")[1]


@pytest.mark.parametrize("subject", ["STS_002", "STS_003"])
@pytest.mark.parametrize("folder", ["CT", "PET", "MR_T1"])
def test_real_series_equal_their_nifti_files(test_data: Path, subject: str, folder: str) -> None:
    study = test_data / "petct" / subject / folder
    series = open_series(series_of(list((study / "dicom" / "image").glob("*.dcm"))), 10**8, to_suv=folder == "PET")
    image: Any = nib.as_closest_canonical(nib.load(study / "nifti" / "image" / "image.nii.gz"))
    values: NDArray[np.float64] = np.asarray(image.dataobj).astype(np.float64)
    assert series.shape == values.shape
    assert np.abs(series.affine - image.affine).max() < 0.01
    assert np.abs(series.read() * series.slope + series.intercept - values).max() <= 2e-3 * np.abs(values).max()
