"""`Embedder`: scikit-learn interface to every model: fit, transform, inverse_transform, predict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from sksurv.base import SurvivalAnalysisMixin
from sksurv.functions import StepFunction
from sksurv.util import check_y_survival

from survembed import registry
from survembed.cohort.subjects import Channel, Subjects
from survembed.errors import DataError, UsageError
from survembed.progress import QUIET
from survembed.runs.configuration import Chosen, choose_model
from survembed.runs.embedding import build_model
from survembed.runs.settings import Setting, Settings
from survembed.survival.outcome import Float
from survembed.training.device import find_device
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import SplitOptions, TrainOptions
from survembed.training.split import split
from survembed.training.training_data import TrainingData
from survembed.training.validation import batch_size_without_gradient

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

OWN = ("model", "head", "channels", "validation", "seed", "device")
HEAD_PREFIX = "head__"


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SurvivalAnalysisMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """An embedding model as a scikit-learn transformer and a scikit-survival estimator.

    Parameters
    ----------
    model
        Name of a model: `coxvae`, `vae`, `deepsurv` or one of a plugin.
    head
        Name of the Cox head; None for the model's own default.
    channels
        Image channels. With None, a table is standardised with a Gaussian likelihood, and an image has Bernoulli
        channels with values in [0, 1].
    validation
        Share of the subjects in the validation part, which chooses the weights; 0 for none.
    seed
        Seed of weights, batches and split.
    device
        `auto`, `cpu`, `cuda`, …
    options
        Options of training, of the model and of its head by name: `updates=500`, `tau=0.2`, `hidden=(8,)`. A shared
        name refers to training first, then to the model; `head__dropout=0.2` always refers to the head.

    Attributes
    ----------
    model_
        The trained network.
    outcome_
        How training ended.
    unique_times_
        Distinct durations (T,) given to `fit`; absent for a model without a head.
    psi_
        Weights (L,) of a linear head; absent for other heads.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sksurv.ensemble import RandomSurvivalForest
    >>> pipeline = make_pipeline(Embedder("coxvae", tau=0.2), RandomSurvivalForest())
    """

    def __init__(
        self,
        model: str = "coxvae",
        *,
        head: str | None = None,
        channels: Sequence[Channel] | None = None,
        validation: float = 0.15,
        seed: int = 0,
        device: str = "auto",
        **options: Any,
    ) -> None:
        self.model = model
        self.head = head
        self.channels = channels
        self.validation = validation
        self.seed = seed
        self.device = device
        self.options = options

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters and options by name."""
        return {**{name: getattr(self, name) for name in OWN}, **self.options}

    def set_params(self, **params: Any) -> Embedder:
        """Set parameters or options by name."""
        for name, value in params.items():
            if name in OWN:
                setattr(self, name, value)
            else:
                self.options = {**self.options, name: value}
        return self

    def fit(self, X: ArrayLike, y: NDArray[np.void]) -> Embedder:  # noqa: N803 — scikit-learn's name
        """Train on images or a table.

        Parameters
        ----------
        X
            (n, d) table; (n, h, w) images of one channel; (n, C, h, w) images or (n, C, x, y, z) volumes.
        y
            (n,) structured array of event and time, as in scikit-survival.

        Raises
        ------
        DataError
            When shapes, values or durations are wrong, or there are too few subjects or no events.
        UsageError
            When an option does not exist or is out of range.
        """
        images = self._images(X)
        subjects = _subjects(y)
        if len(subjects) != len(images):
            raise DataError(f"{len(images)} images for {len(subjects)} outcomes", where="Embedder.fit")
        division = SplitOptions.configure("Embedder", {"test": 0, "validation": self.validation, "seed": self.seed})
        parts = split(subjects, division)
        device = find_device(self.device)
        chosen, head, options = self._configuration()
        if options.covariates:
            raise UsageError(
                "Embedder takes images alone",
                where=f"Embedder(covariates={options.covariates!r})",
                expected="no covariates",
                try_="survembed train with --covariates, or the covariates as columns of the next step of a pipeline",
            )
        options = options.resolved(images.ndim - 2, len(parts["train"]))
        channels = self._channels(images)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            model = build_model(chosen, head, channels, images.shape[2:]).to(device)
        training_data = TrainingData.of(Images(images, device, channels=channels), subjects, parts)
        training_data.fit_statistics(model, options.batch_size)
        self.outcome_ = fit(model, training_data, options, seed=self.seed, reporter=QUIET)
        self.model_ = model
        self.n_features_in_ = int(np.shape(X)[1])
        self._n_features_out = model.latent_dim
        self._shape = images.shape[1:]
        for name in ("psi_", "unique_times_"):  # from an earlier fit
            self.__dict__.pop(name, None)
        if model.head is not None:
            z = torch.from_numpy(self.transform(X)).to(device)
            model.head.fit_baseline(z, training_data.duration, training_data.event)
            self.unique_times_ = np.unique(subjects.duration)
            weight = dict(model.head.named_parameters()).get("psi.weight")
            if weight is not None:
                self.psi_ = weight.detach().double().cpu().numpy()[0]
        return self

    @torch.no_grad()
    def transform(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Latents μ (n, L) of images or a table, shaped as in `fit`."""
        check_is_fitted(self)
        array = self._images(X)
        if array.shape[1:] != self._shape:
            raise DataError(
                f"images of shape {array.shape[1:]} for a model of {self._shape}",
                where="Embedder",
                expected="images, or rows of a table, as those given to fit",
            )
        images = torch.from_numpy(array)
        size = batch_size_without_gradient(images.shape[1:])
        device = next(self.model_.parameters()).device
        parts = [self.model_.posterior(part.to(device))[0].cpu().numpy() for part in images.split(size)]
        return np.concatenate(parts)

    @torch.no_grad()
    def inverse_transform(self, Z: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Decoded images (n, C, *spatial), or rows (n, d) of a table, of latents (n, L).

        Raises
        ------
        UsageError
            When the model does not decode.
        DataError
            When the latents have another shape.
        """
        check_is_fitted(self)
        if not self.model_.decodes:
            raise UsageError(f"{self.model} does not decode", where="inverse_transform", try_="Embedder('coxvae')")
        latents = np.asarray(Z, dtype=np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.model_.latent_dim:
            raise DataError(
                f"latents of shape {latents.shape}",
                where="inverse_transform",
                expected=f"(n, {self.model_.latent_dim})",
            )
        z = torch.from_numpy(latents).to(next(self.model_.parameters()).device)
        images = self.model_.decode(z).cpu().numpy()
        return images[:, 0] if images.ndim == 3 else images

    def predict(self, X: ArrayLike) -> Float:  # noqa: N803
        """Log-hazards (n,) float64; higher dies sooner.

        Raises
        ------
        UsageError
            When the model has no head.
        """
        z = torch.from_numpy(self.transform(X)).to(next(self.model_.parameters()).device)
        if self.model_.head is None:
            raise UsageError(f"{self.model} predicts no hazard", where="predict", try_="Embedder('coxvae')")
        with torch.no_grad():
            hazard: Float = self.model_.log_hazard(z).double().cpu().numpy()
        return hazard

    def predict_survival_function(self, X: ArrayLike, return_array: bool = False) -> Any:  # noqa: N803
        """Survival functions of images, up to the largest duration given to `fit`; 1 before the first event.

        Returns
        -------
        (n,) scikit-survival's step functions, which start at 0; with `return_array` S(t) (n, T) on `unique_times_`.

        Raises
        ------
        UsageError
            When the model has no head.
        """
        z = torch.from_numpy(self.transform(X)).to(next(self.model_.parameters()).device)
        if self.model_.head is None:
            raise UsageError(
                f"{self.model} predicts no hazard", where="predict_survival_function", try_="Embedder('coxvae')"
            )
        # Before its first time, a step function of scikit-survival has its first value: so the first time is 0.
        times = self.unique_times_ if return_array else np.union1d([0.0], self.unique_times_)
        with torch.no_grad():
            survival = self.model_.head.survival(z, torch.from_numpy(times)).cpu().numpy()
        if return_array:
            return survival
        functions = np.empty(len(survival), dtype=object)
        functions[:] = [StepFunction(times, row) for row in survival]
        return functions

    def _configuration(self) -> tuple[Chosen, Chosen | None, TrainOptions]:
        """Model, head and training options, resolved as by `survembed train`."""
        of_model = registry.load("models", self.model).model_fields
        flags = {}
        for name, value in self.options.items():
            if name.startswith(HEAD_PREFIX):
                key = f"head.{name.removeprefix(HEAD_PREFIX)}"
            elif name in TrainOptions.model_fields:
                key = f"train.{name}"
            elif name in of_model or "head" not in of_model or name not in self._head_fields(of_model):
                key = f"model.{name}"  # an unknown option, too: the model refuses it
            else:
                key = f"head.{name}"
            flags[key] = Setting(value, "Embedder", f"Embedder({name}={value!r})")
        if self.head is not None:
            flags["model.head"] = Setting(self.head, "Embedder", f"Embedder(head={self.head!r})")
        settings = Settings(flags=flags)
        model, head = choose_model(settings, self.model)
        of_no_head = next((setting.where for key, setting in flags.items() if key.startswith("head.")), None)
        if head is None and of_no_head:
            raise UsageError(f"the model {self.model} has no head", where=of_no_head, try_="Embedder('coxvae')")
        return model, head, settings.component("train", "training", TrainOptions)

    def _head_fields(self, of_model: Mapping[str, FieldInfo]) -> Collection[str]:
        head = self.head or of_model["head"].default
        return registry.load("heads", head).model_fields if isinstance(head, str) else ()

    def _images(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """X as images (n, C, *spatial) float32."""
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(X, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"X is not an array of numbers: {error}", where="Embedder", expected="numbers") from error
        if array.ndim in (2, 3):
            array = array[:, None]
        if not 3 <= array.ndim <= 5:
            raise DataError(
                f"X has {np.ndim(X)} axes",
                where="Embedder",
                expected="(n, d), (n, h, w), (n, C, h, w) or (n, C, x, y, z)",
            )
        if array.size == 0:
            raise DataError(f"X of shape {np.shape(X)} is empty", where="Embedder", expected="one row or more")
        if not np.isfinite(array).all():
            raise DataError("X contains values that are not finite", where="Embedder", expected="numbers")
        return array

    def _channels(self, images: NDArray[np.float32]) -> tuple[Channel, ...]:
        if self.channels is not None:
            if len(self.channels) != images.shape[1]:
                raise DataError(f"{len(self.channels)} channels declared for {images.shape[1]}", where="Embedder")
            return tuple(self.channels)
        if images.ndim == 3:
            return (Channel("table", "gaussian", standardise=True),)
        if images.min() < 0 or images.max() > 1:
            raise DataError(
                f"images between {images.min():g} and {images.max():g}",
                where="Embedder",
                expected="values in [0, 1], or channels=[Channel(...)] with standardise=True",
            )
        return tuple(Channel(f"channel {index}", "bernoulli") for index in range(images.shape[1]))


def _subjects(y: NDArray[np.void]) -> Subjects:
    """The subjects of an outcome array, checked."""
    try:
        event, duration = check_y_survival(y, allow_all_censored=True)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"y is not a survival outcome: {error}",
            where="Embedder.fit",
            expected="a structured array of event and time, as from sksurv.util.Surv.from_arrays",
        ) from error
    subjects = Subjects(
        np.arange(len(event)).astype(np.str_), duration.astype(np.float64), np.asarray(event, dtype=np.bool_)
    )
    subjects.check("Embedder.fit")
    return subjects
