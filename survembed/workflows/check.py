"""From a dataset to a list of what is wrong or doubtful in its files, and a page that shows it."""

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
    """Read all files of a dataset and name what is wrong or doubtful; nothing is written.

    Parameters
    ----------
    dataset
        A configured dataset component.
    name
        Its name, for errors.

    Raises
    ------
    UsageError
        When the dataset has no check of its own.
    DataError
        When there is nothing to check at all.
    """
    source = dataset.build()
    if not isinstance(source, Checkable):
        raise UsageError(
            f"dataset {name} has nothing to check",
            expected="a dataset of images, such as liver",
            try_=f"survembed data prepare {name}, which reads and checks all of it",
        )
    return source.check(reporter)


def write_page(found: StudyCheck, path: Path) -> None:
    """Write what was found as one HTML file that needs nothing else: no script, no address, pictures inside.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["picture"] = lambda png: f"data:image/png;base64,{b64encode(png).decode()}"
    template = page.from_string(files("survembed.workflows").joinpath("check.html").read_text(encoding="utf-8"))
    write_text(path, template.render(study=found))
