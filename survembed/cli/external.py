"""The result of `survembed evaluate --root` on the terminal."""

from __future__ import annotations

from math import exp, isfinite
from typing import TYPE_CHECKING

from survembed.cli.console import say, show_facts, show_lines, show_table
from survembed.cli.other_cohort import show_groups

if TYPE_CHECKING:
    from survembed.workflows.evaluate_other import ExternalEvaluation


def show_external(evaluation: ExternalEvaluation) -> None:
    """Print facts and scores to stdout, and notes to stderr."""
    from survembed.cohort.captions import data_name
    from survembed.evaluation.score_tables import external_tables, with_reasons_below
    from survembed.survival.bootstrap import with_interval

    cohort, unit, times = evaluation.cohort, evaluation.time_unit, evaluation.times
    median = f", median follow-up {cohort.median:.4g} {unit}" if isfinite(cohort.median) else ""
    show_facts(
        {
            "run": f"{evaluation.run} ({evaluation.model}); nothing is fitted again",
            "scored on": f"{data_name(evaluation.title, evaluation.synthetic)}: {cohort.n} subjects, "
            f"{cohort.n_events} events{median}",
            "differs from the run's cohort": "; ".join(evaluation.differences) or "no option",
            "times": f"{len(times)} from {times[0]:.4g} to {times[-1]:.4g} {unit}" if len(times) else "none",
            "Kaplan-Meier IBS": f"{with_interval(evaluation.ibs_km)}, fitted on these subjects",
        }
    )
    shown: list[str] = []
    for each in external_tables(evaluation.rows, unit):
        columns, rows, reasons = with_reasons_below(*each)
        show_table(columns, rows)
        show_lines(f"none for {reason}" for reason in reasons if reason not in shown)
        shown += reasons
    show_groups(evaluation.groups)
    first = evaluation.rows[0].in_the_large
    if isfinite(first.value):
        low, high = (f"{exp(each):.2f}" if isfinite(each) else "?" for each in (first.low, first.high))
        say(f"observed / expected events: {exp(first.value):.2f} ({low} to {high})")
    for row in evaluation.rows:
        for note in row.scores.notes:
            say(f"{row.scores.column}: {note}")
    if evaluation.overlap:
        say(f"warning: {evaluation.overlap} subject(s) are also in the cohort of the run: the scores are too good")
