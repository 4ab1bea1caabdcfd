"""Folders of pictures with a clinical table, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from survembed.datasets import Images

Pixels = NDArray[np.uint8]


def grey(seed: int, height: int = 12, width: int = 10) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def table(ids: list[str], extra: dict[str, list[object]] | None = None, id_column: str = "id") -> str:
    columns: dict[str, list[object]] = {
        id_column: list(ids),
        "time_days": [100 + 37 * (number % 7) for number in range(len(ids))],
        "event": [int(number % 3 != 0) for number in range(len(ids))],
        **(extra or {}),
    }
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return "\n".join(rows) + "\n"


def write_pictures(root: Path, n: int = 6) -> Path:
    """Pictures s0.png, s1.png, … of 12 × 10 grey pixels, seeded by their number, and their table."""
    root.mkdir()
    for number in range(n):
        Image.fromarray(grey(number)).save(root / f"s{number}.png")
    (root / "clinical.csv").write_text(table([f"s{number}" for number in range(n)]))
    return root


def images(root: Path, **options: object) -> Images:
    return Images.model_validate({"root": root, **options})


def write_several(root: Path, n: int) -> Path:
    """Subjects p00, p01, … with two pictures each, in a table with a row for each picture."""
    root.mkdir()
    lines = ["patient_id,time_days,event,file"]
    for number in range(n):
        for view in range(2):
            name = f"p{number:02d}-{view}.png"
            Image.fromarray(grey(2 * number + view)).save(root / name)
            lines.append(f"p{number:02d},{100 + 7 * number},{int(number % 3 != 0)},{name}")
    (root / "clinical.csv").write_text("\n".join(lines) + "\n")
    return root
