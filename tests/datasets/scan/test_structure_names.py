"""Roles of names of masks: organ, lesion, benign part, other structure, unknown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from survembed.datasets.scan.structure_names import MaskNames, Role, composed, counted, organ_of, role_of, words_of

LESIONS = (
    "liver_tumor; liver_lesions; Tumour_1; tumor2; TUMOR; LiverTumor; HCC; hcc-1; GTV-1; GTVp; Neoplasm; "
    "cancer; CRLM; mets; Mass; Metastasis_3; metastases; lesion_0001; Lebermetastasen; Lebertumor; "
    "Läsion; Leberläsion; tumeur; Krebs; 肿瘤; 肝脏肿瘤; опухоль; Liver tumor; Hepatic lesion 1; "
    "lésion hépatique; metástasis; tumore epatico; hepatocellular carcinoma; "
    "livermets; CHC; iCCA; Filiae; Leberherd; Rundherd; Leberfiliae; Lebertu; Tu 1; leverlaesie; recurrence; "
    "colorectal liver metastases; breast cancer liver metastasis; Viable tumor; Tumor (segment VIII)"
)
OTHERS = (
    "liver_segment_3; liver_vessel; liver_vessels; portal_vein; Portal; gallbladder; kidney_tumor; "
    "lung_lesion; kidney_left; spleen; CTV; PTV; peritumoral; tumor-free; nontumorous_liver; ct; "
    "arterial; background; ignore; Hepatic; aorta; no tumor; non-tumorous liver; liver without tumor; "
    "healthy liver; portal vein tumor thrombus; metastatic lymph node; adrenal mass; muscle mass; "
    "sternum; costal_cartilages; intervertebral_discs; arota; postcava; "
    "kidney cyst; gall bladder; Liver Remnant; right lobe of liver"
)


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.LESION, LESIONS.split("; ")),
        (Role.OTHER, OTHERS.split("; ")),
        (
            Role.ORGAN,
            [
                "liver",
                "Liver",
                "LEBER",
                "Gesamtleber",
                "Leberparenchym",
                "liver_mask",
                "livermask",
                "foie",
                "hígado",
                "肝脏",
                "Liver parenchyma",
            ],
        ),
        (Role.PART, ["cyst", "liver_cysts", "Hemangioma", "benign lesion", "Leberzyste"]),
        (Role.UNKNOWN, ["foo", "Segment_1", "1", "", "ROI-2", "liver_and_tumor", "liver_0012"]),
    ],
)
def test_roles_in_any_case_order_and_language(role: Role, names: list[str]) -> None:
    assert {name: role_of(name) for name in names} == dict.fromkeys(names, role)


def test_another_organ_has_its_own_lesions() -> None:
    assert role_of("kidney tumor", "kidney") is Role.LESION
    assert role_of("renal mass", "kidney") is Role.LESION
    assert role_of("liver tumor", "kidney") is Role.OTHER
    assert role_of("tumor", "pancreas") is Role.LESION
    assert (organ_of("left kidney"), organ_of("kidney_right"), organ_of("kidney tumor")) == ("kidney", "kidney", None)


def test_declared_patterns_come_before_words_and_replace_them() -> None:
    names = MaskNames(("parench*",), ("roi*", "no tumor"))
    assert names.role("Parenchyma") is Role.ORGAN
    assert names.role("ROI 1") is Role.LESION
    assert names.role("No tumor") is Role.LESION
    assert names.role("tumor") is Role.OTHER
    assert names.role("liver") is Role.OTHER
    assert MaskNames(lesion=("l\u00e4sion",)).role("La\u0308sion") is Role.LESION


@given(st.text(max_size=30))
@example("w\u00d2")
def test_any_name_has_a_role_that_does_not_depend_on_its_unicode_form(name: str) -> None:
    assert role_of(name) is role_of(unicodedata.normalize("NFD", name)) is role_of(composed(name))
    assert all(word == word.casefold() for word in words_of(name))


def test_names_are_counted_and_the_list_is_short() -> None:
    assert counted(["b", "a", "b"]) == "'b' (2), 'a' (1)"
    assert counted(map(str, range(20))).endswith("and 8 more")
