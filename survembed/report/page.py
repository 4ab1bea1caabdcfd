"""The page itself: a template, filled; whatever it shows lies inside it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from survembed.storage.files import write_text


def write_page(content: Mapping[str, Any], path: Path) -> None:
    """Write the report as one HTML file that needs nothing else: no address, pictures inside, one small script.

    The page's own policy forbids the browser to load anything from anywhere, and to run another script.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["picture"] = lambda png: f"data:image/png;base64,{b64encode(png).decode()}"
    parts = {name: files("survembed.report").joinpath(name).read_text(encoding="utf-8") for name in PARTS}
    script, style = parts["page.js"], parts["page.css"]
    allowed = f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    text = page.from_string(parts["page.html"]).render(content, script=script, style=style, allowed=allowed)
    write_text(path, text)


PARTS = ("page.html", "page.css", "page.js")
