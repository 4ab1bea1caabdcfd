"""Sentences on a run that checklist and model card share."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from survembed.report.archive import export_run
from survembed.report.evidence import predictors_sentence
from tests.clinical_runs import Trained
from tests.trained import Made


def test_a_model_of_images_uses_nothing_else(a_run: Made) -> None:
    assert predictors_sentence(a_run("image")) == "Images only; the model uses no other data of a subject."


@pytest.mark.usefixtures("clinical_plugin")
def test_the_card_of_a_clinical_and_image_model_names_covariates_encoding_and_reference(
    trained_with: Trained, tmp_path: Path
) -> None:
    run = trained_with()
    age, stage = run.record["covariates"]["columns"]
    export_run(run, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        text = archive.read("MODEL_CARD.md").decode()
    assert text.startswith("# coxvae, clinical + image (age, stage) on ")
    assert "Images only" not in text
    assert f"age (reference: the mean {age['mean']:.4g}; one unit is {age['sd']:.4g}, a standard deviation;" in text
    assert f"the median {age['median']:.4g} and an indicator)" in text
    assert stage["levels"] == ["II", "III", "I"]
    assert "stage (reference: II; an indicator each for III, I)" in text
