"""Runs as rows of a table, with options and stored scores; rows can be selected and sorted. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from survembed.errors import DataError, RunError, UsageError, corrected, nearest
from survembed.runs.command import text_of
from survembed.runs.run import SCORES, Run
from survembed.storage.files import read_json

SECTIONS = ("data", "model", "head", "train", "split")
OUTCOME = ("end", "updates", "best_update", "best_objective", "rule", "precision", "seconds")


def row_of(run: Run) -> dict[str, Any]:
    """What a table shows of a run.

    `harrell_c` and `ibs` are those that `survembed evaluate` stored last, of the survival model `scored`: the run's own
    head, or the first downstream model that could be fitted. They are None for a run that was not evaluated.
    """
    outcome = run.record.get("outcome") or {}
    return {
        "id": run.id,
        "status": run.status,
        "model": run.model,
        "tau": options_of(run).get("model.tau"),
        "seed": run.record.get("seed"),
        "dataset": run.dataset,
        "subjects": run.record["cohort"].get("subjects"),
        "created": run.record["created"],
        **_scores(run),
        **{name: outcome.get(name) for name in OUTCOME},
    }


def options_of(run: Run) -> dict[str, Any]:
    """Options of a run by dotted key; none where its configuration is damaged."""
    with suppress(RunError, AttributeError, TypeError):
        config = run.read("config.json")
        flat = {f"{part}.{name}": value for part in SECTIONS for name, value in (config.get(part) or {}).items()}
        return {"seed": config.get("seed"), "device": config.get("device"), **flat}
    return {}


def select(runs: Iterable[Run], conditions: Sequence[str] = (), where: str = "--where") -> list[Run]:
    """The runs that meet all conditions, in their order.

    Parameters
    ----------
    conditions
        `KEY=VALUE` each, with a column of `row_of` or the dotted key of an option: `model=coxvae`,
        `train.updates=300`. Numbers are equal if their values are; an empty value stands for none.
    where
        Text that the user typed, for errors.

    Raises
    ------
    UsageError
        When a condition has no `=`, or its key is neither a column nor an option of any run.
    """
    kept = [(run, {**options_of(run), **row_of(run)}) for run in runs]
    for condition in conditions:
        key, equals, value = condition.partition("=")
        if not equals:
            raise UsageError(f"'{condition}' has no value", where=where, expected="KEY=VALUE, such as model=coxvae")
        if kept:
            _require_key(key, {key for _, values in kept for key in values}, where)
        kept = [(run, values) for run, values in kept if _equal(values.get(key), value)]
    return [run for run, _ in kept]


def ordered(rows: Sequence[dict[str, Any]], key: str, reverse: bool, where: str = "--sort") -> list[dict[str, Any]]:
    """Rows by the values of a column, from low to high; those without a value last in either order.

    Raises
    ------
    UsageError
        When there is no such column.
    """
    if not rows:
        return []
    _require_key(key, rows[0], where)
    known = sorted((row for row in rows if row[key] is not None), key=lambda row: row[key], reverse=reverse)
    return [*known, *(row for row in rows if row[key] is None)]


def _scores(run: Run) -> dict[str, Any]:
    none: dict[str, Any] = {"scored": None, "harrell_c": None, "ibs": None}
    with suppress(DataError, KeyError, TypeError, AttributeError):
        for row in read_json(run.path / SCORES)["rows"]:
            if row["harrell_c"]["value"] is not None:
                ibs: Mapping[str, Any] = row["ibs"]
                return {"scored": row["name"], "harrell_c": row["harrell_c"]["value"], "ibs": ibs["value"]}
    return none


def _equal(value: Any, text: str) -> bool:
    if isinstance(value, float | int) and not isinstance(value, bool):
        with suppress(ValueError):
            return float(value) == float(text)
    return text_of(value) == text


def _require_key(key: str, known: Iterable[str], where: str) -> None:
    names = sorted(known)
    if key not in names:
        close = nearest(key, names)
        columns = ", ".join(name for name in names if "." not in name)
        raise UsageError(
            f"no column '{key}'",
            where=where,
            expected=f"one of {columns}" + (", or an option such as train.updates" if len(names) > 25 else ""),
            try_=corrected(where, key, close) if close else None,
        )
