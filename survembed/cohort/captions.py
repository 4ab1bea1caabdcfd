"""Wording of titles and disclaimers."""

from __future__ import annotations

DISCLAIMER = "Research use only; not a medical device."
"""Stands on whatever says something of a single subject."""


def data_name(title: str, synthetic: bool) -> str:
    """The title of a cohort; synthetic data are called that."""
    return f"synthetic: {title}" if synthetic and "synthetic" not in title else title
