"""`survembed importance`: relation of each latent dimension to survival."""

from __future__ import annotations

from math import exp, isnan
from typing import TYPE_CHECKING

from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, AsJson, Device, RunName, RunsDir, chosen_run

if TYPE_CHECKING:
    from survembed.survival.cox_inference import CoxFit, HazardRatio
    from survembed.workflows.importance import Importance, Stability

STRONGEST = 3


def importance(
    run: RunName = None, runs_dir: RunsDir = DEFAULT_RUNS_DIR, device: Device = "auto", as_json: AsJson = False
) -> None:
    """Show weight, hazard ratio, stability over seeds and correlates of each latent dimension."""
    chosen = chosen_run(run, runs_dir)

    from survembed.cli.reporter import reporter
    from survembed.figures.importance import draw_importance
    from survembed.storage.files import write_json
    from survembed.workflows.importance import importance as work

    result = work(chosen, device=device, reporter=reporter())
    folder = chosen.path / "importance"
    numbers = folder / "importance.json"
    write_json(numbers, result.to_dict())
    files = [*draw_importance(result, folder / "importance.png"), numbers]
    if as_json:
        show_json({**result.to_dict(), "files": files})
        return
    show_importance(result)
    show_lines(files)


def show_importance(result: Importance) -> None:
    """Print a row for each dimension to stdout, and notes to stderr."""
    from survembed.cohort.captions import data_name

    show_facts(
        {
            "run": f"{result.run} ({result.model})",
            "data": data_name(result.title, result.synthetic),
            "training part": _part(result.train),
            "test part": _part(result.test),
            "counted": result.counted or None,
            "stability": f"over {len(result.others)} other run(s)" if result.others else None,
        }
    )
    fits = [("train", "training part", result.train), ("test", "test part", result.test)]
    fitted = [(part, name) for part, name, fit in fits if fit.ratios]
    columns = ["", "HR per SD", *(text for _, name in fitted for text in (f"refitted, {name}", "p"))]
    rows, more = [], []
    for each in result.dimensions:
        strongest = list(each.correlations.items())[:STRONGEST]
        ratios = [getattr(each, part) for part, _ in fitted]
        of_parts = [text for ratio in ratios for text in (_ratio(ratio), _p_of(ratio))]
        rows.append([f"z{each.number}", None if each.psi_sd is None else exp(each.psi_sd), *of_parts])
        more.append(
            [
                f"z{each.number}",
                each.train and _p(each.train.p_proportional),
                *(_stability(each.stability) if result.others else []),
                ", ".join(f"{name} {rho:+.2f}" for name, rho in strongest),
            ]
        )
    for effect in result.covariates:
        of_parts = [
            text for part, _ in fitted for text in (_ratio(getattr(effect, part)), _p_of(getattr(effect, part)))
        ]
        rows.append([effect.name, effect.hazard_ratio, *of_parts])
    show_table(columns, rows)
    names = ["", "proportional, p", *(["stability", "same sign"] if result.others else []), "correlates (Spearman)"]
    show_table(names, more)
    if result.causes:
        show_table(["", *(f"HR per SD, {name}" for name in result.causes)], _by_cause(result))
        show_lines(f"angle between the hazards of {pair}: {angle:.0f} degrees" for pair, angle in result.angles.items())
    if result.train.ratios or result.test.ratios:
        say("the encoder was trained on outcomes of the training part: only p values of the test part are valid")
        say(f"p values are not adjusted for {len(result.dimensions)} dimensions")
    if result.covariates:
        say("covariates: a number for one standard deviation of the training part, a category against the reference")
    for each in result.dimensions:
        if each.note:
            say(f"z{each.number} is excluded from the Cox models: {each.note}")
    for note in (*result.train.notes, *result.test.notes):
        say(note)


def _by_cause(result: Importance) -> list[list[object]]:
    """A row for each dimension: hazard ratio per SD of each competing cause."""
    columns = [values.tolist() for values in result.causes.values()]
    return [[f"z{number}", *(exp(value) for value in row)] for number, row in enumerate(zip(*columns, strict=True))]


def _part(fit: CoxFit) -> str:
    return f"{fit.n} subjects, {fit.n_events} events" + (f"; no Cox model: {fit.reason}" if fit.reason else "")


def _ratio(ratio: HazardRatio | None) -> str | None:
    return None if ratio is None else ratio.text


def _p_of(ratio: HazardRatio | None) -> str | None:
    return None if ratio is None else _p(ratio.p)


def _stability(stable: Stability | None) -> list[str | None]:
    if stable is None:
        return [None, None]
    return [f"{stable.similarity:.2f}", None if stable.same_sign is None else f"{stable.same_sign:.0%}"]


def _p(value: float) -> str:
    return "–" if isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
