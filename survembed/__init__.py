"""Survival-oriented embeddings: CoxVAE and its companions, from images to hazards that can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Before torch is loaded: threads that wait by spinning for long take the cores that others need.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from survembed.estimator import Embedder

__version__ = "0.1.0"
__all__ = ["Embedder", "__version__"]


def __getattr__(name: str) -> Any:
    """`Embedder` on first use: importing the package alone imports no torch."""
    if name == "Embedder":
        from survembed.estimator import Embedder

        return Embedder
    raise AttributeError(f"module 'survembed' has no attribute {name!r}")
