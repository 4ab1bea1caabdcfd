"""`survembed data check`: check all files of a study without preparing a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import AsJson, Assignments, Clinical, Config, DatasetRequest, Root, names_of
from survembed.errors import DataError

if TYPE_CHECKING:
    from survembed.cohort.study_check import CaseCheck, Problem, StudyCheck

Name = Annotated[str, typer.Argument(help="Name of an image dataset.", autocompletion=lambda: names_of("datasets"))]
Page = Annotated[
    Path | None, typer.Option("--html", help="Write an HTML page with a preview of each case to this file.")
]


def check(
    ctx: typer.Context,
    name: Name = "liver",
    root: Root = None,
    clinical: Clinical = None,
    config: Config = None,
    assignments: Assignments = None,
    page: Page = None,
    as_json: AsJson = False,
) -> None:
    """Check all files and list errors and warnings. Exit code 4 if a case cannot be used."""
    command = str(ctx.obj)
    component = DatasetRequest(root, clinical, config=config, assignments=assignments).component(name, command)

    from survembed.cli.reporter import reporter
    from survembed.workflows import check as workflow

    study_check = workflow.check(component, name, reporter=reporter())
    show_json(study_check.to_dict()) if as_json else _show(study_check)
    if page:
        workflow.write_check_page(study_check, page)
        say(f"wrote {page}")
    if study_check.n_bad:
        raise DataError(
            f"{study_check.n_bad} problem(s) in {len(study_check.cases)} cases",
            where=command,
            try_="correct the problems listed above, or exclude these cases with --set data.skip_bad=true",
        )


def _show(study_check: StudyCheck) -> None:
    follow_up = study_check.follow_up
    show_facts(
        {
            "data": study_check.title,
            "synthetic": study_check.synthetic,
            "layout": study_check.layout,
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
    show_lines([follow_up.choice] if follow_up else [])
    columns = ["case", "grid", "spacing_mm", "orientation", "organ_ml", "tumour_ml", "outside", "state"]
    if study_check.cases:
        show_table(columns, [_row(case) for case in study_check.cases])
    show_lines(f"problem: {_sentence(problem)}" for problem in study_check.problems)
    show_lines(f"problem: {case.id}: {_sentence(case.problem)}" for case in study_check.cases if case.problem)
    show_lines(f"warning: {warning}" for warning in study_check.warnings)
    show_lines(f"warning: {case.id}: {warning}" for case in study_check.cases for warning in case.warnings)


def _row(case: CaseCheck) -> list[object]:
    outside = None if case.outside is None else f"{case.outside:.1%}"
    state = "bad" if case.problem else f"{len(case.warnings)} warning(s)" if case.warnings else "good"
    grid, spacing = _by(case.shape), _by(case.spacing_mm)
    return [case.id, grid, spacing, case.orientation, case.organ_ml, case.tumour_ml, outside, state]


def _by(numbers: tuple[float, ...] | None) -> str | None:
    return None if numbers is None else " × ".join(f"{number:g}" for number in numbers)


def _sentence(problem: Problem) -> str:
    where = f" ({problem.where})" if problem.where else ""
    return f"{problem.message}{where}{'; ' + problem.remedy if problem.remedy else ''}"
