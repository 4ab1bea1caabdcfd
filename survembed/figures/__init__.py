"""Figures, one module each: numbers in, PNG and PDF out."""

from __future__ import annotations

from survembed.errors import UsageError, corrected, nearest

FIGURES = {
    "latents": "PCA of the latents, models side by side, coloured by duration (the paper's Figure 2)",
    "traversal": "images decoded along each latent dimension and along the hazard (Figure 3)",
    "tau": "PCA of the latents for several τ (Figure 4); for a sweep also C, IBS and reconstruction over τ",
    "survival": "Kaplan-Meier curves of test subjects by predicted risk, with numbers at risk and log-rank test",
    "calibration": "observed against predicted risk, with the calibration slope",
    "brier": "Brier score over time, compared with the Kaplan-Meier null model",
    "decision": "net benefit of treating by the predicted risk, of treating all and of treating nobody",
    "importance": "hazard ratio of each latent dimension",
    "history": "learning curves: each term of the loss and its share",
}
"""Names and descriptions for `survembed figure`; `figures/draw.py` draws them."""


def require_figure(name: str, where: str) -> None:
    """Raise an error for an unknown figure; `where` is the command line.

    Raises
    ------
    UsageError
        With the nearest name as a remedy.
    """
    if name not in FIGURES:
        close = nearest(name, FIGURES)
        raise UsageError(
            f"no figure named '{name}'",
            where=where,
            expected=f"one of {', '.join(FIGURES)}",
            try_=corrected(where, name, close) if close else None,
        )
