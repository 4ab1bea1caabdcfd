"""What a report says about a run without its pictures: gathered from its subjects, or kept by an imported run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from survembed.evaluation.participants import participants_of
from survembed.evaluation.test_set import EvaluationSet
from survembed.figures.request import FigureRequest, header_of
from survembed.progress import Reporter
from survembed.report.facts import Facts
from survembed.report.participants import Flow, flow
from survembed.report.run_facts import facts_of
from survembed.report.scores import ScoreSection, scores_of_run, scores_of_sweep
from survembed.runs.embedding import embed, has_latents
from survembed.storage.result import plain

FILE = "report.json"
"""File of an imported run with what `gather` found before its export."""


@dataclass(frozen=True)
class Gathered:
    """Statements, scores, flow of exclusions and table of participants; no subject is named."""

    facts: Facts
    scores: ScoreSection
    followed: Flow
    table: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values: dict[str, Any] = plain(
            {name: asdict(getattr(self, name)) for name in ("facts", "scores", "followed")} | {"table": self.table}
        )
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Gathered:
        """Inverse of `to_dict`; its sequences are lists."""
        facts, scores = Facts(**values["facts"]), ScoreSection(**values["scores"])
        return cls(facts, scores, Flow(**values["followed"]), values["table"])


def gather(request: FigureRequest, reporter: Reporter) -> Gathered:
    """All statements about the first run, or about a sweep; without scores where the run has no test part."""
    run = request.runs[0]
    if not has_latents(run):
        return Gathered.from_dict(run.read(FILE))
    header, latents = header_of(run), embed(run, device=request.device, reporter=reporter)
    if request.sweep:
        scores = scores_of_sweep(request, request.sweep, reporter)
    elif latents.test.any():
        scores = scores_of_run(request, EvaluationSet.of(run, latents, reporter, request.horizons), reporter)
    else:
        scores = ScoreSection([], ["The run has no test part: nothing is scored."], [], ())
    followed = flow(header.notes, header.exclusions, latents.id.tolist(), len(latents.id))
    table = participants_of(run, latents, reporter)
    return Gathered(facts_of(request, header, latents, followed, scores, table), scores, followed, table)
