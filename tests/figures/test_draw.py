"""`survembed figure`: every figure of a run and of a sweep, the same bytes twice, synthetic data called that."""

from __future__ import annotations

import json
import re
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.evaluation.projection import project
from survembed.evaluation.test_set import EvaluationSet
from survembed.figures import FIGURES
from survembed.figures import draw as figure_module
from survembed.figures import style as style_module
from survembed.figures.draw import MAKERS, figure
from survembed.figures.request import FigureRequest
from survembed.runs.embedding import embed
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import Run
from survembed.workflows.history import history
from survembed.workflows.importance import Importance, importance
from tests.cli.command import survembed
from tests.trained import Made

OF_A_RUN = [name for name in FIGURES if name != "tau"]


def asked(run: Run, folder: Path) -> FigureRequest:
    return FigureRequest([run], folder, n_resamples=20, device="cpu")


def test_every_name_has_a_maker() -> None:
    assert list(MAKERS) == list(FIGURES)


@pytest.mark.parametrize("name", OF_A_RUN)
def test_drawn_twice_it_is_the_same_and_says_synthetic(a_run: Made, tmp_path: Path, name: str) -> None:
    run, heads = a_run("image"), []
    with pytest.MonkeyPatch.context() as patch:
        entitle = style_module.entitle
        for module in [module for key, module in sys.modules.items() if key.startswith("survembed.figures.")]:
            if hasattr(module, "entitle"):
                patch.setattr(module, "entitle", lambda drawn, text: (heads.append(text), entitle(drawn, text)))
        first = figure(name, asked(run, tmp_path / "one"))
    second = figure(name, asked(run, tmp_path / "two"))
    assert [path.name for path in first.files] == [f"{name}.png", f"{name}.pdf"]
    for one, two in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert heads
    assert all("synthetic" in text for text in heads)
    json.dumps(first.numbers, default=str)
    pdf = first.files[1].read_bytes()
    assert b"CreationDate" not in pdf
    assert b"/Subtype /Type3" not in pdf
    assert b"/FontFile2" in pdf or b"FontFile2" in _inflated(pdf)  # TrueType, embedded


def _inflated(pdf: bytes) -> bytes:
    parts = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S):
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"".join(parts)


def test_figures_of_a_sweep(swept: Sweep, tmp_path: Path) -> None:
    opened = Sweep.open(swept.folder.path)
    assert opened.jobs == swept.jobs
    assert list(opened.examples()) == ["coxvae τ=0.1", "coxvae τ=0.9", "vae", "deepsurv"]
    request = FigureRequest(list(opened.examples().values()), tmp_path, opened, n_resamples=20, device="cpu")
    assert list(figure("latents", request).numbers) == ["coxvae τ=0.1", "coxvae τ=0.9", "vae", "deepsurv"]
    drawn = figure("tau", request)
    assert [path.name for path in drawn.files if path.suffix == ".png"] == ["tau.png", "tau-advice.png"]
    assert list(drawn.numbers) == ["τ = 0.1", "τ = 0.9", "advice"]
    of_runs = figure("tau", replace(request, sweep=None, folder=tmp_path / "runs"))
    assert list(of_runs.numbers) == ["τ = 0.1", "τ = 0.9"]


def test_the_plane_is_fitted_to_the_training_part_and_points_where_durations_rise(a_run: Made) -> None:
    latents = embed(a_run("image"), device="cpu")
    found = project(latents)
    train, test = latents.z[~latents.test].astype(float), latents.z[latents.test].astype(float)
    centred = train - train.mean(axis=0)
    variance = np.linalg.eigvalsh(np.cov(centred.T))[::-1]
    assert found.explained == pytest.approx(variance / variance.sum())
    assert found.of_test_set
    distance = np.linalg.norm(found.points, axis=1)  # both dimensions are kept: a turned copy of μ
    np.testing.assert_allclose(distance, np.linalg.norm(test - train.mean(axis=0), axis=1), rtol=1e-5)
    assert np.corrcoef(found.points[:, 0], found.colour)[0, 1] > 0
    upside_down = project(replace(latents, duration=latents.duration.max() - latents.duration))
    np.testing.assert_allclose(upside_down.points[:, 0], -found.points[:, 0])
    of_test = replace(latents, duration=np.where(latents.test, -latents.duration, latents.duration))
    np.testing.assert_array_equal(project(of_test).points, found.points)  # the axes ignore test outcomes
    assert project(latents, colour="truth").by == "truth"
    everyone = project(replace(latents, split=np.full(len(latents.id), "train")))
    assert (everyone.of_test_set, len(everyone.points)) == (False, len(latents.id))


def test_umap_is_asked_for_by_name(a_run: Made, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path) -> None:
    a_run("image")
    monkeypatch.setitem(sys.modules, "umap", None)
    answer = survembed(capsys, "figure", "latents", "--method", "umap", "--runs-dir", str(tmp_path / "runs"))
    assert answer.code == 2
    assert "pip install 'survembed[umap]'" in answer.err


