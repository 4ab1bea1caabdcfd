"""Opens the page in the web browser without its token on a command line, which every user of the computer can read."""

from __future__ import annotations

import html
import os
import secrets
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from survembed.progress import Reporter

NAME = "open-explore-{}.html"


@contextmanager
def opened_in_browser(url: str, folder: Path, reporter: Reporter) -> Iterator[None]:
    """Open `url` in the browser through a file in `folder` that leads there, which the user alone can read.

    The file is removed at the end; one that was left by a process that was killed is removed first. Its token is void.
    """
    for stale in folder.glob(NAME.format("*")):
        with suppress(OSError):
            stale.unlink()
    path = folder.absolute() / NAME.format(secrets.token_hex(4))
    try:
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(f'<!doctype html>\n<meta http-equiv="refresh" content="0; url={html.escape(url)}">\n')
            webbrowser.open(path.as_uri())
        except OSError as error:
            reporter.warn(f"the browser is not opened: {error.strerror}; open the printed address")
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
