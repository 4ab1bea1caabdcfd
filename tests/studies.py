"""Small studies on disk, for datasets of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.datasets.cases import affine_of, anatomy, write_case


def write_study(folder: Path, n: int = 28) -> Path:
    """CTs whose tumour grows from subject to subject."""
    for number in range(n):
        hu, labels = anatomy((30, 28, 24), seed=number)
        labels[labels == 2] = 1
        x, y, z = np.indices(labels.shape) - np.array([19, 15, 9]).reshape(3, 1, 1, 1)
        labels[(x**2 + y**2 + z**2 < (1.5 + number / 7) ** 2) & (labels > 0)] = 2
        write_case(folder, hu, labels, affine_of((4.0, 4.0, 5.0), (number, -30.0, 7.0)), name=f"s{number:02d}")
    rows = [f"s{number:02d},{900 - 30 * number + 7 * (number % 5)},{int(number % 6 > 0)}" for number in range(n)]
    (folder / "clinical.csv").write_text("\n".join(["case_id,time_days,event", *rows]) + "\n")
    return folder


def write_rows(path: Path, n: int = 60) -> Path:
    rng = np.random.default_rng(0)
    age, grade = rng.normal(60, 9, n), rng.choice(["high", "low", "mid"], n)
    days = np.ceil(rng.exponential(900 * np.exp(-(age - 60) / 9)))
    lines = [f"p{i},{age[i]:.4f},{grade[i]},{days[i]:.0f},{int(i % 5 > 0)}" for i in range(n)]
    path.write_text("\n".join(["id,age,grade,time,event", *lines]) + "\n")
    return path


def write_hospital(
    folder: Path, n: int, seed: int, *, days: float = 900.0, offset: int = 0, noise: float = 0.0
) -> Path:
    """CTs whose tumour decides the hazard: log-hazard 1.2 per SD of the radius; `days` is its time scale."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(1.5, 5.5, n)
    for number in range(n):
        hu, labels = anatomy((30, 28, 24), seed=1000 * seed + number)
        labels[labels == 2] = 1
        x, y, z = np.indices(labels.shape) - np.array([19, 15, 9]).reshape(3, 1, 1, 1)
        labels[(x**2 + y**2 + z**2 < radius[number] ** 2) & (labels > 0)] = 2
        hu = (hu + offset + rng.normal(0, noise, hu.shape)).astype(np.int16)
        write_case(folder, hu, labels, affine_of((4.0, 4.0, 5.0), (number, -30.0, 7.0)), name=f"s{number:02d}")
    time = rng.exponential(days * np.exp(-1.2 * (radius - 3.5) / radius.std()))
    censoring = rng.exponential(4 * days, n)
    sex, centre = rng.choice(["f", "m"], n), rng.choice(["north", "south", "west"], n)
    rows = [
        f"s{i:02d},{min(time[i], censoring[i]) + 0.5:.4f},{int(time[i] <= censoring[i])},{sex[i]},{centre[i]}"
        for i in range(n)
    ]
    (folder / "clinical.csv").write_text("\n".join(["case_id,time_days,event,sex,centre", *rows]) + "\n")
    return folder
