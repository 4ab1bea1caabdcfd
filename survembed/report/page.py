"""The HTML file of the report: a filled template that contains everything it shows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from survembed.report.privacy import hide_paths
from survembed.storage.files import write_text


def write_page(content: Mapping[str, Any], path: Path, hidden: Iterable[str | Path] = ()) -> None:
    """Write the report as one HTML file without links: pictures inside, one small script.

    The content security policy of the page forbids the browser to load anything, and to run any other script.

    Parameters
    ----------
    content
        Variables of the template.
    path
        The file.
    hidden
        Paths to remove from every text, besides those that look like one; see `hide_paths`.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def without_paths(value: Any) -> Any:
        return hide_paths(value, hidden) if type(value) is str else value

    page = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=without_paths
    )
    # Base64 needs no escaping and holds no path.
    page.filters["picture"] = lambda png: Markup(f"data:image/png;base64,{b64encode(png).decode()}")  # noqa: S704
    template, style, script = (
        files("survembed.report").joinpath(name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", "page.js")
    )
    allowed = f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    variables = {"script": Markup(script), "style": Markup(style), "allowed": Markup(allowed)}  # noqa: S704
    write_text(path, page.from_string(template).render(content, **variables))
