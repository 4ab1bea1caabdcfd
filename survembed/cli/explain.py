"""`survembed explain SUBJECT`: what raises the hazard of one subject."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.common import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, chosen_run
from survembed.cli.console import say, show_facts, show_json, show_lines, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survembed.workflows.explain import Explanation


def explain(
    subject: Annotated[str, typer.Argument(help="Id of a subject of the run's cohort.")],
    low: Annotated[float, typer.Option("--low", help="Lowest step, in standard deviations of the log-hazard.")] = -2.0,
    high: Annotated[float, typer.Option("--high", help="Highest step.")] = 2.0,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Number of steps; the subject itself is added.")] = 5,
    nifti: Annotated[
        bool, typer.Option("--nifti", help="Write each step as volumes on the subject's own anatomy, too.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the files; in the run's own where not given.")
    ] = None,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Show a subject at lower and at higher risk: its own image, moved along the hazard."""
    chosen = chosen_run(run, runs_dir, "decode")

    from survembed.cli.reporter import reporter
    from survembed.figures.explain import draw_explanation
    from survembed.workflows.explain import explain as work
    from survembed.workflows.explain import save_numbers, save_volumes

    explanation = work(chosen, subject, low=low, high=high, n_steps=steps, reporter=reporter())
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", subject).lstrip(".") or "subject"
    folder = out or chosen.path / "explanations" / name
    volumes = save_volumes(explanation, folder) if nifti else []
    files = [*draw_explanation(explanation, folder / "explanation.png"), save_numbers(explanation, folder)]
    if as_json:
        show_json({**explanation.to_dict(), "files": [*files, *volumes]})
    else:
        show_explanation(explanation, files)
        if volumes:
            say(f"{len(volumes)} volumes in {folder}")


def show_explanation(explanation: Explanation, files: Sequence[Path]) -> None:
    """Hazard ratio and volumes at each step, and the paths of the files."""
    from math import exp

    from survembed.cohort.captions import DISCLAIMER, data_name

    data = data_name(explanation.header.title, explanation.header.synthetic)
    show_facts({"data": data, "subject": explanation.subject})
    volumes = list(explanation.walked_ml)
    columns = ["step", "hazard ratio"]
    columns += [f"{name} ml{of}" for of in ("", " above one half", ", decoded") for name in volumes]
    rows = [
        [
            float(step),
            exp(explanation.log_hazard_ratio[number]),
            *(
                float(of[name][number])
                for of in (explanation.walked_ml, explanation.walked_above_half_ml, explanation.decoded_ml)
                for name in volumes
            ),
        ]
        for number, step in enumerate(explanation.steps)
    ]
    show_table(columns, rows)
    show_lines(files)
    say(DISCLAIMER)
