"""`--init RUN`: start a training from the encoder and decoder of another run, and record what was taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from survembed.cohort.cohort import Cohort
from survembed.errors import RunError
from survembed.models.base import Model
from survembed.progress import Reporter
from survembed.runs.configuration import TrainConfig
from survembed.runs.other_cohort import known_subjects
from survembed.runs.run import Run, Runs
from survembed.storage.tensors import read_tensors
from survembed.training.pretrained import take_weights
from survembed.training.split import Parts

NAMED = 4
"""Layers that are named among those not taken."""


def take_initial_weights(
    config: TrainConfig, runs_dir: Path, model: Model, cohort: Cohort, parts: Parts, reporter: Reporter
) -> dict[str, Any]:
    """Copy what fits of the run `train.init` into `model`; say what is taken and what is not.

    Returns
    -------
    dict
        For `run.json`: run, model, sha256 of its weights, layers taken, and reason by layer not taken.

    Raises
    ------
    RunError
        When there is no such finished run, its weights cannot be read, no layer of the encoder fits, or it has learnt
        outcomes of test subjects.
    """
    run = _found(config.train.init, runs_dir)
    _require_unseen(run, cohort, parts, reporter)
    path = run.path / "model.safetensors"
    try:
        weights = read_tensors(path)[0]
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(
            f"the weights of run {run.id} cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            try_="restore the file from a copy, or train that run again",
        ) from error
    taken = take_weights(model, weights)
    if not taken.encoder:
        layer, reason = next(iter(taken.left.items()))
        raise RunError(
            f"no layer of the encoder of run {run.id} fits this model: {layer} has {reason}",
            where=f"train.init = {config.train.init}",
            expected="a run with images of as many axes, and the same network",
            try_=_network_of(run, config) or "a run on the same kind of images",
        )
    left = [f"{name} ({reason})" for name, reason in taken.left.items()]
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    reporter.say(
        f"the training starts from run {run.id}, a {run.model}: layers taken: {taken.parts}"
        + (f"; not taken: {', '.join(left[:NAMED])}{more}" if left else "")
    )
    there = [channel["name"] for channel in run.record["cohort"]["header"]["channels"]]
    here = [channel.name for channel in cohort.channels]
    if there != here:
        reporter.warn(f"run {run.id} was trained on the channels {', '.join(there)}; here they are {', '.join(here)}")
    record = {"run": run.id, "model": run.model, "dataset": run.dataset, "weights": run.weights_hash()}
    return {**record, "layers": list(taken.layers), "left": taken.left}


def _found(name: str, runs_dir: Path) -> Run:
    try:
        return Runs(runs_dir).find(name)
    except RunError as error:  # it speaks of --run
        remedy = (error.try_ or "").replace("--run ", "--init ") or None
        raise RunError(error.message, where=f"train.init = {name}", expected=error.expected, try_=remedy) from error


def _require_unseen(run: Run, cohort: Cohort, parts: Parts, reporter: Reporter) -> None:
    """Refuse a run that has learnt outcomes of test subjects; warn of one that has seen their images."""
    held_out = set(run.read("split.json")["test"]) if (run.path / "split.json").is_file() else set()
    test = set(cohort.subjects.id[parts["test"]].tolist())
    try:
        known = known_subjects(run, cohort, reporter)
    except RunError as error:  # its own data have changed, and it keeps no hashes of them
        reporter.warn(f"run {run.id} may have seen subjects of the test part: {error.message}")
        return
    seen = [subject for subject in known if subject in test and subject not in held_out]
    if not seen:
        return
    if run.can("hazard"):
        raise RunError(
            f"run {run.id} has learnt the outcomes of {len(seen)} subject(s) of the test part: scores on them would be "
            "too good",
            where="train.init",
            expected="a run on other subjects, with the same split, or without a head",
            try_="survembed train vae, whose run knows no outcomes",
        )
    reporter.warn(f"run {run.id} has seen the images, not the outcomes, of {len(seen)} subject(s) of the test part")


def _network_of(run: Run, config: TrainConfig) -> str:
    """Options that give the model the network of `run`, where they differ; empty if none does."""
    other, own = run.read("config.json")["model"], config.model.to_dict()
    names = [name for name in ("width", "patch", "blocks", "norm") if name in other and name in own]
    return " ".join(f"--set model.{name}={other[name]}" for name in names if other[name] != own[name])
