"""The functions of the top level, from data to predictions; `survembed.report` is in `survembed.report`.

They take names and plain values where the workflows take configured components, and print progress on stderr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from survembed import registry
from survembed.errors import UsageError
from survembed.progress import QUIET, LineReporter, Reporter
from survembed.registry.component import Component
from survembed.runs import embedding
from survembed.runs.configuration import TrainConfig
from survembed.runs.latents import Latents
from survembed.runs.run import Run, Runs
from survembed.runs.settings import Common, Setting, Settings
from survembed.survival.bootstrap import N_RESAMPLES
from survembed.training.options import SplitOptions, TrainOptions
from survembed.workflows import evaluate as evaluation
from survembed.workflows import predict as prediction
from survembed.workflows import train as training
from survembed.workflows import traverse as traversing

AnyRun = Run | str | PathLike[str] | None
"""A run: itself, its id, a unique prefix of it, or its path; None for the latest finished run in `runs_dir`."""

DOWNSTREAM = ("coxph", "rsf")


def train(
    model: str = "coxvae",
    data: str = "liver",
    *,
    runs_dir: str | PathLike[str] = "runs",
    name: str | None = None,
    config: str | PathLike[str] | None = None,
    progress: bool = True,
    **options: Any,
) -> Run:
    """Train a model on a dataset, as `survembed train` does.

    Parameters
    ----------
    model, data
        Names of a model and a dataset, built in or of a plugin.
    runs_dir
        Folder of all runs; the new run becomes the latest one in it.
    name
        Part of the run's id.
    config
        A TOML file with options, or a run whose options are used; `options` go before it.
    progress
        Whether to write progress and messages on stderr.
    options
        Options of training, model, head, dataset and division by name, as for the command line: `updates=300`,
        `tau=0.2`, `root="STUDY"`, `seed=1`. The section is only needed for a name that two of them share:
        `split__seed=1` is `split.seed`.

    Returns
    -------
    Run
        The finished run. After Ctrl-C it has the best weights so far.

    Raises
    ------
    UsageError
        When an option is unknown, belongs to several sections, or is out of range.
    DataError
        When the data cannot be read or divided.

    Examples
    --------
    >>> import survembed
    >>> run = survembed.train("coxvae", "surv-digits", tau=0.2, updates=20, progress=False)
    >>> run.status
    'finished'
    """
    flags = {
        _key(option, model, data, options): Setting(value, "argument", option) for option, value in options.items()
    }
    settings = Settings.gather(config=Path(config) if config else None, flags=flags, command="survembed.train")
    chosen = TrainConfig.from_settings(settings, model, Setting(data, "argument"))
    return training.train(chosen, runs_dir=Path(runs_dir), name=name, reporter=_reporter(progress))


def embed(
    run: AnyRun = None, *, runs_dir: str | PathLike[str] = "runs", device: str = "auto", progress: bool = True
) -> Latents:
    """The latents of the whole cohort of a run; up-to-date latents are read from the run.

    Returns
    -------
    Latents
        `z` (n, L) with `id`, `duration`, `event`, `log_hazard` and `split` of each subject.

    Examples
    --------
    >>> latents = survembed.embed(run, progress=False)
    >>> latents.z.shape
    (1797, 8)
    """
    return embedding.embed(find_run(run, runs_dir), device=device, reporter=_reporter(progress))


def evaluate(
    run: AnyRun = None,
    downstream: Sequence[str] | Mapping[str, Component] = DOWNSTREAM,
    *,
    runs_dir: str | PathLike[str] = "runs",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> evaluation.Evaluation:
    """Fit survival models on the latents of the development set of a run, and score them on its test set.

    Parameters
    ----------
    downstream
        Names of survival models; or configured components by name, such as `{"rsf": RSF(n_estimators=50)}`.
    n_resamples, seed
        Of the bootstrap, which gives the intervals.

    Examples
    --------
    >>> evaluation = survembed.evaluate(run, ["coxph"], n_resamples=50, progress=False)
    >>> [row.column for row in evaluation.rows]
    ['base', 'coxph']
    """
    given = downstream if isinstance(downstream, Mapping) else {name: _downstream(name) for name in downstream}
    return evaluation.evaluate(
        find_run(run, runs_dir),
        list(given.items()),
        n_resamples=n_resamples,
        seed=seed,
        device=device,
        reporter=_reporter(progress),
    )


def traverse(
    run: AnyRun = None,
    dims: Sequence[int] | None = None,
    *,
    runs_dir: str | PathLike[str] = "runs",
    risk: bool = True,
    progress: bool = True,
    **options: Any,
) -> traversing.Traversal:
    """Decode images along latent dimensions, and along the hazard.

    Parameters
    ----------
    dims
        Latent dimensions from 0; all by default.
    risk
        Whether to add the row along the hazard; a model without a head has none.
    options
        `raw`, `start`, `low`, `high`, `n_steps` and `channel` of `survembed.workflows.traverse.traverse`.

    Returns
    -------
    Traversal
        `walks`, each with its images (k, C, *spatial) and hazards. `survembed.figures.traversal.draw_traversal` draws
        it.

    Examples
    --------
    >>> traversal = survembed.traverse(run, [0], n_steps=3, progress=False)
    >>> [walk.name for walk in traversal.walks]
    ['risk', 'z0']
    """
    found = find_run(run, runs_dir, "decode")
    risk = risk and found.can("hazard")
    return traversing.traverse(found, dims, risk=risk, reporter=_reporter(progress), **options)


def predict(
    run: AnyRun = None,
    *,
    runs_dir: str | PathLike[str] = "runs",
    label: str | None = None,
    cause: str | None = None,
    progress: bool = True,
    **files: str | PathLike[str],
) -> prediction.SubjectPrediction:
    """Predict hazard and survival for new subjects.

    Parameters
    ----------
    label
        What a subject without an id is called.
    cause
        Name or number of a competing cause whose log-hazard is given; by default that of any event.
    files
        What the run's dataset needs: `ct=` and `mask=`, `folder=`, `image=` or `table=`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> plt.imsave("digit.png", load_digits().images[0], cmap="gray")
    >>> predicted = survembed.predict(run, image="digit.png", progress=False)
    >>> predicted.log_hazard.shape
    (1,)
    """
    paths = {kind: Path(path) for kind, path in files.items()}
    found = find_run(run, runs_dir, "hazard")
    return prediction.predict(found, paths, label=label, cause=cause, reporter=_reporter(progress))


def find_run(run: AnyRun, runs_dir: str | PathLike[str], ability: str | None = None) -> Run:
    """The finished run that is meant; see `AnyRun`."""
    name = str(run.path) if isinstance(run, Run) else None if run is None else str(run)
    return Runs(Path(runs_dir)).find(name, ability=ability)


def _reporter(progress: bool) -> Reporter:
    return LineReporter() if progress else QUIET


def _downstream(name: str) -> Component:
    return registry.load("downstream", name)()


def _key(option: str, model: str, data: str, options: Mapping[str, Any]) -> str:
    """The dotted key of an option; the top level and the training go before the others, as for the flags."""
    section, dot, rest = option.partition("__")
    if dot:
        return f"{section}.{rest}"
    if option in Common.model_fields:
        return option
    network = registry.load("models", model)
    parts: dict[str, type[Component]] = {"train": TrainOptions, "model": network, "split": SplitOptions}
    parts["data"] = registry.load("datasets", data)
    head = options.get("head") or getattr(network(), "head", None)
    if head:
        parts["head"] = registry.load("heads", str(head))
    found = [f"{part}.{option}" for part, component in parts.items() if option in component.model_fields]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"the option '{option}' is ambiguous",
            where=f"{option}={options[option]!r}",
            expected=" or ".join(key.replace(".", "__") for key in found),
        )
    return f"model.{option}"  # refused there, with the nearest name
