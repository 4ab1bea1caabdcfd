"""`survembed predict`: hazard and survival of subjects beyond the cohort."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.common import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, chosen_run
from survembed.cli.console import say, show_facts, show_json, show_lines, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survembed.workflows.predict import SubjectPrediction

MOST_PAGES = 20


def predict(
    ct: Annotated[Path | None, typer.Option("--ct", help="A CT, NIfTI.")] = None,
    mask: Annotated[
        Path | None, typer.Option("--mask", help="Its map of labels; alone where the cohort is one of masks.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Files of one subject: DICOM CT and SEG, or NIfTI named for the parts."),
    ] = None,
    image: Annotated[Path | None, typer.Option("--image", help="A picture, for a 2-D cohort: PNG or .npy.")] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Rows of features, for a table: CSV, TSV, XLSX or Parquet.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--id", help="What to call the subject; 'subject' where not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the files; in the run's own where not given.")
    ] = None,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Predict hazard and survival of a new scan, picture or table, and say what drives it and whether to trust it."""
    chosen = chosen_run(run, runs_dir, "hazard")

    from survembed.cli.reporter import reporter
    from survembed.figures.predict import draw_prediction
    from survembed.workflows.predict import predict as work
    from survembed.workflows.predict import save_numbers

    given = {"ct": ct, "mask": mask, "folder": folder, "image": image, "table": table}
    files = {name: path for name, path in given.items() if path is not None}
    speaker = reporter()
    prediction = work(chosen, files, label=label, reporter=speaker)
    place = out or chosen.path / "predictions" / _file_name(
        label or ("rows" if len(prediction.labels) > 1 else "subject")
    )
    pages = prediction.labels[:MOST_PAGES]
    written = [save_numbers(prediction, place)]
    with speaker.task("drawing", len(pages), "pages") as task:
        for row, name in enumerate(pages):
            page = "prediction" if len(prediction.labels) == 1 else _file_name(name)
            written += draw_prediction(prediction, row, place / f"{page}.pdf")
            task.advance()
    if len(pages) < len(prediction.labels):
        say(f"pages of the first {len(pages)} subjects only; prediction.json holds all {len(prediction.labels)}")
    if as_json:
        show_json({**prediction.to_dict(), "files": written})
    else:
        show_prediction(prediction, written)


def show_prediction(prediction: SubjectPrediction, files: Sequence[Path]) -> None:
    """The numbers of one subject, or a table of several, and the paths of the files."""
    from survembed.cohort.captions import DISCLAIMER, data_name
    from survembed.figures.predict import prediction_facts, time_text

    data = data_name(prediction.header.title, prediction.header.synthetic)
    if len(prediction.labels) == 1:
        show_facts({"subject": prediction.labels[0], "trained on": data, **prediction_facts(prediction, 0)})
        columns = ["dimension", "z (standardised)", "added to the log-hazard"]
        rows = zip(prediction.coordinates[0].tolist(), prediction.contributions[0].tolist(), strict=True)
        show_table(columns, [[f"z{index}", *values] for index, values in enumerate(rows)])
    else:
        show_facts({"trained on": data})
        numbers = zip(
            prediction.labels,
            prediction.log_hazard.tolist(),
            prediction.percentile.tolist(),
            [time_text(median) for median in prediction.survival.median],
            ["yes" if far else "" for far in prediction.typicality.far],
            strict=True,
        )
        unit = prediction.header.time_unit
        show_table(
            ["subject", "log-hazard", "percentile", f"median survival, {unit}", "far"], [list(row) for row in numbers]
        )
    far = [label for label, far in zip(prediction.labels, prediction.typicality.far, strict=True) if far]
    if far:
        say(f"warning: far from the training data: {', '.join(far[:10])}{'…' if len(far) > 10 else ''}")
    if prediction.typicality.part == "training":
        say("error and distance are compared with the training part, which flatters it: too few were held out")
    show_lines(files)
    say(DISCLAIMER)


def _file_name(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", label).lstrip(".") or "subject"
