"""A small DICOM study on disk, as downloaded: a CT series with telling headers, and segmentations drawn on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pydicom = pytest.importorskip("pydicom", reason="DICOM needs the extra 'dicom'")
hd = pytest.importorskip("highdicom", reason="DICOM needs the extra 'dicom'")

from highdicom.sr.coding import CodedConcept  # noqa: E402
from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: E402
from pydicom.uid import (  # noqa: E402
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
    generate_uid,
)

from survembed.datasets.scan.case import DicomFiles  # noqa: E402

SECRETS = ("Doe^Jane", "19500101", "ACC-4711", "Dr^Who", "General Hospital")
"""What the headers tell of a patient, and no output may."""
SPACING = (2.0, 1.5)
STEP = 3.0
ORGAN, TUMOUR = ("liver",), ("tumor*", "tumour*")
TISSUE = CodedConcept("85756007", "SCT", "Tissue")
LIVER = CodedConcept("10200004", "SCT", "Liver")


def write_series(
    folder: Path,
    stored: NDArray[Any],
    patient: str = "P1",
    positions: Sequence[float] | None = None,
    axes: Sequence[float] = (1, 0, 0, 0, 1, 0),
    changes: Mapping[int, Mapping[str, Any]] | None = None,
    private: Mapping[tuple[int, str, int], tuple[str, Any]] | None = None,
    **common: Any,
) -> list[Path]:
    """Write slices (k, rows, columns) int16, one a file, in an order and under names that say nothing.

    Parameters
    ----------
    positions
        Of each slice along the normal, in mm; every 3 mm where not given, though slices call themselves 5 mm thick.
    axes
        ImageOrientationPatient.
    changes, common
        Header elements of single slices, and of all.
    private
        Type and value of private elements of all slices, by group, creator and element.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    uids |= {name: common.pop(name) for name in list(common) if name in uids}
    normal = np.cross(axes[:3], axes[3:])
    paths = []
    for k, plane in enumerate(stored):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        file.Modality, file.PatientID = "CT", patient
        file.PatientName, file.PatientBirthDate, file.AccessionNumber, file.ReferringPhysicianName = SECRETS[:4]
        file.InstitutionName, file.PatientSex, file.StudyID = SECRETS[4], "F", "1"
        file.StudyDate, file.StudyTime, file.SeriesNumber, file.InstanceNumber = "20200101", "120000", 1, k + 1
        for name, uid in uids.items():
            setattr(file, name, uid)
        along = k * STEP if positions is None else positions[k]
        file.ImagePositionPatient = (np.array([-50.0, -60.0, -70.0]) + along * normal).round(4).tolist()
        file.ImageOrientationPatient, file.PixelSpacing, file.SliceThickness = list(axes), list(SPACING), 5.0
        file.Rows, file.Columns = plane.shape
        file.BitsAllocated = file.BitsStored = 16
        file.HighBit, file.PixelRepresentation, file.SamplesPerPixel = 15, 1, 1
        file.PhotometricInterpretation, file.RescaleSlope, file.RescaleIntercept = "MONOCHROME2", 1, -1024
        file.PixelData = plane.astype("<i2").tobytes()
        for name, value in {**common, **(changes or {}).get(k, {})}.items():
            if value is None:
                delattr(file, name)
            else:
                setattr(file, name, value)
        for (group, creator, element), (vr, value) in (private or {}).items():
            file.private_block(group, creator, create=True).add_new(element, vr, value)
        path = folder / f"{(k * 7) % 997:03d}.dcm"
        file.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def pet_elements(**changes: Any) -> dict[str, Any]:
    """Elements of a PET of 70 kg, an hour after 350 MBq of 18F; changes of the dose's elements, None removes one."""
    dose = pydicom.Dataset()
    elements = {
        "RadionuclideTotalDose": 350e6,
        "RadionuclideHalfLife": 6586.2,
        "RadiopharmaceuticalStartTime": "101500",
        **changes,
    }
    for name, value in elements.items():
        if value is not None:
            setattr(dose, name, value)
    return {
        "Modality": "PT",
        "SOPClassUID": PositronEmissionTomographyImageStorage,
        "SeriesDescription": "PET AC",
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "PatientWeight": 70.0,
        **{f"{name}Date": "20200101" for name in ("Series", "Acquisition")},
        **{f"{name}Time": "111500" for name in ("Series", "Acquisition")},
        "RescaleIntercept": 0,
        "RadiopharmaceuticalInformationSequence": [dose],
    }


