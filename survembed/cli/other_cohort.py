"""Options of the commands that use a run on another cohort: `evaluate`, `embed` and `predict`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survembed.cli.console import show_lines, show_table
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.evaluation.group_scores import GroupScores
    from survembed.registry.component import Component
    from survembed.runs.run import Run

OtherData = Annotated[
    str | None, typer.Option("--data", help="Dataset of the other cohort: that of the run, which is the default.")
]
OtherRoot = Annotated[
    Path | None,
    typer.Option("--root", help="Folder or file of another cohort; it is prepared exactly as the run's cohort was."),
]
AllowOverlap = Annotated[
    bool, typer.Option("--allow-overlap", help="Accept subjects whose image is also in the cohort of the run.")
]
By = Annotated[
    list[str] | None,
    typer.Option("--by", metavar="COLUMN", help="Also score each group of a covariate, such as sex,centre."),
]


def names_in(by: Sequence[str] | None) -> tuple[str, ...]:
    """Names in the values of an option that can be repeated, and holds names separated by commas."""
    names = (name.strip() for text in by or () for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True)
class OtherRequest:
    """The other cohort, as typed; empty without one."""

    data: str | None
    root: Path | None
    clinical: Path | None = None
    skip_bad: bool = False
    config: Path | None = None
    assignments: tuple[str, ...] = ()
    command: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether no other cohort is asked for."""
        if self.root is None and (self.data or self.clinical or self.skip_bad):
            raise UsageError(
                "another cohort needs a folder or file", where=self.command, expected="--root PATH", try_="--root PATH"
            )
        return self.root is None

    def component(self, run: Run) -> Component:
        """The run's dataset for the other cohort: options of the run, but for those that are typed.

        Raises
        ------
        UsageError
            When `--data` is another dataset.
        """
        from survembed.runs.configuration import read_config
        from survembed.runs.settings import Setting, Settings

        if self.data not in (None, run.dataset):
            raise UsageError(
                f"run {run.id} was trained on '{run.dataset}', and cannot take '{self.data}'",
                where=f"--data {self.data}",
                expected="the dataset of the run",
                try_=f"--data {run.dataset}",
            )
        own = read_config(run).data.component
        typed = {"root": self.root, "clinical": self.clinical, "skip_bad": self.skip_bad or None}
        settings = Settings.gather(
            config=self.config,
            assignments=self.assignments,
            flags={
                f"data.{name}": Setting(value, f"--{name.replace('_', '-')}", self.command)
                for name, value in typed.items()
                if value is not None
            },
            preset={
                f"data.{name}": Setting(value, "run", f"run {run.id}")
                for name, value in own.model_dump().items()
                if name not in typed and value != type(own).model_fields[name].default
            },
            command=self.command,
        )
        return settings.component("data", f"dataset {run.dataset}", type(own))


def show_groups(groups: Sequence[GroupScores]) -> None:
    """Print the scores of groups of subjects; nothing without any."""
    from survembed.evaluation.score_tables import group_table, with_reasons_below

    if not groups:
        return
    columns, rows, reasons = with_reasons_below(*group_table(groups))
    show_table(columns, rows, title="groups")
    show_lines(f"none for {reason}" for reason in reasons)
