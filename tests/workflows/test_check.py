"""The check as a workflow: its HTML page, and datasets without a check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from survembed.datasets import SurvDigits
from survembed.errors import DataError, UsageError
from survembed.workflows.check import check, write_check_page
from tests.datasets.cases import affine_of, anatomy, write_case, write_cohort
from tests.datasets.checking import SPACING, checked, mask_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def test_page_shows_every_case_escapes_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "<b>study", n=3)
    evil = "<img src=x onerror=alert(1)>"
    hu, labels = anatomy((30, 28, 24), seed=9)
    write_case(root, hu, labels, affine_of(SPACING), name=evil)
    mask_of(root, "s1").write_bytes(b"no")
    found = checked(root)
    page = tmp_path / "check.html"
    write_check_page(found, page)
    text = page.read_text(encoding="utf-8")
    assert "<b>" not in text
    assert evil not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert text.count('src="data:image/png;base64,') == 3  # one case of four is bad
    assert not re.search(r"https?:|<script|//", re.sub(r"base64,[^\"]*", "", text))
    assert "s1.nii.gz is not a NIfTI file" in text
    assert "image(s) without a row" in text
    order = re.findall(r'<section class="case is-(\w+)">\s*<h2>(.*?) <', text)
    assert [state for state, _ in order] == sorted((state for state, _ in order), key=["bad", "doubt", "good"].index)
    assert order[0] == ("bad", "s1")
    assert "With a problem (1)" in text
    assert "Masks: organ = label 1; lesion = label 2" in text


def test_filters_of_the_page_show_one_kind_without_scripts(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study", n=3)
    mask_of(root, "s1").write_bytes(b"no")
    page = tmp_path / "check.html"
    write_check_page(checked(root), page)
    text = page.read_text(encoding="utf-8")
    names = re.findall(r'<input class="filter" type="radio" name="filter" id="(\w+)"', text)
    assert names == ["all", "bad", "doubt", "good"]
    for name in names[1:]:
        assert f"#{name}:checked ~ main .case:not(.is-{name})" in text
        assert f'<label for="{name}">' in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_other_datasets_and_no_images(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="surv-digits has no check"):
        check(SurvDigits(), "surv-digits")
    with pytest.raises(DataError, match="no images or masks"):
        checked(tmp_path)
