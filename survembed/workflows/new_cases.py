"""New subjects from files, prepared as the cohort of a run was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from survembed.cohort.source import NewCases, ReadsNew
from survembed.errors import PluginError
from survembed.progress import QUIET, Reporter
from survembed.runs.configuration import read_config
from survembed.runs.embedding import form_of
from survembed.runs.run import Run


def read_new_cases(run: Run, files: Mapping[str, Path], reporter: Reporter = QUIET) -> NewCases:
    """New subjects of the run's dataset; their images (m, C, *spatial) as the run's model takes them.

    Parameters
    ----------
    files
        By `ct`, `mask`, `folder`, `root`, `image` or `table`; the run's dataset decides which it needs.

    Raises
    ------
    UsageError
        When the run needs other files.
    DataError
        When a file is missing, damaged or holds no such subject.
    PluginError
        When the run's dataset cannot read new subjects.
    """
    form = form_of(run, reporter)
    source = read_config(run).data.component.build()
    if not isinstance(source, ReadsNew):
        raise PluginError(
            f"the dataset '{run.dataset}' cannot read new subjects",
            where=run.id,
            expected="a source with read_new, as survembed.cohort.source.ReadsNew describes",
        )
    new = source.read_new(files, form)
    return replace(new, images=form.as_own(new.images))
