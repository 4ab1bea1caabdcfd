"""Sentences on sample size, missing values, groups of subjects and other cohorts, from the files of a run."""

from __future__ import annotations

import math
from typing import Any

from survembed.errors import DataError
from survembed.runs.embedding import encoder_of_run
from survembed.runs.other_cohort import FOLDER
from survembed.runs.run import Run
from survembed.storage.files import read_json
from survembed.survival.sample_size import sample_size


def external_sentences(run: Run) -> tuple[str, ...]:
    """One sentence for each evaluation on another cohort that the run keeps."""
    sentences = []
    for path in sorted((run.path / FOLDER).glob("metrics-*.json")):
        try:
            found = read_json(path)
            first, cohort = found["rows"][0], found["cohort"]
            kind = "synthetic cohort" if found["synthetic"] else "cohort"
            sentences.append(
                f"External evaluation on the {kind} '{found['title']}' ({cohort['n']} subjects, {cohort['n_events']} "
                f"events): {first['name']} has Harrell's C {_text(first['harrell_c'])}, IBS {_text(first['ibs'])}, "
                f"log(observed / expected) {_text(first['calibration_in_the_large'])}, calibration slope "
                f"{_text(first['calibration_slope'])}."
            )
        except (DataError, KeyError, IndexError, TypeError):
            continue
    return tuple(sentences)


def group_sentences(run: Run) -> tuple[str, ...]:
    """One sentence for each group of test subjects in the last `survembed evaluate --by` of the run."""
    try:
        groups = read_json(run.path / "metrics.json")["groups"]
        return tuple(
            f"{each['by']} {each['group']} ({each['n']} subjects, {each['n_events']} events): {each['model']} has "
            f"Harrell's C {_text(each['scores']['harrell_c'])}."
            for each in groups
        )
    except (DataError, KeyError, TypeError):
        return ()


def predictors_sentence(run: Run) -> str:
    """What the model knows of a subject: images, and the covariates with their encoding and reference."""
    images = "Columns" if len(run.record["cohort"]["header"]["shape"]) == 1 else "Images"
    encoder = encoder_of_run(run)
    if encoder is None:
        return f"{images} only; the model uses no other data of a subject."
    columns = ". ".join(column.description for column in encoder.columns)
    left_out = "".join(f" Left out: {name}, {reason}." for name, reason in encoder.left_out.items())
    return (
        f"{images} and clinical covariates, encoded by the training part alone: {columns}.{left_out} The model uses no "
        "other data of a subject."
    )


def sample_size_sentence(
    n: int,
    n_events: int,
    person_time: float,
    horizon: float,
    latent_dim: int,
    n_covariates: int,
    parameters: int,
    unit: str,
) -> str:
    """Events per parameter of the development set, and the criteria of Riley and others."""
    if not n_events or not person_time > 0:
        return ""
    n_weights = latent_dim + n_covariates
    head = sample_size(n, n_events, n_weights, person_time, horizon)
    met = "both are met" if head.needed <= n else "not met"
    weights = f"{latent_dim} latent dimensions" + (f" and {n_covariates} encoded covariates" if n_covariates else "")
    return (
        f"Development set: {n} subjects, {n_events} events, {head.per_parameter:.3g} events for each of the "
        f"{weights}, and {n_events / parameters:.2g} for each of the {parameters:,} parameters "
        f"of the network. Criteria of Riley and others (2019, 2020) for {n_weights} parameters, as if the latents "
        f"were given, with an anticipated R² of {head.r2:.3f} (15 % of the largest possible): "
        f"{head.for_shrinkage} subjects for a shrinkage of 0.9, {head.for_optimism} for an optimism of at most "
        f"0.05; {met}. The overall risk at {horizon:.4g} {unit} is known to ± {head.margin:.3f} (0.05 is wanted). "
        "The criteria do not cover the learning of the latents."
    )


def missing_sentence(table: dict[str, Any]) -> str:
    """Clinical columns with missing values, as far as the table of participants shows them."""
    names = [str(row[0]).removesuffix(": missing") for row in table["rows"] if "missing" in " ".join(map(str, row))]
    if not names:
        return "No clinical column in the table of participants has a missing value."
    return f"Clinical columns with missing values, described in the table of participants: {', '.join(names)}."


def _text(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return f"none ({metric.get('reason', 'undefined')})"
    known = metric["low"] is not None and math.isfinite(metric["low"])
    return f"{metric['value']:.3f}" + (f" ({metric['low']:.3f} to {metric['high']:.3f})" if known else "")
