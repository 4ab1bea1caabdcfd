"""Predictions as a table in CSV or Parquet, from which every score can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.errors import UsageError
from survembed.evaluation.predictions import Positions, PredictedCohort, Predictions
from survembed.storage.files import replacing

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".parquet")


def check_format(path: Path) -> None:
    """Refuse a file name of another format.

    Raises
    ------
    UsageError
        When it ends in neither `.csv` nor `.parquet`.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"predictions cannot be written to {path.name}: unknown format",
            where=f"--predictions {path}",
            expected="a file name that ends in .csv or .parquet",
            try_=f"--predictions {path.with_suffix('.csv') if path.name else 'predictions.csv'}",
        )


def write_table(path: Path, cohort: PredictedCohort, predictions: Sequence[Predictions]) -> None:
    """Write `prediction_table` to `path`, whole or not at all; the suffix gives the format.

    Raises
    ------
    UsageError
        When it ends in neither `.csv` nor `.parquet`.
    DataError
        When the file cannot be written.
    """
    check_format(path)
    table = prediction_table(cohort, predictions)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)


def prediction_table(cohort: PredictedCohort, predictions: Sequence[Predictions]) -> pd.DataFrame:
    """One row for each test subject and model, and one for each development subject of a fold.

    Returns
    -------
    Columns `id`, `part`, `features`, `model`, `repeat`, `fold`, `seed`, `duration`, `event`, `risk` (higher = worse)
    and `S_<t>`, the predicted survival function on the common times; of a model that tells competing causes apart also
    `risk_<cause>` and `F_<cause>_<t>`, the cumulative incidence. Rows with `part` = `development` serve to estimate
    the censoring distribution for the Brier score and Uno's C; their columns of a model are empty.
    """
    import pandas as pd

    divisions = {(each.division.repeat, each.division.fold): each.division for each in predictions}
    frames = []
    for division in divisions.values():
        frame = _subjects(cohort, division.development, "development")
        frames.append(frame.assign(repeat=division.repeat, fold=division.fold))
    for each in predictions:
        frame = _subjects(cohort, each.division.test, "test")
        names = ("features", "model", "repeat", "fold", "seed")
        curves = {f"S_{time!r}": column for time, column in zip(cohort.times.tolist(), each.survival.T, strict=True)}
        for cause, risk, incidence in each.causes:
            curves[f"risk_{cause}"] = risk
            curves |= {
                f"F_{cause}_{time!r}": column for time, column in zip(cohort.times.tolist(), incidence.T, strict=True)
            }
        values = {**dict(zip(names, each.storage_key, strict=True)), "risk": each.risk, **curves}
        frames.append(pd.concat([frame, pd.DataFrame(values, index=frame.index)], axis=1))
    table = pd.concat(frames, ignore_index=True)
    first = ["id", "part", "features", "model", "repeat", "fold", "seed", "duration", "event", "risk"]
    return table[[*first, *(name for name in table.columns if name not in first)]].astype({"seed": "Int64"})


def _subjects(cohort: PredictedCohort, positions: Positions, part: str) -> pd.DataFrame:
    import pandas as pd

    duration, event, *_ = cohort.part(positions)
    return pd.DataFrame({"id": cohort.id[positions], "part": part, "duration": duration, "event": event})
