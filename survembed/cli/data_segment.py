"""`survembed data segment`: compute missing masks with a segmentation model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survembed import registry
from survembed.cli.console import show_facts, show_json, show_lines
from survembed.cli.shared_options import AsJson, Assignments, Config, names_of
from survembed.errors import DataError, PluginError

Segmenter = Annotated[
    str,
    typer.Option("--segmenter", help="Name of the segmenter.", autocompletion=lambda: names_of("segmenters")),
]


def segment(
    ctx: typer.Context,
    root: Annotated[
        Path, typer.Option("--root", help="Folder with CT images named as for nnU-Net: imagesTr/CASE_0000.nii.gz.")
    ],
    name: Segmenter = "nnunet",
    model: Annotated[Path | None, typer.Option("--model", help="Folder of the trained segmentation model.")] = None,
    program: Annotated[
        str | None, typer.Option("--command", help="Program of the segmenter, such as env/bin/NAME.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Allow the model files to run code. Use only with files from a trusted source."),
    ] = False,
    config: Config = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Compute missing masks with nnU-Net or another segmenter. Set its options with --set segment.KEY=VALUE."""
    command = str(ctx.obj)
    if not registry.names("segmenters"):
        raise PluginError(
            "no segmenter is installed",
            where=command,
            expected="a package with a segmenter, such as survembed-segmenters (nnU-Net, TotalSegmentator)",
            try_="pip install ./plugins/survembed-segmenters",
        )
    found = registry.load("segmenters", name, where=command)

    from survembed.cli.reporter import reporter
    from survembed.runs.settings import Setting, Settings
    from survembed.workflows.segment import segment

    given = {"model": model, "command": program}
    flags = {f"segment.{key}": Setting(value, f"--{key}", command) for key, value in given.items() if value is not None}
    settings = Settings.gather(config=config, assignments=assignments or (), flags=flags, command=command)
    component = settings.component("segment", f"segmenter {name}", found)
    done = segment(component, name, root, trust=trust, reporter=reporter())
    facts = {
        "written": len(done.masks),
        "already_there": len(done.segmented_before),
        "failed": len(done.problems),
        "masks": [str(path) for path in done.masks.values()],
        "problems": {case: problem.message for case, problem in done.problems.items()},
    }
    if as_json:
        show_json(facts)
    else:
        show_facts({key: facts[key] for key in ("written", "already_there", "failed")})
        show_lines(f"problem: {case}: {problem.line}" for case, problem in done.problems.items())
    if done.problems:
        raise DataError(
            f"{len(done.problems)} case(s) without a mask",
            where=command,
            try_="correct the problems listed above and run the command again",
        )
