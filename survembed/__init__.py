"""Survival-oriented embeddings: CoxVAE and its companions, from images to hazards that can be read."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Before torch is loaded: threads that wait by spinning for long take the cores that others need.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from survembed.estimator import Embedder
    from survembed.report.single import report_on as report
    from survembed.workflows.api import embed, evaluate, predict, train, traverse

__version__ = "0.1.0"
__all__ = ["Embedder", "__version__", "embed", "evaluate", "predict", "report", "train", "traverse"]

_MODULES = {
    "Embedder": "survembed.estimator",
    **dict.fromkeys(("train", "embed", "evaluate", "traverse", "predict"), "survembed.workflows.api"),
}


def __getattr__(name: str) -> Any:
    """Functions and classes on first use: importing the package alone imports no torch."""
    if name == "report":
        return import_module("survembed.report")  # which can be called
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'survembed' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *(name for name in __all__ if name not in globals())]
