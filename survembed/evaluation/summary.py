"""What a run keeps of its subjects: latents and errors after training, and a `Reference` in an archive without them."""

from __future__ import annotations

import numpy as np

from survembed.errors import RunError
from survembed.evaluation.development_set import development_set
from survembed.evaluation.latent_hazard import fit_on_test, risk_fit_on_test, silent_dimensions_of
from survembed.evaluation.out_of_distribution import compared_with, reference_errors
from survembed.evaluation.projection import principal_axes
from survembed.evaluation.survival_band import SurvivalBand
from survembed.evaluation.survival_bound import held_out
from survembed.heads.base import Head
from survembed.progress import QUIET, Reporter
from survembed.runs.other_cohort import keep_hashes
from survembed.runs.reference import Reference
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel


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
        When the head fits a baseline and does not say what it is.
    """
    if trained.reference:
        return trained.reference
    head, latents, axes = trained.model.head, trained.latents, trained.coordinates()
    known, compared = development_set(trained), compared_with(trained)
    times = np.array([float(latents.duration[~latents.test].max())])
    high = low = delta = held = baseline = causes = None
    if head is not None:
        if _fits_a_baseline(head) and type(head).baseline_arrays is Head.baseline_arrays:
            raise RunError(
                f"head '{trained.run.record['head']}' has a baseline of its own kind",
                where=str(trained.run.path),
                expected="a head without a baseline, or with baseline_arrays and take_baseline",
                try_="--with-latents",
            )
        band = SurvivalBand(trained, reporter)
        times, baseline = band.times, trained.head.baseline_arrays() or None
        delta, held = band.delta, held_out(trained)
        high, low = (each.log_cumulative_hazard for each in band.band) if band.band else (None, None)
        if head.n_causes > 1:
            causes = np.sort(trained.cause_log_hazards(latents.inputs[~latents.test]).T)
    return Reference(
        n=known.n,
        centre=axes.centre,
        covariance=axes.covariance,
        components=principal_axes((latents.z - trained.prior_centre)[~latents.test].astype(np.float64))[0],
        log_hazards=known.log_hazards,
        cause_log_hazards=causes,
        linear=head is not None and trained.is_linear,
        km_times=known.curve.times,
        km_survival=known.curve.values,
        times=times,
        baseline=baseline,
        baseline_high=high,
        baseline_low=low,
        delta=delta,
        held_out=held,
        part=compared.part,
        n_compared=compared.n,
        distances=compared.distances,
        silent=tuple(silent_dimensions_of(trained)),
        ratios=fit_on_test(trained).ratios,
        risk_ratio=risk_fit_on_test(trained).ratios.get(0) if head is not None else None,
    )


def _fits_a_baseline(head: Head) -> bool:
    return type(head).fit_baseline is not Head.fit_baseline
