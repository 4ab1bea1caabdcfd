"""`survembed data phantom`: a synthetic cohort of CTs as real files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survembed.cli.common import AsJson
from survembed.cli.console import show_facts, show_json


def phantom(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or not there yet.")],
    n_subjects: Annotated[int, typer.Option("--n-subjects", "--n", min=2, max=100_000, help="How many.")] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all chance.")] = 0,
    effect: Annotated[
        float, typer.Option("--effect", min=0, max=10, help="Standard deviation of the true log-hazard.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Write a synthetic cohort: NIfTI files as scanners and segmenters write them, and a table with the truth."""
    from survembed.cli.reporter import reporter
    from survembed.workflows.phantom import phantom

    phantom(folder, n_subjects=n_subjects, seed=seed, effect=effect, reporter=reporter())
    facts = {"data": "synthetic liver phantom", "path": folder, "subjects": n_subjects, "seed": seed, "effect": effect}
    show_json(facts) if as_json else show_facts(facts)
