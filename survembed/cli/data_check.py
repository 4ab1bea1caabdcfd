"""`survembed data check`: every file of a study read, what is wrong or doubtful named, nothing prepared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.common import AsJson, Assignments, Clinical, Config, Root, configured_dataset, names_of
from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.errors import DataError

if TYPE_CHECKING:
    from survembed.cohort.study_check import CaseCheck, Problem, StudyCheck

Name = Annotated[str, typer.Argument(help="A dataset of images, by name.", autocompletion=lambda: names_of("datasets"))]
Page = Annotated[Path | None, typer.Option("--html", help="Write a page with a picture of each case to this file.")]


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
    """Read every file and name what is wrong or doubtful; exit code 4 where a case cannot be used."""
    command = str(ctx.obj)
    component = configured_dataset(command, name, {"root": root, "clinical": clinical}, config, assignments)

    from survembed.cli.reporter import reporter
    from survembed.workflows import check as workflow

    found = workflow.check(component, name, reporter=reporter())
    show_json(found.to_dict()) if as_json else _show(found)
    if page:
        workflow.write_check_page(found, page)
        say(f"wrote {page}")
    if found.n_bad:
        raise DataError(
            f"{found.n_bad} problem(s) in {len(found.cases)} cases",
            where=command,
            try_="mend what is named above, or prepare the cohort with --set data.skip_bad=true",
        )


def _show(found: StudyCheck) -> None:
    followed = found.follow_up
    show_facts(
        {
            "data": found.title,
            "synthetic": found.synthetic,
            "layout": found.layout,
            "field of view": None if found.fov_mm is None else f"{_by(found.fov_mm)} mm",
            "suggested": None if found.suggested_fov_mm is None else f"--set data.fov_mm={found.suggested_fov_mm:g}",
            "subjects": followed and followed.subjects,
            "events": followed and f"{followed.events} ({followed.events / followed.subjects:.0%})",
            "median follow-up": followed
            and ("not reached" if followed.median_follow_up is None else f"{followed.median_follow_up:.0f} days"),
        }
    )
    columns = ["case", "grid", "spacing_mm", "orientation", "organ_ml", "tumour_ml", "outside", "state"]
    if found.cases:
        show_table(columns, [_row(case) for case in found.cases])
    show_lines(f"problem: {_sentence(problem)}" for problem in found.problems)
    show_lines(f"problem: {case.id}: {_sentence(case.problem)}" for case in found.cases if case.problem)
    show_lines(f"warning: {warning}" for warning in found.warnings)
    show_lines(f"warning: {case.id}: {warning}" for case in found.cases for warning in case.warnings)


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
