"""A small table, and how to write it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FRAME = pd.DataFrame({"id": ["007", "8", "x 9"], "time": ["1", "2.5", "0"], "event": ["1", "0", "1"]})


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path
