"""`survembed runs compare`: what differs between runs, and by how much their scores differ."""

from __future__ import annotations

from math import exp
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, LARGEST_SEED, AsJson, Bootstrap, RunsDir, ids_of_runs
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.workflows.compare import Comparison

HEADINGS = {"harrell_c": "Harrell's C", "uno_c": "Uno's C", "ibs": "IBS"}


def compare(
    ctx: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Two or more runs: ids, unique prefixes or paths.", autocompletion=ids_of_runs
        ),
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bootstrap: Bootstrap = 500,
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed of the bootstrap.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Draw the stored traversals side by side as FILE.png and FILE.pdf."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs: options that differ, scores with paired intervals, and stored traversals.

    Nothing is computed anew: scores come from the predictions that `survembed evaluate` stored, traversals from
    `survembed traverse --risk`. Differences are those to the first run, on the same test subjects.
    """
    from survembed.runs.run import Runs
    from survembed.workflows.compare import compare as work

    runs = [Runs(runs_dir).find(name) for name in names]
    if len({run.path.resolve() for run in runs}) < max(2, len(runs)):
        raise UsageError("these are not two different runs", where=str(ctx.obj), expected="two or more runs")
    compared = work(runs, n_resamples=bootstrap, seed=seed)
    files = _draw(compared, out) if out else []
    if as_json:
        show_json({**compared.to_dict(), "files": files})
        return
    show_comparison(compared)
    show_lines(files)


def show_comparison(compared: Comparison) -> None:
    """Print runs, options, scores and traversals on stdout, and notes on stderr."""
    from survembed.survival.bootstrap import with_interval

    letters = _letters(compared)
    show_facts({letter: run for run, letter in letters.items()})
    if compared.options:
        show_table(["option", *letters.values()], [(name, *values) for name, values in compared.options.items()])
    else:
        say("all options are the same")
    if compared.scores:
        differences = [f"{HEADINGS[name]} − that of A" for name in HEADINGS]
        rows = [
            [
                letters[each.row],
                each.column,
                *(with_interval(each.scores[name]) for name in HEADINGS),
                *(with_interval(each.differences[name]) if each.differences else None for name in HEADINGS),
            ]
            for each in compared.scores
        ]
        show_table(["run", "model", *HEADINGS.values(), *differences], rows)
    walks = dict(zip(letters.values(), compared.traversals, strict=True))
    if any(walks.values()):
        columns = ["run", "HR per SD along the hazard", "claimed hazard ×", "re-encoded ×", "decoded ml"]
        show_table(columns, [[letter, *_walk(walk)] for letter, walk in walks.items() if walk])
    for letter, walk in walks.items():
        if walk is None:
            say(f"run {letter} has no stored traversal along the hazard: survembed traverse --risk")
    for note in compared.notes:
        say(note)


def _walk(walk: dict[str, Any]) -> list[Any]:
    ends = [None if walk.get(name) is None else (walk[name][0], walk[name][-1]) for name in ("log_hazard", "reencoded")]
    volumes = [f"{name} {_text(ml[0], ml[-1])}" for name, ml in walk.get("volumes_ml", {}).items()]
    return [
        walk.get("hr_per_sd"),
        *(None if pair is None else _text(exp(pair[0]), exp(pair[1])) for pair in ends),
        ", ".join(volumes),
    ]


def _text(first: float, last: float) -> str:
    return f"{first:.3g} … {last:.3g}"


def _letters(compared: Comparison) -> dict[str, str]:
    return {run: ascii_uppercase[i] if i < 26 else str(i + 1) for i, run in enumerate(compared.runs)}


def _draw(compared: Comparison, out: Path) -> list[Path]:
    from survembed.figures.side_by_side import draw_side_by_side

    stored = dict(zip(compared.runs, compared.pictures, strict=True))
    pictures = {run: picture for run, picture in stored.items() if picture}
    missing = [run for run, picture in stored.items() if not picture]
    if missing:
        raise UsageError(
            f"run {missing[0]} has no picture of a traversal along the hazard",
            where=f"--out {out}",
            try_=f"survembed traverse --risk --run {missing[0]}",
        )
    return draw_side_by_side(pictures, out)
