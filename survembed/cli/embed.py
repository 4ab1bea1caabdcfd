"""`survembed embed`: latents of the cohort of a run."""

from __future__ import annotations

from survembed.cli.console import show_facts, show_json
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, AsJson, Device, RunName, RunsDir, chosen_run


def embed(
    run: RunName = None, runs_dir: RunsDir = DEFAULT_RUNS_DIR, device: Device = "auto", as_json: AsJson = False
) -> None:
    """Compute the latents of the cohort of a run; up-to-date latents are reused."""
    chosen = chosen_run(run, runs_dir)

    from survembed.cli.reporter import reporter
    from survembed.runs.embedding import embed as work

    latents = work(chosen, device=device, reporter=reporter())
    parts, counts = latents.split.tolist(), ("train", "validation", "test")
    facts = {
        "run": chosen.id,
        "path": chosen.path / "latents.h5",
        "data": latents.title,
        "subjects": len(latents.id),
        **{part: parts.count(part) for part in counts},
        "latent_dim": latents.z.shape[1],
        "log_hazard": latents.log_hazard is not None,
    }
    show_json(facts) if as_json else show_facts(facts)
