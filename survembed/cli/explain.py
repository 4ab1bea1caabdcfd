"""`survembed explain SUBJECT`: image changes that lower and raise the hazard of one subject."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Cause,
    CovariateValues,
    NewCt,
    NewFolder,
    NewImage,
    NewMask,
    OutFolder,
    RunName,
    RunsDir,
    ShownChannel,
    chosen_run,
    finite,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survembed.workflows.explain import Explanation


def explain(
    subject: Annotated[
        str | None, typer.Argument(help="Id of a subject in the cohort of the run; of a new scan its id in the output.")
    ] = None,
    ct: NewCt = None,
    mask: NewMask = None,
    folder: NewFolder = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Folder with new scans in the layout of a study; the subject is one of them."),
    ] = None,
    image: NewImage = None,
    low: Annotated[
        float, typer.Option("--low", callback=finite, help="First step, in standard deviations of the log-hazard.")
    ] = -2.0,
    high: Annotated[
        float, typer.Option("--high", callback=finite, help="Last step, in standard deviations of the log-hazard.")
    ] = 2.0,
    steps: Annotated[
        int, typer.Option("--steps", min=2, max=1000, help="Number of steps; step 0 (the unchanged subject) is added.")
    ] = 5,
    covariates: CovariateValues = None,
    nifti: Annotated[
        bool, typer.Option("--nifti", help="Also write each step as NIfTI volumes in the anatomy of the subject.")
    ] = False,
    out: OutFolder = None,
    cause: Cause = None,
    channel: ShownChannel = None,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Show how the image of a subject, or of a new scan, changes towards lower and higher hazard."""
    chosen = chosen_run(run, runs_dir, "decode")

    from survembed.cli.reporter import reporter
    from survembed.figures.explain import draw_explanation
    from survembed.workflows.explain import explain as work
    from survembed.workflows.explain import save_volumes

    given = {"ct": ct, "mask": mask, "folder": folder, "root": root, "image": image}
    explanation = work(
        chosen,
        subject,
        files={name: path for name, path in given.items() if path is not None},
        low=low,
        high=high,
        n_steps=steps,
        covariates=covariates or (),
        cause=cause,
        channel=channel,
        reporter=reporter(),
    )
    title = "-".join([explanation.subject, *(part for part in (cause, channel) if part)])
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", title).lstrip(".") or "subject"
    folder = out or chosen.path / "explanations" / name
    volumes = save_volumes(explanation, folder) if nifti else []
    files = [*draw_explanation(explanation, folder / "explanation.png"), explanation.save(folder / "explanation.json")]
    if as_json:
        show_json({**explanation.to_dict(), "files": [*files, *volumes]})
    else:
        show_explanation(explanation, files)
        if volumes:
            say(f"{len(volumes)} volumes in {folder}")


def show_explanation(explanation: Explanation, files: Sequence[Path]) -> None:
    """Print hazard ratio and volumes at each step, and the paths of the files."""
    from math import exp

    from survembed.cohort.captions import DISCLAIMER, data_name

    data = data_name(explanation.header.title, explanation.header.synthetic)
    facts = {"data": data, "subject": explanation.subject}
    if explanation.covariates:
        facts["covariates"] = explanation.covariates
    if explanation.covariate_hazard_ratio != 1.0:
        facts["hazard at these covariates"] = f"× {explanation.covariate_hazard_ratio:.3g}, at every step"
    show_facts(facts)
    volumes = list(explanation.walked_ml)
    columns = ["step", "claimed hazard ×", "re-encoded ×"]
    columns += [f"{name} ml{of}" for of in ("", " above 0.5", ", decoded") for name in volumes]
    rows = [
        [
            float(step),
            exp(explanation.log_hazard_ratio[number]),
            exp(explanation.reencoded[number]),
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
    if explanation.warning:
        say(f"warning: {explanation.warning}")
    say(DISCLAIMER)
