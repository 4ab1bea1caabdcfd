"""`survembed traverse`: images decoded along the latent dimensions of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Cause,
    OutFolder,
    RunName,
    RunsDir,
    ShownChannel,
    StartSubject,
    chosen_run,
    finite,
)

if TYPE_CHECKING:
    from survembed.workflows.traverse import Traversal


def traverse(
    dim: Annotated[
        list[int] | None,
        typer.Option("--dim", min=0, help="Index of a latent dimension, from 0. Can be repeated. Default: all."),
    ] = None,
    risk: Annotated[
        bool, typer.Option("--risk", help="Add a row along the hazard: the average subject at each level of risk.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Use steps in raw latent units. Default: standard deviations.")
    ] = False,
    start: StartSubject = None,
    low: Annotated[float, typer.Option("--low", callback=finite, help="First step.")] = -4.0,
    high: Annotated[float, typer.Option("--high", callback=finite, help="Last step.")] = 4.0,
    steps: Annotated[int, typer.Option("--steps", min=2, max=1000, help="Number of steps.")] = 9,
    nifti: Annotated[bool, typer.Option("--nifti", help="Also write the decoded volumes as NIfTI.")] = False,
    out: OutFolder = None,
    cause: Cause = None,
    channel: ShownChannel = None,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Draw the images that a run decodes along its latent dimensions or along the hazard."""
    chosen = chosen_run(run, runs_dir, "decode")

    from survembed.cli.reporter import reporter
    from survembed.figures.traversal import draw_traversal
    from survembed.workflows.traverse import save_volumes
    from survembed.workflows.traverse import traverse as work

    progress = reporter()
    dims = sorted(set(dim)) if dim else None
    traversal = work(
        chosen,
        dims,
        raw=raw,
        risk=risk,
        start=start,
        low=low,
        high=high,
        n_steps=steps,
        cause=cause,
        channel=channel,
        reporter=progress,
    )
    names = ["all"] if dims is None else [f"z{dimension}" for dimension in dims]
    names += ["risk"] if risk else []
    names += [name for name in (cause, channel) if name]
    folder = out or chosen.path / "traversal" / folder_name(names, raw=raw, start=start)
    files = [*draw_traversal(traversal, folder / "traversal.png"), traversal.save(folder / "traversal.json")]
    volumes = save_volumes(traversal, folder) if nifti else []
    if as_json:
        show_json({**traversal.to_dict(), "files": [*files, *volumes]})
    else:
        show_traversal(traversal, files)
        if volumes:
            say(f"{len(volumes)} volumes in {folder}")


def show_traversal(traversal: Traversal, files: Sequence[Path]) -> None:
    """Print the effect of each row on hazard and decoded volumes, the paths of the files, and warnings."""
    from survembed.figures.traversal import silent_text

    facts = {"data": traversal.header.title, "axes": traversal.axes, "start": traversal.start}
    show_facts(facts | ({"covariates": traversal.covariates} if traversal.covariates else {}))
    volumes = list(traversal.walks[0].volumes_ml)
    first, last = traversal.steps[0], traversal.steps[-1]
    ends = f"at {first:g} … {last:g}"
    columns = ["row", "HR per SD", "HR, test set", f"claimed hazard × {ends}", "re-encoded ×"]
    columns += [f"{name} ml" for name in volumes]
    rows = [
        [
            walk.name,
            walk.hr_per_sd,
            ("none" if walk.test_reason else None) if walk.test is None else walk.test.text,
            *(None if of is None else _ends([exp(of[0]), exp(of[-1])]) for of in (walk.log_hazard, walk.reencoded)),
            *(_ends(walk.volumes_ml[name]) for name in volumes),
        ]
        for walk in traversal.walks
    ]
    show_table(columns, rows)
    show_lines(traversal.unrated)
    show_lines(files)
    if traversal.silent:
        say(silent_text(traversal.silent))
    if traversal.warning:
        say(f"warning: {traversal.warning}")


def _ends(values: Any) -> str:
    return f"{values[0]:.3g} … {values[-1]:.3g}"


def folder_name(names: Sequence[str], *, raw: bool, start: str | None) -> str:
    """Folder name of a kind of traversal, such as `z2`, `all-raw`, `risk-from-7`."""
    parts = [*names, *(["raw"] if raw else []), *([f"from-{start}"] if start is not None else [])]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))
