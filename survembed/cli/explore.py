"""`survembed explore`: a local page to walk through the latent space of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from survembed.cli.common import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, chosen_run
from survembed.cli.console import say, show_facts, show_json


def explore(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")] = 0,
    start: Annotated[
        str | None, typer.Option("--from", metavar="SUBJECT", help="Start at a subject's latents, not at zero.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Explore a run by hand: a local page with a slider for each latent dimension. Ctrl-C ends it."""
    chosen = chosen_run(run, runs_dir, "decode")

    import secrets
    import webbrowser
    from contextlib import suppress
    from urllib.parse import quote

    from survembed.cli.reporter import reporter
    from survembed.page.server import listen, page_app, page_server
    from survembed.runs.trained_model import TrainedModel
    from survembed.workflows.explore import Explorer

    speaker = reporter()
    with listen(port) as listening:
        explorer = Explorer(TrainedModel.open(chosen, reporter=speaker), speaker)
        if start is not None:
            explorer.subject(start)
        port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
        url = f"http://127.0.0.1:{port}/?token={token}" + (f"#from={quote(start, safe='')}" if start else "")
        with suppress(KeyboardInterrupt):  # from here on Ctrl-C is how it ends, and no failure
            facts = {"run": chosen.id, "data": explorer.describe()["title"], "page": url}
            show_json(facts) if as_json else show_facts(facts)
            say("Ctrl-C ends it; nothing leaves this machine")
            if browser:
                webbrowser.open(url)
            page_server(page_app(explorer, token, port)).run(sockets=[listening])
