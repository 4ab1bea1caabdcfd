"""Trained model of a run: decoded images, log-hazards and survival functions of latents."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from survembed.cohort.subjects import CohortHeader
from survembed.errors import UsageError, nearest
from survembed.heads.base import Head
from survembed.heads.covariates import CovariateHead
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import embed, encoder_of_run, has_latents, load_model, no_subjects
from survembed.runs.latent_axes import Coordinates, Float
from survembed.runs.latents import Latents
from survembed.runs.reference import FILE, Reference
from survembed.runs.run import Run
from survembed.training.validation import batch_size_without_gradient


def choose_cause(head: Head | None, names: tuple[str, ...], cause: str) -> int:
    """Let `head` give the log-hazard of one cause, by its name or number; the number of the cause.

    Raises
    ------
    UsageError
        When the head tells no causes apart, or there is no such cause.
    """
    if head is None or head.n_causes == 1:
        raise UsageError(
            "the run tells no causes apart",
            where=f"--cause {cause}",
            expected="a run with the head cause-specific",
            try_="survembed train ... --head cause-specific --set data.causes=1=NAME,2=NAME",
        )
    known = [*names, *map(str, range(1, len(names) + 1))]
    if cause not in known:
        close = nearest(cause, known)
        raise UsageError(
            f"no cause '{cause}'",
            where=f"--cause {cause}",
            expected="one of " + ", ".join(names),
            try_=f"--cause {close or names[0]}",
        )
    head.cause = known.index(cause) % len(names) + 1
    return head.cause


PATH_NODES = 128
"""Points of Gauss and Legendre on a path of integrated gradients: exact to float32 for a smooth head."""


class TrainedModel:
    """Model, latents and cohort header of one run. All figures and pages that show decoded images use it.

    Attributes
    ----------
    run, header, model
        The run, its cohort's header, and the trained model in evaluation mode.
    cause
        Number of the competing cause whose log-hazard is given, from 1; 0 for any event.
    reference
        What an imported run keeps of its subjects in place of their latents; None where their latents are there.
    """

    def __init__(
        self, run: Run, header: CohortHeader, latents: Latents | None, model: Model, reference: Reference | None = None
    ) -> None:
        self.run, self.header, self.model, self.reference = run, header, model, reference
        self.cause = model.head.cause if model.head is not None else 0
        self._latents = latents
        self.device = next(model.parameters()).device

    @classmethod
    def open(
        cls,
        run: Run,
        *,
        device: str = "cpu",
        reporter: Reporter = QUIET,
        cause: str | None = None,
        channel: str | None = None,
    ) -> TrainedModel:
        """Open a finished run; embeds its cohort first where that is not done.

        Parameters
        ----------
        cause
            Name or number of a competing cause: log-hazards, gradients and latents' log-hazards are then those of this
            cause. None for any event.
        channel
            Name of the channel that pictures show; None for the first.

        Raises
        ------
        UsageError
            When the run has no such cause or channel.
        RunError
            When the run is damaged, or its cohort can no longer be prepared as it was.
        """
        header = CohortHeader.from_dict(run.record["cohort"]["header"]).showing(channel)
        model = load_model(run, device)
        if not has_latents(run):
            if cause is not None:
                choose_cause(model.head, header.causes, cause)
            return cls(run, header, None, model, Reference.load(run.path / FILE))
        latents = embed(run, reporter=reporter)
        if cause is not None:
            number = choose_cause(model.head, header.causes, cause)
            assert latents.cause is not None
            hazard = cls(run, header, latents, model).log_hazard(latents.z.astype(np.float64))
            latents = replace(latents, log_hazard=hazard, event=latents.cause == number)  # others count as censored
        return cls(run, header, latents, model)

    @property
    def latents(self) -> Latents:
        """The embedding of the run's cohort.

        Raises
        ------
        RunError
            When the run was imported without it.
        """
        if self._latents is None:
            raise no_subjects(self.run)
        return self._latents

    @property
    def tells_causes(self) -> bool:
        """Whether the head has a log-hazard, and an incidence, of each of several competing causes."""
        return self.model.head is not None and self.model.head.n_causes > 1

    @property
    def cause_name(self) -> str | None:
        """Name of the competing cause whose log-hazard is given; None for any event."""
        return self.header.causes[self.cause - 1] if self.cause else None

    def coordinates(self, *, raw: bool = False) -> Coordinates:
        """Axes of the latent space: standardised by the training μ, or the paper's raw ones (settled point 13).

        With a prior that is conditional on covariates, μ − Wx takes the place of μ: a step of one unit is one standard
        deviation of what the covariates do not say.
        """
        if self.reference:
            return Coordinates.from_moments(self.reference.centre, self.reference.covariance, raw=raw)
        training = ~self.latents.test
        return Coordinates.of((self.latents.z - self.prior_centre)[training], raw=raw)

    @property
    def prior_centre(self) -> Float | float:
        """Wx (n, L) of the subjects for a prior that is conditional on covariates; else 0."""
        return 0.0 if self.latents.x is None else self.prior_mean(self.latents.x)

    def prior_mean(self, x: Float) -> Float | float:
        """Wx (n, L) of covariates x (n, P) for a prior that is conditional on covariates; else 0."""
        weight = self._prior_weight
        if weight is None:
            return 0.0
        mean: Float = x @ weight.detach().double().cpu().numpy().T
        return mean

    @property
    def has_conditional_prior(self) -> bool:
        """Whether the prior of the latents depends on the covariates."""
        return self._prior_weight is not None

    @property
    def _prior_weight(self) -> torch.Tensor | None:
        return dict(self.model.named_parameters()).get("prior_mean.weight")

    @torch.no_grad()
    def embed(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents μ (n, L) of images (n, C, *spatial) as the cohort gives them."""
        parts = torch.from_numpy(images).split(batch_size_without_gradient(images.shape[1:]))
        return torch.cat([self.model.posterior(part.to(self.device))[0].cpu() for part in parts]).numpy()

    @torch.no_grad()
    def decode(self, z: Float) -> NDArray[np.float32]:
        """Expected images (n, C, *spatial) float32 of latents z (n, L)."""
        return self.model.decode(self._tensor(z)).cpu().numpy()

    @torch.no_grad()
    def log_hazard(self, z: Float) -> Float:
        """Log-hazard (n,) float64 of latents z (n, L), higher dies sooner; for a model with a head.

        Of a model with covariates also of [z, x] (n, L + P); z alone is at the reference covariates.
        """
        return self.model.log_hazard(self._tensor(z)).double().cpu().numpy()

    def gradient(self, z: Float) -> Float:
        """Gradient (L,) float64 of the log-hazard at z (L,); equal to ψ for a linear head."""
        slope: Float = self.gradients(z[None])[0]
        return slope

    def gradients(self, z: Float) -> Float:
        """The same (n, L) at each of z (n, L)."""
        at = self._tensor(z).requires_grad_()
        (slopes,) = torch.autograd.grad(self.model.log_hazard(at).sum(), at)
        gradients: Float = slopes.double().cpu().numpy()
        return gradients

    @property
    def is_linear(self) -> bool:
        """Whether the gradient of the log-hazard is the same everywhere; tested on the first 64 subjects."""
        if self.reference:
            return self.reference.linear
        slopes = self.gradients(self.latents.z[:64].astype(np.float64))
        return bool(np.allclose(slopes, slopes[0], rtol=1e-6, atol=1e-12))

    def contributions(self, z: Float) -> Float:
        """Contribution (n, L) of each dimension to the log-hazard of z (n, L), relative to the mean training μ.

        Integrated gradients along the straight path from that mean: (z_i − m_i) times the mean of ∂r/∂z_i on the path.
        For a linear head this is ψ_i·(z_i − m_i) itself. Rows sum to r(z) − r(m).

        References
        ----------
        Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017.
        """
        centre = self.coordinates().centre
        nodes, weights = np.polynomial.legendre.leggauss(PATH_NODES)
        share = (nodes + 1) / 2
        slopes = [weights / 2 @ self.gradients(centre + np.outer(share, each - centre)) for each in z]
        return (z - centre) * np.array(slopes).reshape(z.shape)

    def covariate_contributions(self, x: Float) -> dict[str, Float]:
        """γ_j·x_j (n,) by encoded column, of covariates x (n, P); empty for a model of the images alone."""
        head, encoder = self.model.head, encoder_of_run(self.run)
        if not isinstance(head, CovariateHead) or encoder is None:
            return {}
        gamma = head.gamma.detach().double().cpu().numpy()
        return dict(zip(encoder.names, (x * gamma).T, strict=True))

    def cause_directions(self) -> dict[str, Float]:
        """ψ_k (L,) of each competing cause by name, for one standard deviation of the training μ; {} without causes.

        For a head that is not linear it is the gradient at the mean training μ.
        """
        head, axes = self.model.head, self.coordinates()
        if head is None or not self.tells_causes:
            return {}
        jacobian = torch.autograd.functional.jacobian(head.log_hazards, self._tensor(axes.centre[None]))
        slopes = jacobian.reshape(head.n_causes, -1).double().cpu().numpy() * axes.deviation
        return dict(zip(self.header.causes, slopes, strict=True))

    @torch.no_grad()
    def cause_log_hazards(self, z: Float) -> Float:
        """Log-hazard (n, K) float64 of each competing cause, of latents z (n, L), for a run with causes."""
        head = self.model.head
        assert head is not None
        return head.log_hazards(self._tensor(z)).double().cpu().numpy()

    @torch.no_grad()
    def incidence(self, z: Float, times: Float) -> dict[str, Float]:
        """Cumulative incidence (n, T) of each competing cause by name, of latents z (n, L); {} without causes."""
        if not self.tells_causes:
            return {}
        curves = self.head.incidence(self._tensor(z), torch.from_numpy(times)).cpu().numpy()
        return dict(zip(self.header.causes, curves, strict=True))

    @cached_property
    def head(self) -> Head:
        """The head, its baseline fitted on the development set: all subjects outside the test set."""
        head = self.model.head
        assert head is not None
        if self.reference:
            head.take_baseline(self.reference.baseline or {}, self.reference.last_time)
            return head
        development = ~self.latents.test
        duration, event, *entry = self.latents.outcome.take(development)
        codes = event if self.latents.cause is None else self.latents.cause[development]
        outcome = map(torch.from_numpy, (duration, codes, *entry))
        head.fit_baseline(self._tensor(self.latents.inputs[development]), *outcome)
        return head

    @torch.no_grad()
    def survival(self, z: Float, times: Float) -> Float:
        """S(t) (n, T) by the head, of latents z (n, L), or [z, x], at `times` (T,); NaN beyond the follow-up."""
        return self.head.survival(self._tensor(z), torch.from_numpy(times)).cpu().numpy()

    @torch.no_grad()
    def survival_at(self, z: Float, time: Float) -> Float:
        """S(t_i | z_i) (n,) by the head, at one time (n,) for each latent z (n, L); NaN beyond the follow-up."""
        return self.head.survival_at(self._tensor(z), torch.from_numpy(time)).cpu().numpy()

    @torch.no_grad()
    def median_survival(self, z: Float) -> Float:
        """Median survival time (n,) by the head; NaN where S(t) stays above 0.5 in the follow-up."""
        return self.head.median_survival(self._tensor(z)).cpu().numpy()

    def volumes_ml(self, images: NDArray[np.generic]) -> dict[str, Float]:
        """Decoded volumes (n,) in ml of images (n, C, *spatial) by mask: the sum of the fractions; {} without scale."""
        if self.header.spacing_mm is None:
            return {}
        voxel_ml = float(np.prod(self.header.spacing_mm)) / 1000
        return {
            channel.name: images[:, index].reshape(len(images), -1).sum(axis=1, dtype=np.float64) * voxel_ml
            for index, channel in enumerate(self.header.channels)
            if channel.likelihood == "bernoulli"
        }

    def volumes_above_half_ml(self, images: NDArray[np.float32]) -> dict[str, Float]:
        """The same for the voxels with a fraction above 0.5: what a mask would hold."""
        return self.volumes_ml(images > 0.5)

    def _tensor(self, z: NDArray[np.floating]) -> torch.Tensor:
        return torch.tensor(z, dtype=torch.float32, device=self.device)
