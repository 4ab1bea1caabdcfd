"""How every figure looks, and how it is saved: PNG and PDF, fonts embedded, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from survembed.storage.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with every kind of colour vision.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
COLOURS = (BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9")

GREY = "0.45"

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it: the same letters on every machine
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.3",
    "axes.titlesize": 9,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "pdf.fonttype": 42,
    "savefig.dpi": 150,
    "figure.dpi": 100,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Our style, without a display and without touching the caller's settings."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, bound to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def entitle(figure: Figure, text: str) -> None:
    """The line above a figure, in several lines of about the same length where the figure is narrow."""
    letters_an_inch = 12
    most = int(letters_an_inch * figure.get_figwidth())
    count = len(wrap(text, most))
    lines = next(lines for width in range(len(text) // count, most + 1) if len(lines := wrap(text, width)) <= count)
    figure.suptitle("\n".join(lines), fontsize=10)


def save(figure: Figure, path: Path) -> list[Path]:
    """Write `path` with the suffixes `.png` and `.pdf`; neither holds a date, so equal figures are equal files."""
    written = []
    for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None, "Producer": None})):
        target = path.with_suffix(suffix)
        with drawing(), replacing(target) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=metadata)
        figure.set_layout_engine("none")  # what the first file has found holds for the other: it takes long to find
        written.append(target)
    return written
