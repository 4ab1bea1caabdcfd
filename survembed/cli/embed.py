"""`survembed embed`: latents of the cohort of a run, or of another one."""

from __future__ import annotations

import typer

from survembed.cli.console import show_facts, show_json
from survembed.cli.other_cohort import AllowOverlap, OtherData, OtherRequest, OtherRoot
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Assignments,
    Clinical,
    Config,
    Device,
    RunName,
    RunsDir,
    SkipBad,
    chosen_run,
)


def embed(
    ctx: typer.Context,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data: OtherData = None,
    root: OtherRoot = None,
    clinical: Clinical = None,
    skip_bad: SkipBad = False,
    allow_overlap: AllowOverlap = False,
    config: Config = None,
    assignments: Assignments = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Compute the latents of the cohort of a run, or with --root of another; up-to-date latents are reused."""
    request = OtherRequest(data, root, clinical, skip_bad, config, tuple(assignments or ()), str(ctx.obj))
    is_own = request.is_empty
    chosen = chosen_run(run, runs_dir)

    from survembed.cli.reporter import reporter
    from survembed.runs.embedding import embed as work
    from survembed.runs.other_cohort import embed_other

    if is_own:
        latents, path = work(chosen, device=device, reporter=reporter()), chosen.path / "latents.h5"
        parts, counts = latents.split.tolist(), ("train", "validation", "test")
        divided = {part: parts.count(part) for part in counts}
    else:
        other = embed_other(
            chosen, request.component(chosen), allow_overlap=allow_overlap, device=device, reporter=reporter()
        )
        latents, path, divided = other.latents, other.path, {}
    facts = {
        "run": chosen.id,
        "path": path,
        "data": latents.title,
        "subjects": len(latents.id),
        **divided,
        "latent_dim": latents.z.shape[1],
        "log_hazard": latents.log_hazard is not None,
    }
    show_json(facts) if as_json else show_facts(facts)
