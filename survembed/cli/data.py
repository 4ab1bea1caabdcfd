"""`survembed data`: datasets and the cohorts prepared from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed.cli import data_check, data_phantom, data_segment
from survembed.cli.app import App
from survembed.cli.console import show_facts, show_json, show_lines, show_table
from survembed.cli.plugins import show_plugins
from survembed.cli.shared_options import AsJson, DatasetRequest, names_of, with_options_of

if TYPE_CHECKING:
    from survembed.cohort.cohort import Cohort

app = App(help="List datasets; check, segment, prepare and show them.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(help="Name of the dataset.", autocompletion=lambda: names_of("datasets"))]


@app.command("list")
def list_data(as_json: AsJson = False) -> None:
    """List the installed datasets."""
    show_plugins(["datasets"], as_json)


@app.command("prepare")
@with_options_of(DatasetRequest)
def prepare(ctx: typer.Context, name: Name, request: DatasetRequest, as_json: AsJson = False) -> None:
    """Read the files of a dataset into one cohort file; an existing up-to-date file is reused."""
    with _cohort(ctx, name, request) as cohort:
        facts = _facts(cohort)
    show_json(facts) if as_json else show_facts(facts)


@app.command("show")
@with_options_of(DatasetRequest)
def show(ctx: typer.Context, name: Name, request: DatasetRequest, as_json: AsJson = False) -> None:
    """Show the subjects and columns of a cohort; the cohort is prepared first if necessary."""
    with _cohort(ctx, name, request) as cohort:
        facts, columns, notes = _facts(cohort), _columns(cohort), list(cohort.header.notes)
    if as_json:
        show_json({**facts, "columns": columns, "notes": notes})
        return
    show_facts(facts)
    fields = ["column", "known", "lowest", "median", "highest", "values"]
    show_table(fields, [[column[field] for field in fields] for column in columns])
    show_lines(notes)


app.command("check")(data_check.check)
app.command("segment")(data_segment.segment)
app.command("phantom")(data_phantom.phantom)


def _cohort(ctx: typer.Context, name: str, request: DatasetRequest) -> Cohort:
    component = request.component(name, str(ctx.obj))

    from survembed.cli.reporter import reporter
    from survembed.cohort.prepare import prepare

    return prepare(component, name, reporter=reporter())


def _facts(cohort: Cohort) -> dict[str, Any]:
    header, subjects = cohort.header, cohort.subjects
    return {
        "data": header.title,
        "synthetic": header.synthetic,
        "path": cohort.path,
        "fingerprint": cohort.fingerprint,
        "subjects": len(cohort),
        "events": int(subjects.event.sum()),
        "time_unit": header.time_unit,
        "shape": header.shape,
        "channels": [channel.name for channel in header.channels],
        "spacing_mm": header.spacing_mm,
        "official_split": subjects.split is not None,
        "truth_known": subjects.truth is not None,
    }


def _columns(cohort: Cohort) -> list[dict[str, Any]]:
    import numpy as np

    subjects = cohort.subjects
    rows: list[dict[str, Any]] = []
    for name, values in {"duration": subjects.duration, **subjects.covariates, **subjects.measures}.items():
        row: dict[str, Any] = dict.fromkeys(("column", "known", "lowest", "median", "highest", "values"))
        row["column"] = name
        if values.dtype.kind in "OUS":
            present = sorted({text for text in values.tolist() if text})
            row["known"] = sum(bool(text) for text in values.tolist())
            row["values"] = present[:8] + (["…"] if len(present) > 8 else [])
        else:
            numbers = values[np.isfinite(values)]
            row["known"] = len(numbers)
            if len(numbers):
                row |= {
                    "lowest": float(numbers.min()),
                    "median": float(np.median(numbers)),
                    "highest": float(numbers.max()),
                }
        rows.append(row)
    return rows
