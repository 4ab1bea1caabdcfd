"""The Cox loss beside pycox's and torchsurv's, forward and backward, from 16 to a million subjects, in one run.

    pip install pycox torchsurv      # the peers; one that is missing is left out
    python benchmarks/cox.py [--threads 2] [--out benchmarks/results/cox.md]

Times are the best of many rounds in turn. Exactness is judged on durations in whole months, where nearly all are tied:
the largest difference to a sum over every risk set in float64, which nobody could afford beyond some thousand subjects.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from survembed.survival.cox_loss import cox_loss

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
SIZES = (16, 256, 4096, 65536, 1_000_000)


def contenders() -> dict[str, Loss]:
    """Ours first."""
    found: dict[str, Loss] = {
        "survembed Breslow": cox_loss,
        "survembed Efron": lambda r, t, e: cox_loss(r, t, e, ties="efron"),
    }
    try:
        from pycox.models.loss import cox_ph_loss

        found["pycox"] = lambda r, t, e: cox_ph_loss(r, t, e.float())
    except ImportError as error:
        print(f"pycox is left out: {error}")
    try:
        from torchsurv.loss.cox import neg_partial_log_likelihood

        for ties in ("breslow", "efron"):
            found[f"torchsurv {ties.title()}"] = lambda r, t, e, ties=ties: neg_partial_log_likelihood(
                r, e, t, ties_method=ties
            )
    except ImportError as error:
        print(f"torchsurv is left out: {error}")
    return found


def subjects(n: int, *, tied: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Log-hazards, durations and events of n subjects; tied: in whole months."""
    generator = torch.Generator().manual_seed(n)
    duration = torch.rand(n, generator=generator, dtype=torch.float64) * 3000
    if tied:
        duration = (duration / 30.4).ceil()
    event = torch.rand(n, generator=generator) < 0.6
    return torch.randn(n, generator=generator), duration.float(), event


def by_hand(r: Tensor, duration: Tensor, event: Tensor) -> float:
    """Equation (2) as it stands, every risk set summed by itself."""
    r = r.double()
    terms = [r[i] - torch.logsumexp(r[duration >= duration[i]], 0) for i in torch.nonzero(event).flatten()]
    return float(-torch.stack(terms).mean())


def once(loss: Loss, data: tuple[Tensor, Tensor, Tensor]) -> float:
    r = data[0].clone().requires_grad_()
    start = time.perf_counter()
    loss(r, data[1], data[2]).backward()
    return time.perf_counter() - start


def main(
    threads: Annotated[int, typer.Option(help="Of the processor.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Where the table is kept.")] = None,
) -> None:
    """Time, compare, print ratios."""
    torch.set_num_threads(threads)
    losses = contenders()
    times: dict[str, list[float]] = {name: [] for name in losses}
    for n in SIZES:
        data = subjects(n, tied=False)
        best = dict.fromkeys(losses, float("inf"))
        for _ in range(max(5, min(300, 2_000_000 // n))):
            for name, loss in losses.items():
                best[name] = min(best[name], once(loss, data))
        for name, value in best.items():
            times[name].append(value)
    small = subjects(2000, tied=True)
    truth = by_hand(*small)
    per_time = len(small[1][small[2]].unique()) / int(small[2].sum())  # torchsurv's mean is over distinct event times
    header = ["ms, forward and backward", *(f"n = {n:,}" for n in SIZES), "error under ties"]
    lines = [
        "# Cox loss",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {threads} threads, torch {torch.__version__}; the best of many rounds in turn; "
        "in brackets, times pycox's.",
        "",
        f"| {' | '.join(header)} |",
        "|---" * len(header) + "|",
    ]
    for name, row in times.items():
        cells = [
            f"{1e3 * value:.3f}" + (f" ({value / times['pycox'][index]:.2f})" if "pycox" in times else "")
            for index, value in enumerate(row)
        ]
        value = float(losses[name](*small)) * (per_time if name.startswith("torchsurv") else 1.0)
        error = "other ties" if "fron" in name else f"{abs(value - truth):.1e}"
        lines.append(f"| {' | '.join([name, *cells, error])} |")
    print("\n".join(lines))
    if out:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
