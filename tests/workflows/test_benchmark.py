"""Table 1: the rows a reviewer asks for, paired, with reasons where there is no number."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from survembed import registry
from survembed.downstream.base import FittedDownstream, fit_downstream
from survembed.errors import RunError, UsageError
from survembed.evaluation import predictor
from survembed.evaluation import scores as scores_module
from survembed.evaluation.benchmark_result import Benchmark
from survembed.evaluation.pooled_scores import PooledScores, pooled_scores
from survembed.registry.component import Component
from survembed.runs.configuration import Chosen
from survembed.runs.embedding import embed
from survembed.runs.jobs.job import SweepFolder
from survembed.runs.jobs.options import SweepOptions
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import Run
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Outcome
from survembed.workflows import benchmark as benchmark_module
from survembed.workflows import sweep as sweeping
from survembed.workflows.benchmark import benchmark, check_choices
from survembed.workflows.sweep import plan, sweep
from tests.measured import Measured, measured
from tests.trained import inline, measured_config

COXPH: list[tuple[str, Component]] = [("coxph", registry.load("downstream", "coxph")())]


@pytest.fixture(scope="module")
def table(swept: Sweep, tmp_path_factory: pytest.TempPathFactory, plugin_folder: Path) -> Benchmark:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plugin_folder)
        patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return benchmark(swept, COXPH, n_resamples=100)


def test_the_rows_of_the_paper_and_of_a_reviewer(table: Benchmark) -> None:
    assert table.rows == [
        *("coxvae τ=0.1", "coxvae τ=0.9", "vae", "deepsurv", "Kaplan-Meier", "tumour volume"),
        *("organ + tumour volume", "covariates", "covariates + coxvae τ=0.1 latents"),
    ]
    assert table.columns == ["base", "coxph"]
    assert table.cell("vae", "base") is None  # it has no head
    assert table.cell("Kaplan-Meier", "coxph") is None
    assert (table.synthetic, table.cohort.n, table.folds, table.seeds) == (True, 80, 2, (0, 1))
    assert table.notes == () or all("outlive" in note for note in table.notes)


def test_every_number_has_an_interval_and_a_paired_difference(table: Benchmark) -> None:
    for cell in table.cells:
        for name in ("harrell_c", "uno_c", "ibs", "ibs_scaled"):
            metric = cell.scores[name]
            assert np.isfinite([metric.value, metric.low, metric.high]).all(), (cell.row, cell.column, name)
            if cell.row == table.reference:
                assert cell.differences == {}
            else:
                assert cell.differences[name].low <= cell.differences[name].value <= cell.differences[name].high
    km, first = table.cell("Kaplan-Meier", "base"), table.cell("coxvae τ=0.1", "base")
    assert km is not None
    assert first is not None
    assert km.scores["harrell_c"].value == 0.5
    assert km.scores["ibs_scaled"].value == pytest.approx(0)
    expected = km.scores["harrell_c"].samples - first.scores["harrell_c"].samples
    np.testing.assert_allclose(km.differences["harrell_c"].samples, expected)
    json = table.to_dict()
    assert json["cells"][-1]["differences"]["ibs"]["excludes_zero"] in (True, False)


def test_tumour_volume_orders_the_planted_hazard_nearly_as_the_truth_does(table: Benchmark) -> None:
    _, subjects = measured(Measured(kind="volume", hide_truth=False))
    assert subjects.truth is not None
    ceiling = harrell_c(Outcome(subjects.duration, subjects.event), subjects.truth, n_resamples=0).value
    volume = table.cell("tumour volume", "coxph")
    assert volume is not None
    assert volume.scores["harrell_c"].value == pytest.approx(ceiling, abs=0.03)
    assert volume.scores["ibs_scaled"].low > 0
    covariates = table.cell("covariates", "coxph")
    assert covariates is not None
    assert covariates.scores["harrell_c"].value < 0.7  # they are noise


def test_base_is_the_runs_own_head_within_folds(swept: Sweep, table: Benchmark) -> None:
    concordant = []
    for seed in (0, 1):
        pairs = weight = 0.0
        for cell, run in swept.runs().items():
            if (cell.model, cell.tau, cell.seed) == ("coxvae", 0.1, seed):
                latents = embed(run, device="cpu")
                assert latents.log_hazard is not None
                part = latents.test
                c = harrell_c(Outcome(latents.duration[part], latents.event[part]), latents.log_hazard[part]).value
                count = comparable(latents.duration[part], latents.event[part])
                pairs, weight = pairs + c * count, weight + count
        concordant.append(pairs / weight)
    base = table.cell("coxvae τ=0.1", "base")
    assert base is not None
    assert base.scores["harrell_c"].value == pytest.approx(np.mean(concordant), abs=1e-12)
    np.testing.assert_allclose(base.replicates["harrell_c"], concordant)


def comparable(duration: np.ndarray, event: np.ndarray) -> int:
    return sum(int(((duration > t) | ((duration == t) & ~event)).sum()) for t in duration[event])


def test_a_reference_with_other_columns_is_compared_by_its_first(swept: Sweep) -> None:
    table = benchmark(swept, COXPH, covariates=[], reference="tumour volume", n_resamples=20)
    assert "covariates" not in table.rows
    base, volume = table.cell("coxvae τ=0.1", "base"), table.cell("tumour volume", "coxph")
    assert base is not None
    assert volume is not None
    expected = base.scores["harrell_c"].value - volume.scores["harrell_c"].value
    assert base.differences["harrell_c"].value == pytest.approx(expected)


def test_names_that_do_not_exist_are_refused_with_the_nearest(swept: Sweep) -> None:
    with pytest.raises(UsageError, match="no row 'tumor volume'") as error:
        benchmark(swept, COXPH, covariates=[], reference="tumor volume", n_resamples=0)
    assert error.value.try_ == "--reference 'tumour volume'"
    with pytest.raises(UsageError, match="no covariate 'aage'"):
        benchmark(swept, [], covariates=["aage"])


def test_they_are_refused_before_anything_is_trained() -> None:
    runs = plan([measured_config("coxvae"), measured_config("vae")], SweepOptions(taus=(0.1, 0.9)))
    _, subjects = measured(Measured(kind="volume"))
    check_choices(runs, subjects, ["age"], "covariates + coxvae τ=0.1 latents")
    check_choices(runs, subjects, None, "vae")
    with pytest.raises(UsageError, match=r"no row 'coxvae tau=0\.1'") as error:
        check_choices(runs, subjects, None, "coxvae tau=0.1")
    assert error.value.try_ == "--reference 'coxvae τ=0.1'"
    with pytest.raises(UsageError, match="no covariate 'aage'"):
        check_choices(runs, subjects, ["aage"])


def test_a_seed_with_a_missing_fold_does_not_count(swept: Sweep, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept.folder.path, folder)
    partial = replace(swept, folder=SweepFolder(folder))
    for cell in swept.jobs:
        if cell.model == "deepsurv" or (cell.model == "vae" and cell.seed == 1 and cell.fold == 0):
            shutil.rmtree(partial.folder.run(cell.key))
            partial.folder.fail(cell.key, "training diverged", "RunError")
    table = benchmark(partial, COXPH, covariates=[], n_resamples=20)
    assert any("training diverged" in note for note in table.notes)
    deepsurv, vae = table.cell("deepsurv", "coxph"), table.cell("vae", "coxph")
    assert deepsurv is not None
    assert vae is not None
    assert deepsurv.scores["harrell_c"].reason == "no seed has all its folds finished"
    assert len(vae.replicates["harrell_c"]) == 1


def test_all_rows_draw_from_the_same_subjects(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """With test parts that differ by division, a model without one of them would else have resamples of its own."""
    drawn = []

    def spy(*arguments: Any, **options: Any) -> PooledScores:
        drawn.append(options["subjects"])
        return pooled_scores(*arguments, **options)

    monkeypatch.setattr(scores_module, "pooled_scores", spy)
    benchmark(swept, COXPH, covariates=[], n_resamples=0)
    assert len(drawn) > 5
    assert all(np.array_equal(subjects, np.arange(80)) for subjects in drawn)


def test_a_sweep_without_a_finished_run_is_an_error(swept: Sweep, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is finished"):
        benchmark(replace(swept, folder=SweepFolder(tmp_path)), COXPH)


def test_a_fold_without_events_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "run_local", inline)
    data = Chosen("measured", Measured(kind="volume", event_first=4))
    one = replace(measured_config("coxvae", split={"validation": 0.0}), data=data)
    made = sweep([one], SweepOptions(folds=5), tmp_path / "sweep")
    assert set(made.states().values()) == {"finished"}, made.failures()
    table = benchmark(made, COXPH, covariates=[], n_resamples=50)
    assert sum("has no event" in note for note in table.notes) == 1
    assert any("only 4 event(s)" in note for note in table.notes)
    base = table.cell("coxvae", "base")
    assert base is not None
    assert np.isfinite(base.scores["harrell_c"].value)
    assert base.scores["harrell_c"].n_failed > 0  # resamples without any of the four events


def test_runs_of_one_fold_that_were_tested_on_others_are_refused(swept: Sweep, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept.folder.path, folder)
    changed = replace(swept, folder=SweepFolder(folder))
    run = Run(changed.folder.run(swept.jobs[-1].key))
    parts = run.read("split.json")
    parts["test"][0], parts["train"][0] = parts["train"][0], parts["test"][0]
    run.write("split.json", parts)
    with pytest.raises(RunError, match="tested on other subjects"):
        benchmark(changed, [], covariates=[])


@pytest.mark.parametrize("kind", ["one level in a fold", "all missing in a fold"])
def test_a_covariate_that_does_not_vary_in_a_fold_is_a_reason_in_its_cell(
    swept: Sweep, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    first = next(iter(swept.runs().values()))
    test = np.isin(embed(first, device="cpu").id, first.read("split.json")["test"])
    words = np.where(test, "male" if kind == "one level in a fold" else "", "female")
    words[np.flatnonzero(test)[0]] = "other"
    opened = benchmark_module.open_cohort

    @contextmanager
    def with_one_covariate(*arguments: Any) -> Iterator[Any]:
        with opened(*arguments) as cohort:
            yield SimpleNamespace(subjects=replace(cohort.subjects, covariates={"sex": words}), header=cohort.header)

    monkeypatch.setattr(benchmark_module, "open_cohort", with_one_covariate)
    table = benchmark(swept, COXPH, n_resamples=0)
    alone, both = (table.cell(row, "coxph") for row in ("covariates", "covariates + coxvae τ=0.1 latents"))
    assert alone is not None
    assert both is not None
    assert "no covariate varies in the training part" in alone.scores["harrell_c"].reason
    assert np.isfinite(both.scores["harrell_c"].value)
    assert "no covariate varies in the training part" in both.notes[0]


def test_predictions_of_a_sweep_are_fitted_once(swept: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    def spy(*arguments: Any) -> FittedDownstream:
        fitted.append(arguments)
        return fit_downstream(*arguments)

    monkeypatch.setattr(predictor, "fit_downstream", spy)
    folder = tmp_path / "sweep"
    shutil.copytree(swept.folder.path, folder)
    (folder / "predictions.h5").unlink(missing_ok=True)
    copied = replace(swept, folder=SweepFolder(folder))
    first = benchmark(copied, COXPH, n_resamples=5)
    n_rows, n_seeds, n_folds = 4, 2, 2
    assert len(fitted) == (n_rows * n_seeds + 3 + n_seeds) * n_folds  # networks, three baselines, covariates + latents
    assert benchmark(copied, COXPH, n_resamples=5).to_dict() == first.to_dict()
    assert len(fitted) == (n_rows * n_seeds + 3 + n_seeds) * n_folds
