"""Folder layouts: the CT and the mask of each case."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.datasets.scan.case import Layout
from survembed.datasets.scan.structure_names import MaskNames
from survembed.datasets.volume.layouts import find_cases, find_single_case
from survembed.errors import DataError


def laid_out(root: Path, *names: str) -> Layout:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return find_cases(root)


def paths(root: Path, layout: Layout) -> dict[str, list[str]]:
    return {case.id: [str(path.relative_to(root)) for path in case.files] for case in layout.cases}


def test_nnunet(tmp_path: Path) -> None:
    layout = laid_out(
        tmp_path,
        "imagesTr/b_0000.nii.gz",
        "imagesTr/b_0001.nii.gz",
        "labelsTr/b.nii.gz",
        "imagesTr/a_0000.nii",
        "labelsTr/a.nii.gz",
    )
    assert layout.name == "nnU-Net"
    assert paths(tmp_path, layout) == {
        "a": ["imagesTr/a_0000.nii", "labelsTr/a.nii.gz"],
        "b": ["imagesTr/b_0000.nii.gz", "labelsTr/b.nii.gz"],
    }
    assert layout.problems == ()


def test_nnunet_predictions_beside_images(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, "imagesTs/a_0000.nii.gz", "predictions/a.nii.gz")
    assert paths(tmp_path, layout) == {"a": ["imagesTs/a_0000.nii.gz", "predictions/a.nii.gz"]}


def test_flat_folder_of_predictions_with_and_without_ct(tmp_path: Path) -> None:
    layout = laid_out(tmp_path / "masks", "a.nii.gz", "b.nii.gz", ".hidden.nii.gz", "._a.nii.gz", "notes.txt")
    assert paths(tmp_path / "masks", layout) == {"a": ["a.nii.gz"], "b": ["b.nii.gz"]}
    layout = laid_out(tmp_path / "both", "a.nii.gz", "a_0000.nii.gz")
    assert paths(tmp_path / "both", layout) == {"a": ["a_0000.nii.gz", "a.nii.gz"]}


def test_names_that_end_in_four_digits_are_no_channels(tmp_path: Path) -> None:
    masks = [f"p_{number:04d}.nii.gz" for number in range(12)]
    assert len(laid_out(tmp_path / "masks", *masks).cases) == 12
    layout = laid_out(tmp_path / "flat", "p_0000.nii.gz", "p_0000_0000.nii.gz", "p_0001.nii.gz", "p_0001_0000.nii.gz")
    assert paths(tmp_path / "flat", layout) == {
        "p_0000": ["p_0000_0000.nii.gz", "p_0000.nii.gz"],
        "p_0001": ["p_0001_0000.nii.gz", "p_0001.nii.gz"],
    }
    names = ("imagesTr/p_0000.nii.gz", "imagesTr/p_0001.nii.gz", "labelsTr/p_0000.nii.gz", "labelsTr/p_0001.nii.gz")
    layout = laid_out(tmp_path / "plain", *names)
    assert (len(layout.cases), layout.problems) == (2, ())


def test_predictions_in_the_folder_above_the_images(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, "imagesTs/a_0000.nii.gz", "a.nii.gz")
    assert paths(tmp_path, layout) == {"a": ["imagesTs/a_0000.nii.gz", "a.nii.gz"]}


@pytest.mark.parametrize("names", [("imagesTr/a_0000.nii.gz",), ("a_0000.nii.gz",), ("a/ct.nii.gz",)])
def test_cts_that_wait_for_masks_are_named(tmp_path: Path, names: tuple[str, ...]) -> None:
    layout = laid_out(tmp_path, *names)
    assert (layout.cases, [problem.message for problem in layout.problems]) == ((), ["a: a CT without its mask"])


def test_decathlon(tmp_path: Path) -> None:
    entries = [{"image": f"./imagesTr/liver_{i}.nii.gz", "label": f"./labelsTr/liver_{i}.nii.gz"} for i in (1, 2)]
    (tmp_path / "dataset.json").write_text(json.dumps({"training": entries}))
    layout = laid_out(tmp_path, "imagesTr/liver_1.nii.gz", "labelsTr/liver_1.nii.gz", "labelsTr/liver_2.nii.gz")
    assert layout.name == "Medical Segmentation Decathlon"
    assert paths(tmp_path, layout) == {"liver_1": ["imagesTr/liver_1.nii.gz", "labelsTr/liver_1.nii.gz"]}
    assert [problem.message for problem in layout.problems] == ["liver_2: listed in dataset.json, not there"]


def test_decathlon_list_with_nnunet_names_and_a_list_that_is_none(tmp_path: Path) -> None:
    entries = [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]
    (tmp_path / "dataset.json").write_text(json.dumps({"training": entries}))
    layout = laid_out(tmp_path, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    assert paths(tmp_path, layout) == {"a": ["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"]}
    (tmp_path / "dataset.json").write_text(json.dumps({"numTraining": 1, "file_ending": ".nii.gz"}))
    assert find_cases(tmp_path).name == "nnU-Net"


def test_decathlon_never_leaves_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    laid_out(tmp_path, "root/imagesTr/x.nii.gz", "outside.nii.gz")
    (root / "dataset.json").write_text(
        json.dumps({"training": [{"image": "imagesTr/x.nii.gz", "label": "../outside.nii.gz"}]})
    )
    layout = find_cases(root)
    assert layout.cases == ()
    assert "leads out of the folder" in layout.problems[0].message


@pytest.mark.parametrize(
    "content",
    ["[", '{"training": [1]}', '{"training": [{"image": "a"}]}', "[1]", '{"training": [{"image": 1, "label": 2}]}'],
)
def test_damaged_dataset_json_is_our_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DataError):
        find_cases(tmp_path)


def test_lits(tmp_path: Path) -> None:
    layout = laid_out(
        tmp_path, "volume-0.nii", "segmentation-0.nii", "batch 2/volume-10.nii", "batch 2/segmentation-10.nii"
    )
    assert layout.name == "LiTS"
    assert paths(tmp_path, layout) == {
        "0": ["volume-0.nii", "segmentation-0.nii"],
        "10": ["batch 2/volume-10.nii", "batch 2/segmentation-10.nii"],
    }


def test_subject_folders(tmp_path: Path) -> None:
    layout = laid_out(
        tmp_path,
        "P1/ct.nii.gz",
        "P1/liver.nii.gz",
        "P1/tumour_1.nii.gz",
        "P1/tumor2.nii.gz",
        "P2/ct.nii.gz",
        "P2/liver.nii.gz",
        "P3/imaging.nii.gz",
        "P3/segmentation.nii.gz",
        "P4/ct.nii.gz",
    )
    assert paths(tmp_path, layout) == {
        "P1": ["P1/ct.nii.gz", "P1/liver.nii.gz", "P1/tumor2.nii.gz", "P1/tumour_1.nii.gz"],
        "P2": ["P2/ct.nii.gz", "P2/liver.nii.gz"],
        "P3": ["P3/imaging.nii.gz", "P3/segmentation.nii.gz"],
    }
    assert [case.tumours is None for case in layout.cases] == [False, True, True]
    assert [problem.message for problem in layout.problems] == ["P4: a CT without its mask"]


def test_totalsegmentator_has_its_masks_in_a_folder(tmp_path: Path) -> None:
    names = ("liver", "liver_lesions", "kidney_left", "portal_vein_and_splenic_vein", "sternum")
    layout = laid_out(tmp_path, "P1/ct.nii.gz", *(f"P1/segmentations/{name}.nii.gz" for name in names))
    masks = ["P1/segmentations/liver.nii.gz", "P1/segmentations/liver_lesions.nii.gz"]
    assert paths(tmp_path, layout) == {"P1": ["P1/ct.nii.gz", *masks]}
    assert "unknown" not in dict(layout.cases[0].masks).values()
    assert find_single_case(tmp_path / "P1").files == layout.cases[0].files
    (problem,) = laid_out(tmp_path, "P1/liver.nii.gz").problems
    assert problem.message == "P1: several files of one name: liver.nii.gz, segmentations/liver.nii.gz"


def test_test_images_of_a_release_need_no_mask(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b_0000.nii.gz")
    assert ([case.id for case in layout.cases], layout.problems) == (["a"], ())


def test_names_of_lesion_masks_in_any_form(tmp_path: Path) -> None:
    layout = laid_out(
        tmp_path,
        *("P1/ct.nii.gz", "P1/liver.nii.gz", "P1/liver_tumor.nii.gz", "P1/liver_vessels.nii.gz"),
        *("P2/CT.nii.gz", "P2/Liver.nii.gz", "P2/HCC 1.nii.gz", "P2/GTV-2.nii.gz", "P2/No tumor.nii.gz"),
        *("P3/ct.nii.gz", "P3/liver.nii.gz", "P3/liver_segment_3.nii.gz", "P3/kidney_tumor.nii.gz"),
        *("P4/ct.nii.gz", "P4/liver.nii.gz", "P4/liver_lesions.nii.gz", "P4/foo.nii.gz"),
    )
    tumours = {case.id: sorted(path.name for path in case.tumours or ()) for case in layout.cases}
    assert tumours == {
        "P1": ["liver_tumor.nii.gz"],
        "P2": ["GTV-2.nii.gz", "HCC 1.nii.gz"],
        "P3": [],
        "P4": ["liver_lesions.nii.gz"],
    }
    assert dict(layout.cases[3].masks)["foo"] == "unknown"
    declared = find_cases(tmp_path, MaskNames(lesion=("foo", "kidney*")))
    tumours = {case.id: sorted(path.name for path in case.tumours or ()) for case in declared.cases}
    assert tumours == {"P1": [], "P2": [], "P3": ["kidney_tumor.nii.gz"], "P4": ["foo.nii.gz"]}


def test_masks_that_are_not_clear_are_refused_with_the_candidates(tmp_path: Path) -> None:
    layout = laid_out(
        tmp_path,
        *("P1/ct.nii.gz", "P1/liver.nii.gz"),
        *("P2/ct.nii.gz", "P2/kidney_left.nii.gz", "P2/kidney_right.nii.gz"),
        *("P3/ct.nii.gz", "P3/segmentation.nii.gz", "P3/tumor.nii.gz"),
        *("P4/ct.nii.gz", "P4/liver_tumor.nii.gz", "P4/foo.nii.gz"),
        *("P5/ct.nii.gz", "P5/parenchym_roi.nii.gz", "P5/spleen.nii.gz"),
        *("P6/ct.nii.gz", "P6/spleen.nii.gz"),
    )
    assert [case.id for case in layout.cases] == ["P1", "P5"]
    assert [problem.message for problem in layout.problems] == [
        "P2: several masks of the organ: 'kidney_left', 'kidney_right'",
        "P3: segmentation.nii.gz beside masks of lesions: 'tumor'",
        "P4: masks of lesions without a mask of the organ: 'foo', 'liver_tumor'",
        "P6: a CT without its mask",
    ]
    assert "data.organ_segments=spleen" in str(layout.problems[3].try_)
    declared = find_cases(tmp_path, MaskNames(organ=("spleen", "kidney_left", "foo")))
    assert [case.id for case in declared.cases] == ["P2", "P4", "P5", "P6"]


def test_names_pair_up_in_either_unicode_form(tmp_path: Path) -> None:
    composed, apart = "M\u00fcller", "Mu\u0308ller"
    layout = laid_out(tmp_path / "a", f"imagesTr/{composed}_0000.nii.gz", f"labelsTr/{apart}.nii.gz")
    assert ([case.id for case in layout.cases], layout.problems) == ([composed], ())
    layout = laid_out(tmp_path / "b", f"{apart}/ct.nii.gz", f"{apart}/liver.nii.gz")
    assert [case.id for case in layout.cases] == [composed]
    root = tmp_path / "c"
    root.mkdir()
    entry = {"image": f"./imagesTr/{composed}.nii.gz", "label": f"./labelsTr/{composed}.nii.gz"}
    (root / "dataset.json").write_text(json.dumps({"training": [entry]}))
    layout = laid_out(root, f"imagesTr/{apart}_0000.nii.gz", f"labelsTr/{apart}.nii.gz")
    assert ([case.id for case in layout.cases], layout.problems) == ([composed], ())
    layout = laid_out(tmp_path / "d", *(f"labelsTr/{name}.nii.gz" for name in (composed, apart)))
    assert "several files" in layout.problems[0].message


def test_a_ct_or_a_mask_alone_and_two_of_one_are_named(tmp_path: Path) -> None:
    layout = laid_out(
        tmp_path,
        *("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"),
        *("imagesTr/b_0000.nii.gz", "labelsTr/c.nii.gz"),
        *("imagesTr/d_0000.nii.gz", "labelsTr/d.nii.gz", "labelsTr/d.nii"),
    )
    assert list(paths(tmp_path, layout)) == ["a"]
    reasons = sorted(problem.message for problem in layout.problems)
    assert reasons == [
        "b: a CT without its mask",
        "c: a mask without its CT",
        "d: several files: d.nii, d.nii.gz, d_0000.nii.gz",
    ]
    assert all(problem.where and problem.try_ for problem in layout.problems)


def test_nothing_found_says_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images or masks") as refused:
        find_cases(tmp_path)
    assert "labelsTr" in str(refused.value.expected)
    with pytest.raises(DataError, match="no folder"):
        find_cases(tmp_path / "nowhere")


def test_real_layouts(test_data: Path) -> None:
    kits = find_cases(test_data / "kits23")
    assert len(kits.cases) == 302
    assert kits.problems == ()
    assert kits.cases[0].ct is None
    release = find_cases(test_data / "kits23_release" / "dataset")
    assert [case.id for case in release.cases] == ["case_00000", "case_00004", "case_00010", "case_00012"]
    assert len(find_cases(test_data / "ct" / "nnunet").cases) == 1


NAMES = st.sampled_from(["imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "../x", "", ".", "\0", "/etc/passwd"]) | st.text(
    max_size=9
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=st.lists(st.dictionaries(st.sampled_from(["image", "label"]), NAMES | st.integers()), max_size=3))
def test_any_dataset_json_raises_only_our_errors(tmp_path: Path, entries: list[dict[str, object]]) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"training": entries}))
    with suppress(DataError):
        for case in laid_out(tmp_path, "labelsTr/a.nii.gz").cases:
            assert all(path.resolve().is_relative_to(tmp_path.resolve()) for path in case.files)
