"""`survembed data`: datasets, and the cohorts prepared from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed.cli import data_check, data_phantom, data_segment
from survembed.cli.common import AsJson, Assignments, Clinical, Config, Root, SkipBad, configured_dataset, names_of
from survembed.cli.console import show_facts, show_json, show_lines, show_table
from survembed.cli.plugins import show_plugins

if TYPE_CHECKING:
    from survembed.cohort.cohort import Cohort

app = typer.Typer(
    help="List datasets; check, segment, prepare and show their subjects.", no_args_is_help=True, add_completion=False
)

Name = Annotated[str, typer.Argument(help="A dataset, by name.", autocompletion=lambda: names_of("datasets"))]


@app.command("list")
def list_data(as_json: AsJson = False) -> None:
    """List the datasets that are installed."""
    show_plugins(["datasets"], as_json)


@app.command("prepare")
def prepare(
    ctx: typer.Context,
    name: Name,
    root: Root = None,
    clinical: Clinical = None,
    skip_bad: SkipBad = False,
    config: Config = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Read a dataset's files into one cohort file; instant where that is done already."""
    with _cohort(ctx, name, _given(root, clinical, skip_bad), config, assignments) as cohort:
        facts = _facts(cohort)
    show_json(facts) if as_json else show_facts(facts)


@app.command("show")
def show(
    ctx: typer.Context,
    name: Name,
    root: Root = None,
    clinical: Clinical = None,
    skip_bad: SkipBad = False,
    config: Config = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Show a cohort and its columns; it is prepared first where it is not yet."""
    with _cohort(ctx, name, _given(root, clinical, skip_bad), config, assignments) as cohort:
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


def _given(root: Path | None, clinical: Path | None, skip_bad: bool) -> dict[str, Path | bool | None]:
    return {"root": root, "clinical": clinical, "skip_bad": skip_bad or None}


def _cohort(
    ctx: typer.Context,
    name: str,
    given: dict[str, Path | bool | None],
    config: Path | None,
    assignments: list[str] | None,
) -> Cohort:
    component = configured_dataset(str(ctx.obj), name, given, config, assignments)

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
