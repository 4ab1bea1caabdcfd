"""Division of a cohort into training, validation and test part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.groups import MISSING, groups_of, require_covariates
from survembed.cohort.subjects import SPLITS, Subjects
from survembed.errors import DataError, RunError
from survembed.training.options import SplitOptions

LARGEST_VALIDATION = 2000
"""Largest validation part: more subjects make the choice of weights slower, not better."""

BY = "--set split.by="
"""The option that names a covariate, for errors."""

Parts = dict[str, NDArray[np.int64]]


def strata(duration: NDArray[np.float64], event: NDArray[np.bool_], n_bins: int = 4) -> NDArray[np.int64]:
    """A label (n,) for each subject: event or censored, and within each the quantile of the duration."""
    labels = np.zeros(len(duration), dtype=np.int64)
    for kind in (False, True):
        chosen = event == kind
        if chosen.any():
            order = duration[chosen].argsort(kind="stable").argsort(kind="stable")
            labels[chosen] = order * n_bins // chosen.sum() + n_bins * kind
    return labels


def hold_out(
    subjects: Subjects, index: NDArray[np.int64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide the subjects at `index` into the rest and `count` held out, each stratum giving its share.

    Strata are those of the subjects at `index` alone: the outcomes of all others, such as those of a test part, have no
    effect. Subjects are shuffled within strata and spread evenly over [0, 1); the first `count` are held out, so that
    the share of each stratum is exact to one subject.
    """
    labels = strata(subjects.duration[index], subjects.event[index])
    place = np.empty(len(index))
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    order = place.argsort(kind="stable")
    return np.sort(index[order[count:]]), np.sort(index[order[:count]])


def fold_of(
    duration: NDArray[np.float64], event: NDArray[np.bool_], n_folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The fold (n,) of each subject, 0 to n_folds − 1; sizes, and numbers of events, differ by one at most.

    Subjects are sorted by event and duration; each `n_folds` neighbours get a random permutation of the folds, so that
    folds have similar durations. With fewer events than folds, some folds have none.
    """
    by_outcome = np.lexsort((rng.random(len(duration)), duration, ~event))
    n_rounds = -(-len(duration) // n_folds)
    dealt = np.concatenate([rng.permutation(n_folds) for _ in range(n_rounds)])
    fold = np.empty(len(duration), dtype=np.int64)
    fold[by_outcome] = dealt[: len(duration)]
    return fold


def split(subjects: Subjects, options: SplitOptions) -> Parts:
    """Positions of the `train`, `validation` and `test` part, each increasing.

    With `options.folds` the test part is one fold of so many, stratified by event and duration; folds with the same
    seed and repeat are disjoint and hold every subject once. An official split is then ignored. Without folds an
    official split is kept; a missing validation part is taken from its training part. Otherwise the test part is a
    stratified sample. With `options.by` the test part is one group of a covariate instead. The validation part is a
    stratified sample of the subjects outside the test part, whose outcomes
    alone form its strata. A row is a subject, so no subject is in two parts.

    Parameters
    ----------
    subjects
        The cohort's table.
    options
        Shares, folds and seed.

    Raises
    ------
    DataError
        When the training part has fewer than two subjects or no event, or there are more folds than subjects.
    """
    rng = np.random.default_rng([options.seed, options.repeat] if options.repeat else options.seed)
    everyone = np.arange(len(subjects))
    parts: Parts = dict.fromkeys(SPLITS, everyone[:0])
    if options.by is None and options.folds > len(subjects):
        raise DataError(f"{options.folds} folds for {len(subjects)} subjects", where="split.folds")
    if options.by is not None:
        left_out = list(groups_to_leave_out(subjects, options.by).values())
        if options.fold >= len(left_out):
            raise DataError(
                f"no fold {options.fold}: '{options.by}' has {len(left_out)} groups",
                where=f"split.fold = {options.fold}",
                expected=f"0 to {len(left_out) - 1}",
            )
        in_test = left_out[options.fold]
        parts["train"], parts["test"] = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    elif options.folds:
        in_test = fold_of(subjects.duration, subjects.event, options.folds, rng) == options.fold
        parts["train"], parts["test"] = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    elif subjects.split is not None:
        parts |= {name: np.flatnonzero(subjects.split == name) for name in SPLITS}
    else:
        parts["train"], parts["test"] = hold_out(subjects, everyone, round(options.test * len(everyone)), rng)
    if len(parts["validation"]) == 0:
        rest = parts["train"]
        count = min(round(options.validation * len(rest)), LARGEST_VALIDATION)
        parts["train"], parts["validation"] = hold_out(subjects, rest, count, rng)
    train = parts["train"]
    if len(train) < 2 or not subjects.event[train].any():
        raise DataError(
            f"the training part has {len(train)} subjects and {int(subjects.event[train].sum())} events",
            where="split",
            expected="two subjects or more, one with an event",
            try_="--set split.test=0.1, or fewer folds",
        )
    return parts


def groups_to_leave_out(subjects: Subjects, by: str) -> dict[str, NDArray[np.bool_]]:
    """Masks (n,) of the groups of a covariate, each of which is the test part in turn.

    Raises
    ------
    UsageError
        When there is no such covariate, or it cannot be divided into groups.
    DataError
        When a subject has no value, or there is one group only.
    """
    require_covariates([by], subjects.covariates, BY)
    groups = groups_of(by, subjects.covariates[by], BY)
    if MISSING in groups or len(groups) < 2:
        n = int(groups[MISSING].sum()) if MISSING in groups else 0
        raise DataError(
            f"{n} subjects have no '{by}'" if n else f"all subjects have the same '{by}': nothing can be left out",
            where=f"{BY}{by}",
            expected="two groups or more, and one for each subject",
        )
    return groups


def as_ids(parts: Parts, subjects: Subjects) -> dict[str, list[str]]:
    """The split as subject ids, for `split.json`."""
    return {name: subjects.id[index].tolist() for name, index in parts.items()}


def from_ids(ids: dict[str, Any], subjects: Subjects) -> Parts:
    """The inverse of `as_ids`.

    Raises
    ------
    RunError
        When the ids are not those of the subjects, each in one part.
    """
    try:
        listed = [subject for name in SPLITS for subject in ids[name]]
        if len(listed) == len(set(listed)) == len(subjects):
            position = {subject: index for index, subject in enumerate(subjects.id.tolist())}
            return {name: np.array([position[subject] for subject in ids[name]], dtype=np.int64) for name in SPLITS}
    except (KeyError, TypeError):
        pass
    raise RunError(
        "the split does not divide the subjects of the cohort",
        where="split.json",
        expected=f"each of {len(subjects)} subjects in one of {', '.join(SPLITS)}",
        try_="train again",
    )
