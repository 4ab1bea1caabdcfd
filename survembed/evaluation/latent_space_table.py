"""Latent spaces of the models of a sweep side by side: means over runs, and against the plain VAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from survembed.evaluation.latent_space import LatentSpace
from survembed.storage.result import Result


@dataclass(frozen=True)
class MeanLatentSpace(Result):
    """Means over the runs of one model; see `LatentSpace`.

    Attributes
    ----------
    explained
        By channel.
    of_vae
        `explained` as a share of that of the plain VAE in the sweep, by channel; empty without one, or for the VAE.
    active_units, effective_dimensions, reencoding_slope
        NaN where no run has the number.
    n_runs
        Runs behind the means.
    """

    explained: Mapping[str, float]
    of_vae: Mapping[str, float]
    active_units: float
    effective_dimensions: float
    reencoding_slope: float
    n_runs: int


def mean_latent_spaces(spaces: Mapping[str, Sequence[LatentSpace]]) -> dict[str, MeanLatentSpace]:
    """Means by row of Table 1; the plain VAE is the row `vae`."""
    explained = {row: _mean_explained(each) for row, each in spaces.items() if each}
    of_vae = explained.get("vae", {})
    return {
        row: MeanLatentSpace(
            explained[row],
            {name: value / of_vae[name] for name, value in explained[row].items() if of_vae.get(name, 0) > 0}
            if row != "vae"
            else {},
            float(np.mean([space.active_units for space in each])),
            float(np.mean([space.effective_dimensions for space in each])),
            float(np.mean([space.reencoding_slope for space in each])),
            len(each),
        )
        for row, each in spaces.items()
        if each
    }


def latent_space_table(spaces: Mapping[str, MeanLatentSpace]) -> tuple[list[str], list[list[object]]]:
    """Columns and rows for the terminal."""
    channels = list(dict.fromkeys(name for space in spaces.values() for name in space.explained))
    columns = ["model", *(f"explained, {name}" for name in channels), "active", "effective", "re-encoding", "runs"]
    return columns, [
        [
            row,
            *(_share(space, name) for name in channels),
            *(f"{space.active_units:.3g}", f"{space.effective_dimensions:.1f}"),
            "" if np.isnan(space.reencoding_slope) else f"{space.reencoding_slope:.2f}",
            str(space.n_runs),
        ]
        for row, space in spaces.items()
    ]


def _share(space: MeanLatentSpace, name: str) -> str:
    if name not in space.explained:
        return ""
    share = f" ({space.of_vae[name]:.0%} of the VAE)" if name in space.of_vae else ""
    return f"{space.explained[name]:z.3f}{share}"


def _mean_explained(spaces: Sequence[LatentSpace]) -> dict[str, float]:
    return {name: float(np.mean([space.explained[name] for space in spaces])) for name in spaces[0].explained}
