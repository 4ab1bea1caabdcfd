"""Style and saving of all figures: PNG and PDF, embedded fonts, equal bytes for equal numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from survembed.storage.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, distinct under every kind of colour vision.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
COLOURS = (BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9")

GREY = "0.45"

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # part of matplotlib: the same glyphs on every machine
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
    """Context with the style of survembed; the settings of the caller are kept."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches, without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def entitle(figure: Figure, text: str) -> None:
    """Set the title of a figure, wrapped into lines of about equal length where the figure is narrow."""
    max_width = int(12 * figure.get_figwidth())  # about 12 characters per inch
    count = len(wrap(text, max_width))
    widths = range(len(text) // count, max_width + 1)
    lines = next(lines for width in widths if len(lines := wrap(text, width)) <= count)
    figure.suptitle("\n".join(lines), fontsize=10)


def annotate(figure: Figure, lines: Iterable[str], size: float, **style: Any) -> None:
    """Write lines under a figure, each wrapped to its width."""
    width = int(130 * figure.get_figwidth() / size)  # at 8 points about 16 characters per inch
    figure.supxlabel("\n".join("\n".join(wrap(line, width)) for line in lines), fontsize=size, **style)


def save(figure: Figure, path: Path) -> list[Path]:
    """Write `path` with the suffixes `.png` and `.pdf`, without dates, so that equal figures are equal files."""
    written = []
    for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None, "Producer": None})):
        target = path.with_suffix(suffix)
        with drawing(), replacing(target) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=metadata)
        figure.set_layout_engine("none")  # keep the layout of the first file: it takes long to compute
        written.append(target)
    return written


def p_value_text(p_value: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
