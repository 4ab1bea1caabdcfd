"""τ advice: the order of the latent space, the rule, and what it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from survembed.cohort.cohort import Cohort
from survembed.errors import UsageError
from survembed.evaluation.reconstruction import Reconstruction, reconstruct
from survembed.figures.tau import draw_tau
from survembed.runs.jobs.options import SweepOptions
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.latents import Latents
from survembed.runs.trained_model import TrainedModel
from survembed.survival.bootstrap import Metric
from survembed.workflows import tau
from survembed.workflows.tau import TauRow, advise, order, recommend


def row(tau: float, explained: float, dice: float | None = None, c: float = 0.7) -> TauRow:
    rng = np.random.default_rng(int(tau * 1000))
    metric = Metric.of(c, c + 0.01 * rng.normal(size=200), "")
    return TauRow(tau, metric, metric, explained, dice, 4.0, 0.9, 0.5, 0.1, 2)


def test_the_smallest_meaningful_tau_is_recommended() -> None:
    rows = [row(0.01, 0.2), row(0.2, 0.7), row(0.9, 0.8, c=0.6)]
    chosen, reason = recommend(rows)
    assert chosen == 0.2
    assert "0.700 of 0.800" in reason
    assert recommend(rows, share=0.1)[0] == 0.01
    assert recommend(rows, share=1.0)[0] == 0.9


def test_a_lesion_that_is_not_decoded_is_not_meaningful() -> None:
    rows = [row(0.01, 0.8, dice=0.1), row(0.5, 0.8, dice=0.7), row(0.9, 0.8, dice=0.8)]
    assert recommend(rows)[0] == 0.5


def test_what_the_choice_costs_is_said() -> None:
    assert "more than resampled subjects explain" in recommend([row(0.1, 0.1, c=0.8), row(0.9, 0.9, c=0.6)])[1]
    assert "may be chance" in recommend([row(0.1, 0.1, c=0.705), row(0.9, 0.9, c=0.7)])[1]
    for rows in ([row(0.1, 0.9, c=0.8), row(0.9, 0.9, c=0.6)], [row(0.1, 0.1, c=0.8), row(0.9, 0.9, c=0.6)]):
        assert "the best of 2 on the same test subjects" in recommend(rows)[1]


def test_no_reconstruction_no_recommendation() -> None:
    chosen, reason = recommend([row(0.1, -0.1), row(0.9, 0.0)])
    assert chosen is None
    assert "mean image" in reason
    assert recommend([row(0.1, 0.9, dice=0.0), row(0.9, 0.1, dice=0.9)])[0] is None


def test_order_of_groups_of_subjects_and_of_durations() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(10.0), 30)
    duration, event = rng.exponential(1, 300), rng.random(300) < 0.5
    noisy = -truth + 0.7 * rng.normal(size=300)
    assert order(noisy, truth, duration, event) == pytest.approx(1)  # the means are in order, whatever the sign
    assert 0.5 < order(-rng.normal(size=300) * 0.3 + np.arange(300), np.arange(300.0), duration, event) <= 1
    assert order(rng.normal(size=300), rng.normal(size=300), duration, event) < 0.15
    assert order(duration * 3, None, duration, event) == pytest.approx(1)
    assert np.isnan(order(noisy, np.zeros(300), duration, event))
    assert np.isnan(order(noisy, None, duration, np.zeros(300, bool)))


def test_advice_and_figure_of_a_sweep(swept: Sweep, tmp_path) -> None:
    only = replace(swept, jobs=tuple(job for job in swept.jobs if job.model == "coxvae"))
    advice = advise(only, n_resamples=50, device="cpu")
    assert [each.tau for each in advice.rows] == [0.1, 0.9]
    assert (advice.synthetic, advice.colour) == (True, "duration (days)")
    for each in advice.rows:
        assert each.n_runs == 4
        assert np.isfinite([each.harrell_c.low, each.ibs.high, each.reencoding_slope, each.order, each.order_sd]).all()
        assert each.dice is not None
        assert 0 <= each.dice <= 1
        assert each.explained < 1
    assert advice.rows[1].explained > advice.rows[0].explained  # more weight on reconstruction
    assert advice.to_dict()["recommended"] == advice.recommended
    assert "validation subjects of each fold" in advice.to_dict()["chosen_on"]
    assert "quote the C that is nested" in advice.chosen_on
    nested = advice.nested
    assert nested is not None
    assert nested.chosen == (0.1, 0.1)  # the same in both folds: then the scores are those of its row
    assert nested.harrell_c.value == advice.rows[0].harrell_c.value
    assert nested.ibs.low == advice.rows[0].ibs.low
    assert "0.1 in 2" in str(nested)
    assert advice.to_dict()["nested"]["harrell_c"]["value"] == nested.harrell_c.value
    files = draw_tau(advice, tmp_path / "tau.png")
    assert [path.suffix for path in files] == [".png", ".pdf"]
    first = files[0].read_bytes()
    assert draw_tau(advice, tmp_path / "tau.png")[0].read_bytes() == first


def test_the_choice_of_each_fold_is_scored_on_its_test_subjects(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against pairs that are counted here: fold 0 chooses one τ, fold 1 the other, by reconstructions of their own."""
    only = replace(swept, jobs=tuple(job for job in swept.jobs if job.model == "coxvae"))
    runs = only.runs()
    asked: list[list[TauRow]] = []

    def spy(rows: list[TauRow], share: float = 0.8) -> tuple[float | None, str]:
        asked.append(rows)
        return (0.1, 0.9)[len(asked) - 1] if len(asked) <= 2 else 0.1, ""

    monkeypatch.setattr(tau, "recommend", spy)
    nested = advise(only, n_resamples=20, device="cpu").nested
    assert nested is not None
    assert nested.chosen == (0.1, 0.9)
    assert [each.n_runs for rows in asked[:2] for each in rows] == [2] * 4  # the seeds of one fold
    by_seed = []
    for seed in (0, 1):
        concordant = comparable = 0.0
        for fold, value in ((0, 0.1), (1, 0.9)):
            run = next(run for job, run in runs.items() if (job.tau, job.fold, job.seed) == (value, fold, seed))
            latents = Latents.load(run.path / "latents.h5")
            test = np.flatnonzero(latents.test)
            assert latents.log_hazard is not None
            for i in test[latents.event[test]]:
                later = test[latents.duration[test] > latents.duration[i]]
                ties = test[(latents.duration[test] == latents.duration[i]) & ~latents.event[test]]
                others = latents.log_hazard[np.concatenate([later, ties])]
                comparable += len(others)
                concordant += (latents.log_hazard[i] > others).sum() + 0.5 * (latents.log_hazard[i] == others).sum()
        by_seed.append(concordant / comparable)
    assert nested.harrell_c.value == pytest.approx(np.mean(by_seed), abs=1e-12)
    assert nested.harrell_c.low < nested.harrell_c.value < nested.harrell_c.high


