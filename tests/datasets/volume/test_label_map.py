"""Label maps: only labels with a known meaning, from the files of the field to the cohort."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets import Liver
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.new_volume import read_volume
from survembed.datasets.volume.organ_mask import read_mask
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from survembed.workflows.check import check
from tests.datasets.cases import PREPROCESSING, affine_of, anatomy, write_case, write_cohort
from tests.datasets.checking import SPACING, case_of, checked, mask_of
from tests.datasets.preparing import RecordingReporter, liver, prepared

STRICT = replace(PREPROCESSING, organ_labels=(1,), tumour_labels=(2,), ignored_labels=())


def with_neighbours(root: Path, organ: int = 1, tumour: int | None = None) -> dict[str, tuple[float, float]]:
    """Give each mask of a cohort two neighbours, labels 3 and 4 (or others), and rename its labels; return volumes."""
    truth = {}
    for path in sorted((root / "labelsTr").iterdir()):
        labels = anatomy((30, 28, 24), seed=int(path.name[1]))[1]
        voxel = np.prod(SPACING) / 1000
        truth[path.name[:2]] = ((labels > 0).sum() * voxel, (labels == 2).sum() * voxel)
        named = np.where(labels > 0, organ, 0)
        if tumour is not None:
            named[labels == 2] = tumour
        named[:3, :4][named[:3, :4] == 0] = 2 if tumour != 2 and organ != 2 else 3
        named[-3:, :4][named[-3:, :4] == 0] = 4
        write_nifti(path, named.astype(np.uint8), affine_of(SPACING))
    return truth


def test_labels_without_a_meaning_are_refused_and_listed(tmp_path: Path) -> None:
    hu, labels = anatomy()
    labels[:3, :3, :3], labels[-3:, :3, :3] = 3, 7
    case = write_case(tmp_path, hu, labels)
    with pytest.raises(
        DataError, match="contains label 3, 7, whose meaning is not known: the organ is label 1"
    ) as error:
        read_mask(case, STRICT)
    assert "data.organ_labels" in str(error.value.try_)
    known = anatomy()[1]
    for ignored in ((3, 7), None):
        mask = read_mask(case, replace(STRICT, ignored_labels=ignored))
        assert mask.organ_ml == read_mask(write_case(tmp_path, hu, known, name="b"), STRICT).organ_ml
    with pytest.raises(DataError, match="label 7,"):
        read_mask(case, replace(STRICT, ignored_labels=(3,)))


def test_a_black_and_white_mask_is_an_organ(tmp_path: Path) -> None:
    hu, labels = anatomy()
    mask = read_mask(write_case(tmp_path, hu, (labels > 0).astype(np.uint8) * 255), STRICT)
    assert (mask.codes == 1).sum() == (labels > 0).sum()
    mixed = np.where(labels > 0, 255, 0)
    mixed[labels == 2] = 2
    with pytest.raises(DataError, match="contains label 255"):
        read_mask(write_case(tmp_path, hu, mixed.astype(np.uint8)), STRICT)


@pytest.mark.parametrize(
    ("labels", "organ", "tumour"),
    [
        ({"background": 0, "liver": 1, "kidney": 2, "spleen": 4}, 1, None),
        ({"0": "background", "1": "spleen", "2": "kidney", "4": "pancreas", "6": "liver"}, 6, None),
        ({"background": 0, "liver": 1, "tumor": 2, "spleen": 3, "ignore": 4}, 1, 2),
        ({"background": 0, "lesion": 1, "spleen": 2, "stomach": 4, "liver": [1, 5]}, 5, 1),
    ],
)
def test_dataset_json_decides_in_check_and_prepare(
    tmp_path: Path, labels: dict[str, object], organ: int, tumour: int | None
) -> None:
    root = write_cohort(tmp_path / "study", n=3)
    truth = with_neighbours(root, organ, tumour)
    (root / "dataset.json").write_text(json.dumps({"labels": labels}))
    found = checked(root)
    reporter = RecordingReporter()
    with prepared(liver(root).build(), tmp_path / "out", reporter) as cohort:
        measures = cohort.subjects.measures
        for row, subject in enumerate(cohort.subjects.id.tolist()):
            expected = (truth[subject][0], truth[subject][1] if tumour else 0)
            assert (measures["organ_ml"][row], measures["tumour_ml"][row]) == pytest.approx(expected)
            check = case_of(found, subject)
            assert (check.organ_ml, check.tumour_ml) == pytest.approx(expected)
    assert f"organ = label {organ} 'liver'" in found.masks[0]
    assert found.masks[0] in reporter.said
    assert found.masks[0] in cohort.header.notes


def test_declared_labels_are_exact(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study", n=3)
    truth = with_neighbours(root)
    undeclared = checked(root)
    assert undeclared.n_bad == 3
    assert "label 4, whose meaning is not known" in (case_of(undeclared, "s0").problem or undeclared).message
    with pytest.raises(DataError, match="3 problem"):
        prepared(liver(root).build(), tmp_path / "out")
    found = checked(root, organ_labels=(1,), tumour_labels=())
    assert [(case.organ_ml, case.tumour_ml) for case in found.cases] == [
        (pytest.approx(organ), 0) for organ, _ in truth.values()
    ]
    typed = Liver.configure("data", {"root": str(root), "organ_labels": "1", "tumour_labels": "none"})
    assert check(typed, "liver").n_bad == 0  # as the remedy says
    (root / "dataset.json").write_text(json.dumps({"labels": {"liver": 1, "kidney": 2, "spleen": 4}}))
    assert case_of(checked(root, organ_labels=(1,)), "s0").organ_ml == pytest.approx(truth["s0"][0])


def test_a_new_subject_is_read_by_the_labels_of_its_cohort(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study", n=3)
    truth = with_neighbours(root, 6)
    (root / "dataset.json").write_text(json.dumps({"labels": {"liver": 6, "kidney": 2, "spleen": 4}}))
    with prepared(liver(root).build(), tmp_path / "out") as cohort:
        header = cohort.header
    source = liver(root).build()
    files = {"ct": root / "imagesTr" / "s1_0000.nii.gz", "mask": mask_of(root, "s1")}
    for beside in (True, False):  # without the file, the labels of the training cohort hold
        if not beside:
            (root / "dataset.json").unlink()
        new = read_volume(files, header, source.preprocessing)
        assert new.measures["organ_ml"][0] == pytest.approx(truth["s1"][0])
        assert new.measures["tumour_ml"][0] == 0
    with_neighbours(root, 1)
    with pytest.raises(DataError, match="contains label 1,"):
        read_volume(files, header, source.preprocessing)


def test_files_of_the_field(test_data: Path) -> None:
    root = test_data.parent / "field" / "multi_organ_labels" / "flare"
    if not root.is_dir():
        pytest.skip(f"no sample files at {root}")
    for options in ({}, {"organ_labels": (1,)}):
        case = case_of(checked(root, **options), "c000")
        assert case.organ_ml == pytest.approx(1057.2, abs=0.1)
        assert case.tumour_ml == 0


def test_kits_is_known_by_its_names_and_table(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study", n=2)
    for number in range(2):
        for folder, end in (("imagesTr", "_0000"), ("labelsTr", "")):
            path = root / folder / f"s{number}{end}.nii.gz"
            path.rename(path.with_name(f"case_0000{number}{end}.nii.gz"))
    labels = anatomy((30, 28, 24))[1]
    labels[14:16, 14:16, 12:14] = 3
    write_nifti(root / "labelsTr" / "case_00000.nii.gz", labels, affine_of(SPACING))
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("s0", "case_00000").replace("s1", "case_00001"))
    assert checked(root).n_bad == 1  # names alone do not say what label 3 is
    table.write_text(table.read_text().replace("age", "isup_grade"))
    found = checked(root)
    assert found.n_bad == 0
    assert found.masks == ("organ = label 1 'kidney', 3 'cyst'; lesion = label 2 'tumor'; by the KiTS release",)
    assert case_of(found, "case_00000").organ_ml == pytest.approx((labels > 0).sum() * 0.08)


def test_cube_of_low_level_options_still_takes_all_labels(tmp_path: Path) -> None:
    hu, labels = anatomy()
    labels[20:22, 20:22, 12:14] = 5
    assert make_cube(write_case(tmp_path, hu, labels), PREPROCESSING).organ_ml > 0