def test_umap(a_run: Made) -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    latents = embed(a_run("image"), device="cpu")
    one, two = project(latents, method="umap"), project(latents, method="umap")
    np.testing.assert_array_equal(one.points, two.points)
    assert one.explained is None


def test_groups_are_of_held_out_subjects(a_run: Made, tmp_path: Path) -> None:
    run = a_run("image")
    drawn = figure("survival", asked(run, tmp_path))
    base = drawn.numbers["base"]
    subjects = EvaluationSet.of(run, embed(run, device="cpu"))
    assert sum(group["n"] for group in base["groups"]) == len(subjects.test.duration) == 20
    assert len(base["groups"]) == 3
    assert 0 <= base["log_rank"]["p_value"] <= 1
    alone = figure("survival", replace(asked(run, tmp_path), n_groups=1)).numbers["base"]
    assert alone["log_rank"] is None


def test_a_refit_that_failed_is_told(a_run: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_test(*runs: Run, **options: Any) -> Importance:
        found = importance(*runs, **options)
        dimensions = tuple(replace(each, test=None) for each in found.dimensions)
        return replace(found, dimensions=dimensions, test=replace(found.test, reason="did not converge"))

    monkeypatch.setattr(figure_module, "importance", without_test)
    drawn = figure("importance", asked(a_run("image"), tmp_path))
    assert drawn.caption.endswith(" Held out: not drawn, did not converge.")


def test_learning_curves(a_run: Made) -> None:
    found = history(a_run("image"))
    assert {"reconstruction", "kl_nats", "cox"} <= set(found.train)
    assert "objective" in found.validation
    assert len(found.explained["blob"]) == len(found.median_correlation) == len(found.update)
    assert found.explained["blob"][-1] > found.explained["blob"][0]
    np.testing.assert_allclose(sum(found.shares.values()), 1)
    assert found.update[-1] == 30
    kept = int(found.update[found.validation["objective"].argmin()])
    assert found.best_update == kept


def test_learning_curves_that_are_damaged(a_run: Made, capsys, tmp_path: Path) -> None:
    run = a_run("image")
    (run.path / "metrics.jsonl").write_text('{"update": 1')
    answer = survembed(capsys, "figure", "history", "--runs-dir", str(tmp_path / "runs"))
    assert answer.code == 5
    assert "metrics.jsonl of run" in answer.err
    run.record_hash("metrics.jsonl")
    answer = survembed(capsys, "figure", "history", "--runs-dir", str(tmp_path / "runs"))
    assert answer.code == 5
    assert "no learning curves" in answer.err


def test_what_a_model_cannot_and_what_it_can(a_run: Made, capsys, tmp_path: Path) -> None:
    a_run("image", "vae")
    folder = ["--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path), "--bootstrap", "10"]
    for name in ("survival", "calibration", "brier"):
        answer = survembed(capsys, "figure", name, *folder)
        assert answer.code == 5
        assert "is a vae, which cannot predict hazards" in answer.err
        assert "latents, traversal, importance, history" in answer.err
        assert "--downstream coxph" in answer.err
    answer = survembed(capsys, "figure", "survival", "--downstream", "coxph", "--json", *folder)
    assert answer.code == 0
    assert list(json.loads(answer.out)["numbers"]) == ["coxph"]
    a_run("table", "deepsurv")
    answer = survembed(capsys, "figure", "traversal", *folder)
    assert answer.code == 5
    assert "cannot decode" in answer.err


def test_what_is_refused(a_run: Made, swept: Sweep, capsys, tmp_path: Path) -> None:
    one, two = a_run("image"), a_run("volume")
    folder = ["--runs-dir", str(tmp_path / "runs")]
    answer = survembed(capsys, "figure", "survial", *folder)
    assert (answer.code, "try:      survembed figure survival" in answer.err) == (2, True)
    answer = survembed(capsys, "figure", "latents", "--run", one.id, "--run", two.id, *folder)
    assert (answer.code, "different cohorts" in answer.err) == (2, True)
    answer = survembed(capsys, "figure", "tau", "--run", one.id, *folder)
    assert (answer.code, "1 value(s) of τ" in answer.err) == (2, True)
    for command in (("figure", "latents"), ("report",)):
        answer = survembed(capsys, *command, "--run", one.id, "--sweep-dir", str(swept.folder.path), *folder)
        assert (answer.code, "not both" in answer.err) == (2, True)
    answer = survembed(capsys, "figure", "latents", "--sweep-dir", str(tmp_path))
    assert (answer.code, "no sweep" in answer.err) == (5, True)


def test_the_command(a_run: Made, capsys, tmp_path: Path) -> None:
    run = a_run("image")
    answer = survembed(capsys, "figure", "latents", "--runs-dir", str(tmp_path / "runs"))
    assert answer.code == 0
    assert answer.out.splitlines() == [str(run.path / "figures" / f"latents.{kind}") for kind in ("png", "pdf")]
    assert "held-out subjects" in answer.err
