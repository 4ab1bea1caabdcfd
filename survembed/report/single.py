"""`survembed.report`: a report about one run, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from survembed import registry
from survembed.figures.request import FigureRequest
from survembed.progress import QUIET, LineReporter
from survembed.report.build import WrittenReport
from survembed.report.build import report as build
from survembed.survival.bootstrap import N_RESAMPLES
from survembed.workflows.api import DOWNSTREAM, AnyRun, find_run


def report_on(
    run: AnyRun = None,
    path: str | PathLike[str] | None = None,
    *,
    runs_dir: str | PathLike[str] = "runs",
    downstream: Sequence[str] = DOWNSTREAM,
    n_resamples: int = N_RESAMPLES,
    device: str = "auto",
    progress: bool = True,
) -> WrittenReport:
    """Write one self-contained HTML file about a run: data, scores, figures, checklist, model card.

    Parameters
    ----------
    run
        A finished run, its id, a unique prefix of it, or its path; by default the latest one in `runs_dir`.
    path
        The file. Default: `report.html` in the run.
    downstream
        Names of survival models that are shown beside the run's own head.

    Examples
    --------
    >>> written = survembed.report(run, downstream=["coxph"], n_resamples=50, progress=False)
    >>> written.path.name
    'report.html'
    """
    found = find_run(run, runs_dir)
    file = Path(path) if path else found.path / "report.html"
    models = [(name, registry.load("downstream", name)()) for name in downstream]
    request = FigureRequest([found], file.parent, downstream=models, n_resamples=n_resamples, device=device)
    return build(request, file, command="survembed report", reporter=LineReporter() if progress else QUIET)
