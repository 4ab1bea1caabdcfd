"""`survembed runs`: list and show trained runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed.cli.console import show_facts, show_json, show_table
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, chosen_run, ids_of_runs

if TYPE_CHECKING:
    from survembed.runs.run import Run

app = typer.Typer(help="List runs, show one, or exchange them as archives.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_runs(runs_dir: RunsDir = DEFAULT_RUNS_DIR, as_json: AsJson = False) -> None:
    """List all runs, oldest first."""
    from survembed.runs.run import Runs

    rows = [_row(run) for run in Runs(runs_dir).list()]
    if as_json:
        show_json(rows)
    else:
        columns = [
            "id",
            "status",
            "model",
            "dataset",
            "end",
            "updates",
            "best_objective",
        ]  # an id starts with the time of creation
        shown = [column.replace("_", " ") for column in columns]
        show_table(shown, [[row[column] for column in columns] for row in rows], title=f"runs in {runs_dir}")


@app.command("show")
def show(
    run: Annotated[
        str | None, typer.Argument(help="Run to show: id, unique prefix or path.", autocompletion=ids_of_runs)
    ] = None,
    named: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Show model, data, result and options of a run."""
    show_run(chosen_run(run or named, runs_dir), as_json)


@app.command("export")
def export(
    run: Annotated[str, typer.Argument(help="Run: id, unique prefix or path.", autocompletion=ids_of_runs)],
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The archive to write.")],
    with_latents: Annotated[
        bool,
        typer.Option(
            "--with-latents", help="Add ids, split, outcomes and latents of the subjects, and stored predictions."
        ),
    ] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Write a run as one archive for others, with a model card; by default nothing in it is of a single subject."""
    chosen = chosen_run(run, runs_dir)

    from survembed.cli.reporter import reporter
    from survembed.report.archive import export_run

    sizes = export_run(chosen, file, with_latents=with_latents, reporter=reporter())
    facts = {"run": chosen.id, "archive": file, "with_latents": with_latents, "bytes": sum(sizes.values())}
    show_json({**facts, "files": sizes}) if as_json else show_facts({**facts, "files": ", ".join(sizes)})


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Archive of 'survembed runs export'.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Take in the run of an archive, checked and whole; it becomes the latest run."""
    from survembed.report.archive import import_run
    from survembed.runs.run import Runs

    run = import_run(file, runs_dir)
    Runs(runs_dir).set_latest(run)
    facts = {"run": run.id, "path": run.path, "with_latents": not run.record.get("without_subjects", False)}
    show_json(facts) if as_json else show_facts(facts)


def show_run(run: Run, as_json: bool, options: bool = True) -> None:
    """Print a run on stdout; `options` adds the list of its options, which JSON always contains."""
    config = run.read("config.json")
    if as_json:
        show_json({"id": run.id, "path": run.path, **run.record, "status": run.status, "config": config})
        return
    row, cohort = _row(run), run.record["cohort"]
    weights = ", ".join(f"{name} {value:.3g}" for name, value in run.record.get("loss_weights", {}).items())
    show_facts(
        {
            "run": run.id,
            "path": run.path,
            "status": row["status"],
            "model": f"{run.model}, {run.record['parameters']} parameters",
            "data": f"{cohort['header']['title']}: {cohort['subjects']} subjects, {cohort['events']} events",
            **({"loss weights": weights} if weights else {}),
            **{
                name: row[name]
                for name in ("end", "updates", "best_update", "best_objective", "rule", "precision", "seconds")
            },
        }
    )
    if options:
        values = {
            f"{section}.{name}": value
            for section in ("data", "model", "head", "train", "split")
            for name, value in (config[section] or {}).items()
        }
        show_table(["option", "value"], [("seed", config["seed"]), *values.items()])


def _row(run: Run) -> dict[str, Any]:
    outcome = run.record.get("outcome") or {}
    fields = ("end", "updates", "best_update", "best_objective", "rule", "precision", "seconds")
    return {
        "id": run.id,
        "status": run.status,
        "model": run.model,
        "dataset": run.dataset,
        "created": run.record["created"],
        **{name: outcome.get(name) for name in fields},
    }