def test_a_fold_without_a_choice_has_no_nested_score(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    only = replace(swept, jobs=tuple(job for job in swept.jobs if job.model == "coxvae"))
    monkeypatch.setattr(tau, "recommend", lambda rows, share=0.8: (None, "no value"))
    nested = advise(only, n_resamples=0, device="cpu").nested
    assert nested is not None
    assert "no meaningful reconstruction" in str(nested)


def test_images_of_test_subjects_do_not_decide(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[set[int]] = []

    def spy(trained: TrainedModel, cohort: Cohort, train: Any, shown: Any) -> Reconstruction:
        decoded.append({*train.tolist(), *shown.tolist()})
        return reconstruct(trained, cohort, train, shown)

    monkeypatch.setattr(tau, "reconstruct", spy)
    only = replace(swept, jobs=tuple(job for job in swept.jobs if job.model == "coxvae"))
    advise(only, n_resamples=0, device="cpu")
    runs = [run for value in (0.1, 0.9) for job, run in only.runs().items() if job.tau == value]
    for used, run in zip(decoded, runs, strict=True):
        latents = Latents.load(run.path / "latents.h5")
        assert used == set(np.flatnonzero(latents.split != "test").tolist())


def test_whose_images_decide_is_said() -> None:
    assert "no test subject takes part" in tau.chosen_on(0, 8)
    assert "test subjects of other folds" in tau.chosen_on(2, 8)
    assert "training subjects" in tau.chosen_on(2, 0)


def test_a_sweep_without_two_values_is_refused(swept: Sweep) -> None:
    vae = replace(swept, jobs=tuple(job for job in swept.jobs if job.model == "vae"))
    with pytest.raises(UsageError, match="0 value"):
        advise(vae)
    assert SweepOptions().taus == ()
