"""Sphinx: Markdown pages and the API from docstrings; nothing is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

from survembed import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "survembed"
author = "the survembed developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "survembed"
mathjax_path = "mathjax.js"  # put MathJax there to set formulae; without it they stay TeX, as no page asks the network
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
exclude_patterns = ["_build", "notebook.ipynb"]
napoleon_use_ivar = True
napoleon_attr_annotations = False
suppress_warnings = ["ref.python"]  # a word such as `shape` in a type is no reference


def as_text(_app: object, _what: str, _name: str, _of: object, _options: object, lines: list[str]) -> None:
    """Docstrings write shapes as (n, C, *spatial): no emphasis begins there."""
    lines[:] = [line.replace("*", r"\*") for line in lines]


def accessible(app: object, _error: object) -> None:
    """Levels of the captions, which Sphinx makes headings without one; code that scrolls can be reached by keyboard."""
    for page in Path(app.outdir).rglob("*.html"):  # type: ignore[attr-defined]
        text = page.read_text(encoding="utf-8")
        text = text.replace('role="heading">', 'role="heading" aria-level="2">').replace("<pre>", '<pre tabindex="0">')
        page.write_text(text, encoding="utf-8")


def setup(app: object) -> None:
    """Hook into autodoc, before napoleon, and add the directive `command`."""
    from command_pages import CommandPage

    app.add_directive("command", CommandPage)  # type: ignore[attr-defined]
    app.connect("build-finished", accessible)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", as_text, priority=100)  # type: ignore[attr-defined]
