"""Check the files of a dataset, and write the result as an HTML page."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from pathlib import Path

from survembed.cohort.source import Checkable
from survembed.cohort.study_check import StudyCheck
from survembed.errors import UsageError
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.storage.files import write_text


def check(dataset: Component, name: str, *, reporter: Reporter = QUIET) -> StudyCheck:
    """Read all files of a dataset and report problems and warnings. No file is written.

    Parameters
    ----------
    dataset, name
        A configured dataset component, and its name for errors.

    Raises
    ------
    UsageError
        If the dataset has no check.
    DataError
        If there are no images to check.
    """
    source = dataset.build()
    if not isinstance(source, Checkable):
        raise UsageError(
            f"dataset {name} has no check",
            expected="liver, volumes, images or tabular",
            try_=f"survembed data prepare {name}, which reads and checks all files",
        )
    return source.check(reporter)


def write_check_page(study_check: StudyCheck, path: Path) -> None:
    """Write a check as one self-contained HTML file, without scripts and external addresses.

    Cases with problems come first, then those with warnings; each kind can be shown alone.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["picture"] = lambda png: f"data:image/png;base64,{b64encode(png).decode()}"
    template = page.from_string(files("survembed.workflows").joinpath("check.html").read_text(encoding="utf-8"))
    cases = sorted(study_check.cases, key=lambda case: (case.problem is None, not case.warnings))
    n_bad = sum(case.problem is not None for case in cases)
    n_doubtful = sum(case.is_doubtful for case in cases)
    filters = [
        ("all", "All", len(cases)),
        ("bad", "With a problem", n_bad),
        ("doubt", "With a warning", n_doubtful - n_bad),
        ("good", "Good", len(cases) - n_doubtful),
    ]
    write_text(path, template.render(study=study_check, cases=cases, filters=filters))
