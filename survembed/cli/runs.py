"""`survembed runs`: list, show, compare and delete trained runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli import runs_compare, runs_delete
from survembed.cli.app import App
from survembed.cli.console import show_facts, show_json, show_lines, show_table
from survembed.cli.runs_delete import Where
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, chosen_run, ids_of_runs

if TYPE_CHECKING:
    from survembed.runs.run import Run

COLUMNS = (
    "id", "status", "model", "tau", "seed", "dataset", "scored", "harrell_c", "ibs", "end", "updates", "best_objective",
)  # fmt: skip
"""Of the table; an id starts with the time of creation."""

app = App(
    help="List, show, compare and delete runs, or exchange them as archives.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("list")
def list_runs(
    ctx: typer.Context,
    where: Where = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="KEY", help="Sort by a column, such as harrell_c. Default: by age.")
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Reverse the order.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """List runs with their options and stored scores, oldest first.

    C and IBS are those that `survembed evaluate` stored, of the survival model in the column `scored`.
    """
    from survembed.runs.listing import ordered, row_of, select
    from survembed.runs.run import Runs

    rows = [row_of(run) for run in select(Runs(runs_dir).list(), where or [], str(ctx.obj))]
    rows = ordered(rows, sort or "created", reverse, str(ctx.obj))
    if as_json:
        show_json(rows)
    else:
        shown = [column.replace("_", " ") for column in COLUMNS]
        show_table(shown, [[row[column] for column in COLUMNS] for row in rows], title=f"runs in {runs_dir}")


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
    """Print a run on stdout; `options` adds its command and the list of its options, which JSON always contains."""
    from survembed.runs.command import training_command
    from survembed.runs.listing import row_of

    config = run.read("config.json")
    if as_json:
        show_json(
            {
                "id": run.id,
                "path": run.path,
                **run.record,
                "status": run.status,
                "config": config,
                "command": training_command(config),
            }
        )
        return
    row, cohort = row_of(run), run.record["cohort"]
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
        show_lines(["", training_command(config)])


app.command("compare")(runs_compare.compare)
app.command("delete")(runs_delete.delete)
