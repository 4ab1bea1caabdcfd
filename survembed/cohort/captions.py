"""Wording of titles and disclaimers."""

from __future__ import annotations

DISCLAIMER = "Research use only; not a medical device."
"""Shown with every result for a single subject."""


def data_name(title: str, synthetic: bool) -> str:
    """Title of a cohort, marked if its data are synthetic."""
    return f"synthetic: {title}" if synthetic and "synthetic" not in title else title
