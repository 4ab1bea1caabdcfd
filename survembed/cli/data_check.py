"""`survembed data check`: check all files of a study without preparing a cohort."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import (
    AsJson,
    Assignments,
    Clinical,
    Config,
    DatasetRequest,
    Root,
    names_of,
    output_file,
)
from survembed.errors import DataError

if TYPE_CHECKING:
    from survembed.cohort.study_check import CaseCheck, Problem, StudyCheck

Name = Annotated[str, typer.Argument(help="Name of an image dataset.", autocompletion=lambda: names_of("datasets"))]
Page = Annotated[
    Path | None,
    typer.Option("--html", callback=output_file, help="Write an HTML page with a preview of each case to this file."),
]
Every = Annotated[bool, typer.Option("--all", help="Show good cases too, and every warning.")]

SHORT = 20
"""Largest number of cases of a study whose good cases are shown as well."""
OF_ONE_KIND = 5
"""Largest number of lines that differ only in their case and numbers."""


def check(
    ctx: typer.Context,
    name: Name = "liver",
    root: Root = None,
    clinical: Clinical = None,
    config: Config = None,
    assignments: Assignments = None,
    page: Page = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Check all files and list errors and warnings. Exit code 4 if a case cannot be used."""
    command = str(ctx.obj)
    component = DatasetRequest(root, clinical, config=config, assignments=assignments).component(name, command)

    from survembed.cli.reporter import reporter
    from survembed.workflows import check as workflow

    study_check = workflow.check(component, name, reporter=reporter())
    show_json(study_check.to_dict()) if as_json else _show(study_check, every)
    if page:
        workflow.write_check_page(study_check, page)
        say(f"wrote {page}")
    if study_check.n_bad:
        n_cases = len(study_check.cases)
        raise DataError(
            f"{study_check.n_bad} problem(s)" + (f" in {n_cases} cases" if n_cases else ""),
            where=command,
            try_="correct the problems listed above"
            + ("" if study_check.columns else ", or exclude these cases with --set data.skip_bad=true"),
        )


def _show(study_check: StudyCheck, every: bool) -> None:
    follow_up = study_check.follow_up
    show_facts(
        {
            "data": study_check.title,
            "synthetic": study_check.synthetic,
            "layout": study_check.layout,
            "masks": " | ".join(study_check.masks) or None,
            "field of view": None if study_check.fov_mm is None else f"{_by(study_check.fov_mm)} mm",
            "suggested": None
            if study_check.suggested_fov_mm is None
            else f"--set data.fov_mm={study_check.suggested_fov_mm:g}",
            "subjects": follow_up and follow_up.subjects,
            "events": follow_up and f"{follow_up.events} ({follow_up.events / follow_up.subjects:.0%})",
            "median follow-up": follow_up
            and ("not reached" if follow_up.median_follow_up is None else f"{follow_up.median_follow_up:.0f} days"),
        }
    )
    show_lines([*study_check.contents, *([follow_up.choice] if follow_up else [])])
    if study_check.columns:
        fields = ["column", "kind", "missing", "distinct", "use"]
        show_table(
            fields, [[each.name, each.kind, each.missing, each.distinct, each.use] for each in study_check.columns]
        )
    cases = study_check.cases
    shown = [case for case in cases if every or len(cases) <= SHORT or case.is_doubtful]
    columns = ["case", "grid", "spacing_mm", "orientation", "organ_ml", "tumour_ml", "organ_hu", "outside", "state"]
    if shown:
        rows = [_row(case) for case in shown]
        known = [at for at in range(len(columns)) if any(row[at] is not None for row in rows)]
        show_table([columns[at] for at in known], [[row[at] for at in known] for row in rows])
    if len(shown) < len(cases):
        show_lines([f"{len(cases) - len(shown)} of {len(cases)} cases are good and not shown: --all shows them"])
    problems = [(case.id, _sentence(case.problem)) for case in cases if case.problem]
    show_lines(f"problem: {_sentence(problem)}" for problem in study_check.problems)
    show_lines(f"problem: {line}" for line in _by_kind(problems, every))
    show_lines(f"warning: {warning}" for warning in study_check.warnings)
    warnings = [(case.id, warning) for case in cases for warning in case.warnings]
    show_lines(f"warning: {line}" for line in _by_kind(warnings, every))


def _by_kind(lines: Iterable[tuple[str, str]], every: bool) -> list[str]:
    """Lines of cases, at most `OF_ONE_KIND` of those that differ only in numbers and names, and how many more."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for case, text in lines:
        kind = re.sub(r"\(.*?\)|[-\d.,]+", "#", text.replace(case, "#"))
        kinds[kind].append(f"{case}: {text}")
    shown = []
    for similar in kinds.values():
        n_shown = len(similar) if every or len(similar) <= OF_ONE_KIND + 1 else OF_ONE_KIND
        shown += similar[:n_shown]
        if len(similar) > n_shown:
            shown.append(f"… and {len(similar) - n_shown} more cases like this: --all lists them")
    return shown


def _row(case: CaseCheck) -> list[object]:
    outside = None if case.outside is None else f"{case.outside:.1%}"
    state = "bad" if case.problem else f"{len(case.warnings)} warning(s)" if case.warnings else "good"
    grid, spacing = _by(case.shape), _by(case.spacing_mm)
    return [case.id, grid, spacing, case.orientation, case.organ_ml, case.tumour_ml, case.organ_hu, outside, state]


def _by(numbers: tuple[float, ...] | None) -> str | None:
    return None if numbers is None else " × ".join(f"{number:g}" for number in numbers)


def _sentence(problem: Problem) -> str:
    where = f" ({problem.where})" if problem.where else ""
    return f"{problem.message}{where}{'; ' + problem.remedy if problem.remedy else ''}"
