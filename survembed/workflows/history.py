"""Learning curves of a run, from its `metrics.jsonl`."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from survembed.errors import RunError
from survembed.runs.run import Run
from survembed.storage.result import Result
from survembed.survival.outcome import Float

SHARE = "share_"


@dataclass(frozen=True)
class History(Result):
    """Learning curves.

    Attributes
    ----------
    update
        (k,) updates at which the loss was measured.
    train, validation
        Each (k,) by name: the loss `objective` (validation only) and its unweighted terms, `kl_nats`, `cox`,
        `reconstruction`, …. `train` is of the current batch; `validation` is empty without a validation part.
    explained
        Explained variance of the images of at most 32 validation subjects, (k,) by channel, as in `evaluate` but
        against their own mean image. Empty without a validation part or decoder, and for runs of earlier versions.
    median_correlation
        (k,) median |correlation| between latent dimensions over validation subjects; empty where it is not recorded.
    shares
        Share of each weighted term in the loss of the training batch, (k,) by name, in [0, 1].
    best_update
        Update whose weights were kept.
    end
        `completed`, `stopped early` or `interrupted`.
    """

    update: Float
    train: dict[str, Float]
    validation: dict[str, Float]
    explained: dict[str, Float]
    median_correlation: Float
    shares: dict[str, Float]
    best_update: int
    end: str


def history(run: Run) -> History:
    """The learning curves of a finished run.

    Raises
    ------
    RunError
        When `metrics.jsonl` is missing or damaged.
    """
    path = run.path / "metrics.jsonl"
    run.verify("metrics.jsonl")
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        update = np.array([row["update"] for row in rows], dtype=np.float64)
        train = _columns([row["train"] for row in rows])
        validation = _columns([row["validation"] for row in rows if "validation" in row])
        channels = [channel["name"] for channel in run.record["cohort"]["header"]["channels"]]
        explained = np.array([row["explained"] for row in rows if row.get("explained")], dtype=np.float64).T
        correlation = [row["median_correlation"] for row in rows if "median_correlation" in row]
        outcome = run.record["outcome"]
        best, end = int(outcome["best_update"]), str(outcome["end"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"run {run.id} has no learning curves: {error}", where=str(path), try_="train again") from error
    return History(
        update=update,
        train={name: values for name, values in train.items() if not name.startswith(SHARE)},
        validation={name: values for name, values in validation.items() if not name.startswith(SHARE)},
        explained=dict(zip(channels, explained, strict=False)),
        median_correlation=np.array(correlation, dtype=np.float64),
        shares={name.removeprefix(SHARE): values for name, values in train.items() if name.startswith(SHARE)},
        best_update=best,
        end=end,
    )


def _columns(rows: list[dict[str, float]]) -> dict[str, Float]:
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in (rows[0] if rows else ())}
