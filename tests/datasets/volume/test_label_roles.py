"""Labels of organ and tumour: by the names of dataset.json, declared, or by convention."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from survembed.datasets.volume.label_names import find_label_names, names_beside
from survembed.datasets.volume.label_roles import LabelRoles, choose_labels
from survembed.errors import DataError


def chosen(folder: Path, labels: Any, organ: tuple[int, ...] = (), tumour: tuple[int, ...] | None = None) -> LabelRoles:
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return choose_labels(find_label_names(folder, ()), organ, tumour)


FLARE = {"background": 0, "liver": 1, "kidney": 2, "spleen": 3, "pancreas": 4}
NN1602 = {"background": 0, "spleen": 1, "pancreas": 2, "kidney": 3, "liver": 6}


@pytest.mark.parametrize(
    ("labels", "declared", "organ", "tumour", "ignored"),
    [
        (FLARE, {}, (1,), (), (2, 3, 4)),
        (FLARE, {"organ": (1,)}, (1,), (), (2, 3, 4)),
        (NN1602, {}, (6,), (), (1, 2, 3)),
        (NN1602, {"organ": (6,)}, (6,), (), (1, 2, 3)),
        (NN1602, {"organ": (3,)}, (3,), (), (1, 2, 6)),
        ({"0": "background", "1": "liver", "2": "cancer"}, {}, (1,), (2,), ()),
        ({"0": "background", "1": "pancreas", "2": "cancer"}, {}, (1,), (2,), ()),
        ({"0": "background", "1": "liver", "2": "tumor", "3": "tumor"}, {}, (1,), (2, 3), ()),
        ({"background": 0, "liver": 1, "tumor": 2, "ignore": 3}, {}, (1,), (2,), (3,)),
        ({"background": 0, "Tumour": 1, "Leber": 2}, {}, (2,), (1,), ()),
        ({"background": 0, "liver": [1, 2], "tumor": 2}, {}, (1, 2), (2,), ()),
        ({"background": 0, "liver": [1, 2, 3], "whole tumor": [2, 3], "tumor core": 3}, {}, (1, 2, 3), (2, 3), ()),
        ({"background": 0, "kidney": 1, "tumor": 2, "cyst": 3}, {}, (1, 3), (2,), ()),
        ({"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}, {}, (1, 2, 3), (2,), ()),  # KiTS
        ({"background": 0, "liver": [1, 2, 3], "lesion": [2, 3], "necrosis": 3}, {}, (1, 2, 3), (2, 3), ()),
        ({"background": 0, "kidney_left": 1, "kidney_right": 2, "tumor": 3}, {}, (1, 2), (3,), ()),
        ({"background": 0, "liver": 1, "kidney": 2, "kidney tumor": 3}, {}, (1,), (), (2, 3)),
        ({"background": 0, "liver": 1, "foo": 2}, {"tumour": (2,)}, (1,), (2,), ()),
        ({"background": 0, "liver": 1, "foo": 2}, {"tumour": ()}, (1,), (), (2,)),
        ({"background": 0, "liver": 1, "tumor": 2}, {"organ": (1,), "tumour": (7,)}, (1,), (7,), None),
    ],
)
def test_names_decide(
    tmp_path: Path,
    labels: Any,
    declared: Any,
    organ: tuple[int, ...],
    tumour: tuple[int, ...],
    ignored: tuple[int, ...] | None,
) -> None:
    roles = chosen(tmp_path, labels, **declared)
    assert (roles.organ, roles.tumour, roles.ignored) == (organ, tumour, ignored)


def test_the_choice_is_said(tmp_path: Path) -> None:
    labels = {"background": 0, "liver": 1, "tumor": 2, "spleen": 3}
    expected = "organ = label 1 'liver'; lesion = label 2 'tumor'; ignored: 3 'spleen'; by dataset.json"
    assert chosen(tmp_path, labels).sentence == expected
    assert "no label of a lesion" in chosen(tmp_path, FLARE).sentence
    assert "by convention" in choose_labels(None).sentence


@pytest.mark.parametrize("labels", [{"liver": 1, "tumor": 2, "spleen": 3}, {"liver": 1, "kidney": 2, "lesion": [3, 4]}])
def test_a_tumour_beside_several_organs_is_a_warning(tmp_path: Path, labels: Any) -> None:
    (doubt,) = chosen(tmp_path, labels).doubts
    assert "may be in another" in doubt
    assert "data.tumour_labels=none" in doubt
    assert not chosen(tmp_path, labels, tumour=(2,)).doubts  # declared
    for clear in ({"liver": 1, "liver tumor": 2, "spleen": 3}, {"liver": 1, "vessels": 2, "tumor": 3}, FLARE):
        assert not chosen(tmp_path, clear).doubts


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"background": 0, "liver": 1, "tumor": 1}, "label 1 is 'liver' and 'tumor'"),
        ({"background": 0, "liver": 1, "spleen": 1}, "label 1 is 'liver' and 'spleen'"),
        ({"background": 0, "liver": [1, 3], "spleen": 3}, "label 3 is 'liver' and 'spleen'"),
        ({"background": 0, "liver": 1, "tumor": [2, 3], "ignore": 3}, "label 3 is 'tumor' and 'ignore'"),
        ({"background": 0, "liver": [1, 2], "kidney": [2, 3]}, "label 2 is 'liver' and 'kidney'"),
        ({"background": 0, "liver": 1, "foo": 2}, "2 'foo' is not understood"),
        ({"0": "background", "1": "cancer"}, "the organ is not clear"),
        ({"0": "background", "1": "Vessel", "2": "Tumour"}, "the organ is not clear"),
        ({"background": 0, "spleen": 1, "kidney": 2}, "the organ is not clear: .* 1 'spleen', 2 'kidney'"),
        ({"background": 0, "liver": -1}, "not understood"),
        ({"background": 0, "liver": 1.5}, "not understood"),
        ({"background": 0, "liver": None}, "not understood"),
        ({"background": 0, "liver": {"a": 1}}, "not understood"),
        (["background", "liver"], "not understood"),
    ],
)
def test_contradictions_and_open_questions_are_refused(tmp_path: Path, labels: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as refused:
        chosen(tmp_path, labels)
    assert refused.value.try_
    assert refused.value.where


@pytest.mark.parametrize(
    ("organ", "tumour", "expected"),
    [
        ((), None, ((1,), (2,), ())),
        ((1,), None, ((1,), (2,), ())),
        ((1, 2), None, ((1, 2), (2,), ())),
        ((6,), None, ((6,), (), ())),  # the convention does not hold: 2 is some other structure
        ((), (2, 3), ((1,), (2, 3), ())),
        ((), (), ((1,), (), ())),
        ((1,), (7,), ((1,), (7,), None)),
    ],
)
def test_convention_without_names(organ: Any, tumour: Any, expected: Any) -> None:
    roles = choose_labels(None, organ, tumour)
    assert (roles.organ, roles.tumour, roles.ignored) == expected


def test_names_are_found_beside_a_mask_and_in_the_folder_above(tmp_path: Path) -> None:
    assert names_beside(tmp_path / "labelsTr" / "a.nii.gz") is None
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": FLARE}))
    for path in (tmp_path / "labelsTr" / "a.nii.gz", tmp_path / "a.nii.gz"):
        names = names_beside(path)
        assert names is not None
        assert names.of(3) == "spleen"
    (tmp_path / "dataset.json").write_text(json.dumps({"numTraining": 3}))
    assert names_beside(tmp_path / "a.nii.gz") is None