def write_seg(
    path: Path, slices: Sequence[Path], masks: Mapping[str, NDArray[np.bool_]], kind: str = "BINARY", **changes: Any
) -> Path:
    """Write segments by label, each (k, rows, columns), as a DICOM SEG drawn on `slices`; empty frames are left out."""
    sources = [pydicom.dcmread(source) for source in slices]
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=TISSUE,
            segmented_property_type=LIVER,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(masks, 1)
    ]
    seg = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.stack(list(masks.values()), axis=-1).astype(np.float32 if kind == "FRACTIONAL" else np.uint8),
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=True,
    )
    for name, value in changes.items():
        setattr(seg, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path)
    return path


LIMIT = 10**7

SHAPE = (10, 30, 24)  # slices, rows, columns


def stored(seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(900, 1300, SHAPE).astype(np.int16)


def ras(planes: NDArray[Any]) -> NDArray[Any]:
    """Slices (k, rows, columns) of an axial scan in RAS order."""
    return planes.transpose(2, 1, 0)[::-1, ::-1]


def series_of(paths: list[Path]) -> DicomFiles:
    return DicomFiles("CT series", tuple(paths))


def masks() -> dict[str, NDArray[np.bool_]]:
    """A liver on slices 2 to 7, two tumours that lie over it and over one another, and a vessel."""
    liver, one, two, vessel = (np.zeros(SHAPE, np.bool_) for _ in range(4))
    liver[2:8, 5:25, 4:20] = True
    one[3:5, 8:12, 8:12] = True
    two[4:6, 10:15, 10:14] = True
    vessel[:, 0:3, 0:3] = True
    return {"Liver": liver, "Portal": vessel, "Tumor_1": one, "Tumor_2": two}


def expected_codes() -> NDArray[np.uint8]:
    """(k, rows, columns)."""
    drawn = masks()
    codes = drawn["Liver"].astype(np.uint8)
    codes[drawn["Tumor_1"] | drawn["Tumor_2"]] = 2
    return codes


def write_study(root: Path, patients: tuple[str, ...] = ("P1", "P2", "P3")) -> Path:
    """A tree as downloaded, with a table."""
    for number, patient in enumerate(patients):
        slices = write_series(root / "x" / f"{number}" / "a", stored(number), patient)
        write_seg(root / "x" / f"{number}" / "b" / "1.dcm", slices, masks())
    rows = [f"{patient},{100 + 10 * i},{i % 2}" for i, patient in enumerate(patients)]
    (root / "clinical.csv").write_text("\n".join(["id,days,event", *rows]) + "\n")
    return root


def write_rtstruct(
    path: Path, slices: Sequence[Path], regions: Mapping[str, Sequence[NDArray[np.float64]]], refers: bool = True
) -> Path:
    """Write regions by name, each a list of contours (n, 3) in LPS mm, drawn on `slices`.

    Parameters
    ----------
    refers
        Whether the file names their series, or only has their frame of reference.
    """
    image = pydicom.dcmread(slices[0], stop_before_pixels=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = RTStructureSetStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = RTStructureSetStorage, meta.MediaStorageSOPInstanceUID
    file.Modality, file.PatientID, file.SeriesInstanceUID = "RTSTRUCT", image.PatientID, generate_uid()
    file.FrameOfReferenceUID = image.FrameOfReferenceUID

    def item(**elements: Any) -> Any:
        dataset = pydicom.Dataset()
        for name, value in elements.items():
            setattr(dataset, name, value)
        return dataset

    series = item(SeriesInstanceUID=image.SeriesInstanceUID if refers else generate_uid())
    study = item(RTReferencedSeriesSequence=[series])
    file.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=image.FrameOfReferenceUID, RTReferencedStudySequence=[study])
    ]
    file.StructureSetROISequence = [item(ROINumber=number, ROIName=name) for number, name in enumerate(regions, 1)]
    file.ROIContourSequence = [
        item(
            ReferencedROINumber=number,
            ContourSequence=[
                item(
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(contour),
                    ContourData=[f"{value:.6g}" for value in contour.ravel()],
                )
                for contour in contours
            ],
        )
        for number, contours in enumerate(regions.values(), 1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path
