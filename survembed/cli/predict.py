"""`survembed predict`: hazard and survival of new subjects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    RunsDir,
    chosen_run,
    ids_of_runs,
    output_file,
    output_folder,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survembed.progress import Reporter
    from survembed.workflows.predict import SubjectPrediction

MAX_PAGES = 20


def _output(path: Path | None) -> Path | None:
    """Callback of `--out`: refuse a CSV file or a folder that cannot be written, before the work."""
    return output_file(path) if _is_csv(path) else output_folder(path)


def _is_csv(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".csv"


def predict(
    ct: NewCt = None,
    mask: NewMask = None,
    folder: NewFolder = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="Folder with many new scans in the layout of a study; writes one CSV with their ids."
        ),
    ] = None,
    image: NewImage = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Table of features, one subject per row: CSV, TSV, XLSX or Parquet.")
    ] = None,
    covariates: CovariateValues = None,
    cause: Cause = None,
    label: Annotated[
        str | None,
        typer.Option("--id", help="Id of the subject in the output. Default: the id in the table; else 'subject'."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            callback=_output,
            metavar="FOLDER|FILE.csv",
            help="Folder for the output files, or a CSV file with a row for each subject and nothing else. Default: a "
            "folder inside the run.",
        ),
    ] = None,
    pages: Annotated[
        bool | None,
        typer.Option(
            "--pages/--no-pages",
            help=f"Draw a page for each subject, up to {MAX_PAGES}, as PDF and PNG. Default: not for a table, --root "
            "or a CSV.",
        ),
    ] = None,
    coverage: Annotated[
        float,
        typer.Option(
            "--coverage",
            min=0.01,
            max=0.99,
            help="Share of subjects that live beyond the lower bound of their survival time.",
        ),
    ] = 0.9,
    runs: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            envvar="SURVEMBED_RUN",
            show_envvar=True,
            help="Run to use: its id, a unique prefix of the id, or its path. Default: the latest finished run. Repeat "
            "to average runs of one cohort and show their spread.",
            autocompletion=ids_of_runs,
        ),
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Predict hazard and survival for a new scan, image or table, with the contribution of each latent dimension."""
    every = [chosen_run(run, runs_dir, "hazard") for run in (runs or (None,))]
    chosen = every[0]

    from survembed.cli.reporter import reporter
    from survembed.workflows.ensemble import predict_with_all
    from survembed.workflows.predict import predict as work
    from survembed.workflows.prediction_csv import save_table

    given = {"ct": ct, "mask": mask, "folder": folder, "root": root, "image": image, "table": table}
    files = {name: path for name, path in given.items() if path is not None}
    progress = reporter()
    options: dict[str, Any] = {"label": label, "covariates": covariates or (), "cause": cause, "reporter": progress}
    several_runs = len(every) > 1
    prediction = (
        predict_with_all(every, files, **options) if several_runs else work(chosen, files, coverage=coverage, **options)
    )
    several = len(prediction.labels) > 1
    to_csv = _is_csv(out)
    default = chosen.path / "predictions" / _file_name(label or ("rows" if several else prediction.labels[0]))
    output_folder = (out.parent if to_csv else out) if out else default
    written = [] if to_csv else [prediction.save(output_folder / "prediction.json")]
    if to_csv or table or root:
        written.append(save_table(prediction, out if out and to_csv else output_folder / "predictions.csv"))
    if pages or (pages is None and not to_csv and not table and not root):
        written += _draw_pages(prediction, output_folder, progress)
    if as_json:
        show_json({**prediction.to_dict(), "files": written})
    else:
        show_prediction(prediction, written)


def _draw_pages(prediction: SubjectPrediction, folder: Path, progress: Reporter) -> list[Path]:
    from survembed.figures.predict import draw_prediction

    pages, written = prediction.labels[:MAX_PAGES], []
    with progress.task("drawing", len(pages), "pages") as task:
        for row, name in enumerate(pages):
            page = "prediction" if len(prediction.labels) == 1 else _file_name(name)
            written += draw_prediction(prediction, row, folder / f"{page}.pdf")
            task.advance()
    if len(pages) < len(prediction.labels):
        say(f"pages for the first {len(pages)} of {len(prediction.labels)} subjects only")
    return written


def show_prediction(prediction: SubjectPrediction, files: Sequence[Path]) -> None:
    """Print the prediction of one subject, or a table of several, and the paths of the files."""
    from survembed.cohort.captions import DISCLAIMER, data_name
    from survembed.figures.predict import prediction_facts, time_text

    data = data_name(prediction.header.title, prediction.header.synthetic)
    if len(prediction.labels) == 1:
        show_facts({"subject": prediction.labels[0], "trained on": data, **prediction_facts(prediction, 0)})
        columns = ["dimension", "z (standardised)", "contribution to log-hazard"]
        rows = zip(prediction.coordinates[0].tolist(), prediction.contributions[0].tolist(), strict=True)
        show_table(columns, [[f"z{index}", *values] for index, values in enumerate(rows)])
        if prediction.covariate_contributions:
            parts = {name: float(values[0]) for name, values in prediction.covariate_contributions.items()}
            show_table(["covariate", "contribution to log-hazard"], [[name, value] for name, value in parts.items()])
    else:
        show_facts({"trained on": data, **({"hazard of": prediction.cause} if prediction.cause else {})})
        numbers = zip(
            prediction.labels,
            prediction.log_hazard.tolist(),
            prediction.percentile.tolist(),
            [time_text(median) for median in prediction.survival.median],
            ["yes" if far else "" for far in prediction.out_of_distribution.far],
            strict=True,
        )
        unit = prediction.header.time_unit
        show_table(
            ["subject", "log-hazard", "percentile", f"median survival, {unit}", "out of distribution"],
            [list(row) for row in numbers],
        )
    far = [label for label, far in zip(prediction.labels, prediction.out_of_distribution.far, strict=True) if far]
    if far:
        say(f"warning: out of distribution: {', '.join(far[:10])}{'…' if len(far) > 10 else ''}")
    if prediction.out_of_distribution.part == "training":
        say(
            "error and distance are compared with the training subjects, because the test part is too small; "
            "this makes new subjects look less typical than they are"
        )
    show_lines(files)
    say(DISCLAIMER)


def _file_name(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", label).lstrip(".") or "subject"
