"""What a run keeps of its subjects: latents and errors after training, and a `Reference` in an archive without them."""

from __future__ import annotations

import numpy as np

from survembed.errors import RunError
from survembed.evaluation.development_set import development_set
from survembed.evaluation.latent_hazard import ratios_on_test, risk_ratio_on_test, silent_dimensions_of
from survembed.evaluation.out_of_distribution import compared_with, reference_errors
from survembed.evaluation.projection import principal_axes
from survembed.evaluation.survival_band import SurvivalBand
from survembed.evaluation.survival_bound import held_out
from survembed.heads.base import Breslow, Head
from survembed.progress import QUIET, Reporter
from survembed.runs.other_cohort import keep_hashes
from survembed.runs.reference import Reference
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.survival.outcome import Float


def keep_summary(run: Run, *, device: str = "auto", reporter: Reporter = QUIET) -> None:
    """Store latents, reconstruction errors and hashes of images in a finished run: it predicts where no images are."""
    trained = TrainedModel.open(run, device=device, reporter=reporter)
    if trained.model.decodes:
        reference_errors(trained, reporter)
    keep_hashes(run)


def summarise(trained: TrainedModel, reporter: Reporter = QUIET) -> Reference:
    """The `Reference` of a run whose latents are there.

    Raises
    ------
    RunError
        When the head fits a baseline of its own, which no file of ours can hold.
    """
    if trained.reference:
        return trained.reference
    head, latents, axes = trained.model.head, trained.latents, trained.coordinates()
    known, compared = development_set(trained), compared_with(trained)
    times, baseline_times = np.array([float(latents.duration[~latents.test].max())]), None
    limits: list[Float | None] = [None] * 3
    delta = held = None
    if head is not None:
        if type(head).fit_baseline not in (Head.fit_baseline, Breslow.fit_baseline):
            raise RunError(
                f"head '{trained.run.record['head']}' has a baseline of its own kind",
                where=str(trained.run.path),
                expected="a head with a Breslow baseline, or without any",
                try_="--with-latents",
            )
        band = SurvivalBand(trained, reporter)
        times, fitted = band.times, trained.head
        delta, held = band.delta, held_out(trained)
        if isinstance(fitted, Breslow):
            baseline_times = fitted.baseline.times
            limits = [each.log_cumulative_hazard for each in (fitted.baseline, *(band.band or ()))]
            limits += [None] * (3 - len(limits))
    return Reference(
        n=known.n,
        centre=axes.centre,
        covariance=axes.covariance,
        components=principal_axes((latents.z - trained.prior_centre)[~latents.test].astype(np.float64))[0],
        log_hazards=known.log_hazards,
        linear=head is not None and trained.is_linear,
        km_times=known.curve.times,
        km_survival=known.curve.values,
        times=times,
        baseline_times=baseline_times,
        baseline=limits[0],
        baseline_high=limits[1],
        baseline_low=limits[2],
        delta=delta,
        held_out=held,
        part=compared.part,
        n_compared=compared.n,
        distances=compared.distances,
        silent=tuple(silent_dimensions_of(trained)),
        ratios=ratios_on_test(trained),
        risk_ratio=risk_ratio_on_test(trained) if head is not None else None,
    )
