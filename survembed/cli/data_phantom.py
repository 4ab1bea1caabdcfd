"""`survembed data phantom`: write a synthetic CT cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survembed.cli.console import show_facts, show_json
from survembed.cli.shared_options import LARGEST_SEED, AsJson


def phantom(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder; must be empty or new.")],
    n_subjects: Annotated[
        int, typer.Option("--n-subjects", "--n", min=2, max=100_000, help="Number of subjects.")
    ] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed.")] = 0,
    effect: Annotated[
        float, typer.Option("--effect", min=0, max=10, help="Standard deviation of the true log-hazard.")
    ] = 1.0,
    age_effect: Annotated[
        float, typer.Option("--age-effect", min=-5, max=5, help="Log hazard ratio of ten years of age, such as 0.7.")
    ] = 0.0,
    stage_effect: Annotated[
        float, typer.Option("--stage-effect", min=-5, max=5, help="Log hazard ratio of stage III, such as -0.5.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Write a synthetic cohort: CT images and masks as NIfTI, and a table with the outcomes and true hazards."""
    from survembed.cli.reporter import reporter
    from survembed.workflows.phantom import phantom

    clinical = {"age_effect": age_effect, "stage_effect": stage_effect}
    phantom(folder, n_subjects=n_subjects, seed=seed, effect=effect, reporter=reporter(), **clinical)
    facts = {"data": "synthetic liver phantom", "path": folder, "subjects": n_subjects, "seed": seed, "effect": effect}
    facts |= clinical if any(clinical.values()) else {}
    show_json(facts) if as_json else show_facts(facts)
