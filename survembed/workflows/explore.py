"""Content of the page of `survembed explore`: numbers and images of places in the latent space."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.captions import data_name
from survembed.cohort.cohort import Cohort
from survembed.cohort.covariate_columns import CategoryColumn
from survembed.cohort.physical_space import centred_affine, physical
from survembed.cohort.prepare import cohort_path
from survembed.errors import UsageError
from survembed.evaluation import reencoding
from survembed.evaluation.out_of_distribution import FAR, compared_with, distance_from_mean, percentile
from survembed.evaluation.projection import principal_axes
from survembed.evaluation.survival_band import SurvivalBand
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import encoder_of_run
from survembed.runs.given_covariates import GivenCovariates, given_covariates
from survembed.runs.latent_axes import Float, Gradient
from survembed.runs.latents import Latents
from survembed.runs.trained_model import TrainedModel
from survembed.storage.nifti import nifti_bytes
from survembed.storage.result import plain

FARTHEST = 1000.0
"""Largest absolute value of a latent that is accepted."""
FARTHEST_STEP = 20.0
"""Largest step along the hazard axis that is accepted."""


@dataclass(frozen=True)
class Scene:
    """One place in the latent space: its decoded image and its numbers.

    Attributes
    ----------
    numbers
        `z` (L,) the latents u of the page, raw, `volumes_ml` as of `TrainedModel`, `distance_percentile` as in
        `OutOfDistribution`; with a head `log_hazard`, `reencoded` (that of the decoded image, encoded again, at the
        same covariates), `covariate_log_hazard` (γᵀx, its part from covariates), `slope` (L,) the gradient of
        `log_hazard` (ψ for a linear head), `hazard_sd` (what one unit along the hazard axis adds to it), and value, low
        and high of `survival` at the times of `Explorer.describe` and of `median`, and `incidence` by competing cause
        there.
    image
        (C, *spatial) float32 as decoded.
    """

    numbers: dict[str, Any]
    image: NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """Length of the JSON (uint32, little-endian), the numbers as JSON padded to fours, voxels (uint8, 255 for 1).

        The row of a table goes into the JSON as `row`, in its own units.
        """
        table = self.image.ndim == 2
        numbers = self.numbers | ({"row": self.image[0].tolist()} if table else {})
        head = json.dumps(numbers, allow_nan=False).encode()
        head += b" " * (-len(head) % 4)
        voxels = b"" if table else _voxels(self.image)
        return struct.pack("<I", len(head)) + head + voxels


class Explorer:
    """Answers the requests of the page; thread-safe.

    Its latents are u = z − Wx: the covariates of a request move z by Wx, and the image with it, where the prior is
    conditional on them. Without such a prior Wx = 0, and the image does not depend on the covariates.

    Parameters
    ----------
    trained
        The model of a run; it must decode. Opened for a competing cause, the hazard is that of the cause; survival and
        incidences stay those of all causes.
    """

    def __init__(self, trained: TrainedModel, reporter: Reporter = QUIET) -> None:
        self.trained = trained
        self.header = trained.header
        self.has_head = trained.model.head is not None
        self.axes = trained.coordinates()
        self.encoder = encoder_of_run(trained.run)
        self.compared = compared_with(trained)
        kept = trained.reference
        self.components = kept.components if kept else principal_axes(self._own_latents()[~trained.latents.test])[0]
        self._gradient: Gradient = trained.gradient
        self.linear = self.has_head and trained.is_linear
        if self.linear:  # the same everywhere: computed once
            psi = trained.gradient(self.axes.centre)
            self._gradient = lambda _: psi
        any_event = TrainedModel.open(trained.run, reporter=reporter) if trained.cause else trained
        self.survival_band = SurvivalBand(any_event, reporter) if self.has_head else None
        path = cohort_path(trained.run.dataset, trained.run.record["cohort"]["fingerprint"])
        self.cohort = Cohort(path) if path.is_file() and len(self.header.shape) > 1 else None

    def describe(self) -> dict[str, Any]:
        """Properties of the whole run, as `survembed/page/static/api.js` reads them."""
        header, run = self.header, self.trained.run
        return {
            "run": run.id,
            "model": run.model_title,
            "title": data_name(header.title, header.synthetic),
            "synthetic": header.synthetic,
            "channels": header.to_dict()["channels"],
            "drawn": header.drawn,
            "shape": header.shape,
            "spacing_mm": header.spacing_mm,
            "features": header.features,
            "time_unit": header.time_unit,
            "has_head": self.has_head,
            "cause": self.trained.cause_name,
            "causes": header.causes if self.trained.tells_causes else [],
            "linear": self.linear,
            "centre": self.axes.centre.tolist(),
            "scale": self.axes.scale.tolist(),
            "deviation": self.axes.deviation.tolist(),
            "components": self.components.tolist(),
            "compared_with": self.compared.part,
            "far": FAR,
            "differs": [reencoding.ABSOLUTE, reencoding.RELATIVE],
            "has_images": self.cohort is not None,
            "times": self.survival_band.times.tolist() if self.survival_band else [],
            "has_interval": self.survival_band is not None and self.survival_band.has_interval,
            "covariates": self._covariates(),
            "conditional_prior": self.trained.has_conditional_prior,
        }

    def _covariates(self) -> list[dict[str, Any]]:
        """A control for each covariate: range and mean of a number, levels of a category, the reference first."""
        controls: list[dict[str, Any]] = []
        for column in self.encoder.columns if self.encoder else ():
            values = (
                {"levels": list(column.levels)}
                if isinstance(column, CategoryColumn)
                else {"low": column.low, "high": column.high}
            )
            controls.append({"name": column.name, "reference": column.reference, **values})
        return controls

    def covariates(self, request: Mapping[str, Any]) -> GivenCovariates:
        """Covariates of a request: an object of numbers and levels by name; those of the reference subject by default.

        Raises
        ------
        UsageError
            When it is no such object, or the model has no such covariate or level.
        """
        given = request.get("covariates", {})
        if not isinstance(given, dict) or not all(
            isinstance(value, str | int | float) and not isinstance(value, bool) for value in given.values()
        ):
            expected = 'an object such as {"age": 63}'
            raise UsageError("no such covariates", where="covariates", expected=expected)
        return given_covariates(self.trained.run, [f"{name}={value}" for name, value in given.items()])

    def subjects(self) -> dict[str, Any]:
        """The cohort in columns: id, duration, event, part, and place (n, 2) on the first two principal components.

        Empty columns for a run that was imported without its subjects.
        """
        if self.trained.reference:
            return {name: [] for name in ("id", "duration", "event", "part", "place")}
        latents = self.latents
        place = (self._own_latents() - self.axes.centre) @ self.components.T
        return {
            "id": latents.id.tolist(),
            "duration": latents.duration.round(3).tolist(),
            "event": latents.event.tolist(),
            "part": latents.split.tolist(),
            "place": place.round(4).tolist(),
        }

    def subject(self, name: str) -> dict[str, Any]:
        """One subject's latents u, outcome and covariates.

        Raises
        ------
        DataError
            When no subject has this id; the nearest is named.
        """
        row = self.latents.position(name)
        covariates = self._own_covariates(row)
        place = self.latents.z[row].astype(np.float64) - self._moved(self.covariates({"covariates": covariates}))
        return {
            "id": name,
            "z": place.tolist(),
            "duration": float(self.latents.duration[row]),
            "event": bool(self.latents.event[row]),
            "part": str(self.latents.split[row]),
            "covariates": covariates,
        }

    def _own_covariates(self, row: int) -> dict[str, Any]:
        """Covariates of a subject by name; without missing ones, which are those of the reference subject here."""
        if self.encoder is None or self.latents.x is None:
            return {}
        own = {name: values[0].item() for name, values in self.encoder.decode(self.latents.x[[row]]).items()}
        return {name: value for name, value in own.items() if value != "" and value == value}

    @property
    def latents(self) -> Latents:
        """Of the cohort of the run."""
        return self.trained.latents

    def stored_image(self, name: str) -> bytes:
        """Voxels of a subject's own image, (C, *spatial) uint8 with 255 for 1, as in `Scene.to_bytes`.

        Raises
        ------
        DataError
            When no subject has this id.
        UsageError
            When the images of the cohort are not on this computer, or are rows of a table.
        """
        row = self.latents.position(name)
        if self.cohort is None:
            raise UsageError("the images of the cohort are not here", where="image", expected="a cohort of images")
        return _voxels(self.cohort.images([row])[0])

    def _own_latents(self) -> Float:
        """u (n, L) of the subjects."""
        own: Float = self.latents.z.astype(np.float64) - self.trained.prior_centre
        return own

    def _moved(self, covariates: GivenCovariates | None) -> Float | float:
        """Wx (L,) at these covariates; 0 at those of the reference subject and without a conditional prior."""
        return 0.0 if covariates is None else np.ravel(self.trained.prior_mean(covariates.x))

    def place(self, request: Mapping[str, Any]) -> Float:
        """Latents u (L,) of a request: `z`, moved by `hazard` units along the hazard axis.

        Raises
        ------
        UsageError
            When `z` is not L finite numbers within ±1000, or `hazard` not one within ±20.
        """
        n_dims = len(self.axes.centre)
        z, step = request.get("z"), request.get("hazard", 0)
        if not isinstance(z, list) or len(z) != n_dims or not all(_within(value, FARTHEST) for value in z):
            raise UsageError("no such place in the latent space", where="z", expected=_wanted(n_dims))
        at = np.array(z, dtype=np.float64)
        if not _within(step, FARTHEST_STEP) or (step and not self.has_head):
            expected = f"a number within ±{FARTHEST_STEP:g}" if self.has_head else "a model with a head, such as coxvae"
            raise UsageError("no such step along the hazard", where="hazard", expected=expected)
        moved = self._moved(self.covariates(request))
        return self.axes.along_hazard(at + moved, self._gradient, np.array([float(step)]))[0] - moved if step else at

    def scene(self, place: Float, covariates: GivenCovariates | None = None) -> Scene:
        """Decoded image and numbers at u (L,) and at covariates, by default those of the reference subject."""
        z = place + self._moved(covariates)
        image = self.trained.decode(z[None])
        numbers: dict[str, Any] = {
            "z": place.tolist(),
            "volumes_ml": {name: float(ml[0]) for name, ml in self.trained.volumes_ml(image).items()},
            "distance_percentile": float(
                percentile(distance_from_mean(z[None], self.axes), self.compared.distances)[0]
            ),
        }
        if self.survival_band:
            both = covariates.beside(z[None]) if covariates else z[None]
            log_hazard, slope = self.trained.log_hazard(both), self._gradient(z)
            survival = self.survival_band.survival(both)
            again = self.trained.embed(image).astype(np.float64)
            numbers |= {
                "log_hazard": float(log_hazard[0]),
                "reencoded": float(self.trained.log_hazard(covariates.beside(again) if covariates else again)[0]),
                "covariate_log_hazard": float(log_hazard[0] - self.trained.log_hazard(z[None])[0]),
                "slope": slope.tolist(),
                "hazard_sd": self.axes.hazard_sd(slope),
                "incidence": {name: plain(curve[0].round(5)) for name, curve in survival.incidence.items()},
                "survival": plain([curve[0].round(5) for curve in (survival.value, survival.low, survival.high)]),
                "median": plain([each[0] for each in (survival.median, survival.median_low, survival.median_high)]),
            }
        return Scene(numbers, image[0])

    def nifti(self, place: Float, channel: object, covariates: GivenCovariates | None = None) -> bytes:
        """One channel at u (L,) and at covariates as a `.nii.gz`, isotropic in RAS, in the channel's own unit.

        Raises
        ------
        UsageError
            When there is no such channel, or the images are no volumes.
        """
        names = [each.name for each in self.header.channels]
        if self.header.spacing_mm is None or len(self.header.shape) != 3:
            raise UsageError("these images are no volumes", where="nifti", expected="a run on a 3-D cohort")
        if channel not in names:
            raise UsageError("no such channel", where="channel", expected=f"one of {', '.join(names)}")
        index = names.index(str(channel))
        z = place + self._moved(covariates)
        voxels = physical(self.trained.decode(z[None])[0, index], self.header.channels[index])
        whole = nifti_bytes(voxels, centred_affine(self.header))
        return gzip.compress(whole, compresslevel=1, mtime=0)


def _voxels(image: NDArray[np.float32]) -> bytes:
    """Values in [0, 1] as uint8, 255 for 1."""
    stored: NDArray[np.uint8] = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return stored.tobytes()


def _within(value: object, limit: float) -> bool:
    """Whether it is a number, and not NaN, of at most that size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= limit


def _wanted(n_dims: int) -> str:
    return f"a list of {n_dims} numbers within ±{FARTHEST:g}"
