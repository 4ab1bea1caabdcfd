"""`survembed explore`: a local web page that shows the latent space of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from survembed.cli.console import say, show_facts, show_json
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Cause,
    RunName,
    RunsDir,
    ShownChannel,
    StartSubject,
    chosen_run,
)


def explore(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 for any free port.")] = 0,
    start: StartSubject = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the web browser.")] = True,
    cause: Cause = None,
    channel: ShownChannel = None,
    run: RunName = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Open a local web page with a slider for each latent dimension of a run. Ctrl-C stops it."""
    chosen = chosen_run(run, runs_dir, "decode")

    import secrets
    from contextlib import ExitStack, suppress
    from urllib.parse import quote

    from survembed.cli.reporter import reporter
    from survembed.page.opening import opened_in_browser
    from survembed.page.server import listen, page_app, page_server
    from survembed.runs.trained_model import TrainedModel
    from survembed.workflows.explore import Explorer

    progress = reporter()
    with listen(port) as listening:
        trained = TrainedModel.open(chosen, reporter=progress, cause=cause, channel=channel)
        explorer = Explorer(trained, progress)
        if start is not None:
            explorer.subject(start)
        port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
        url = f"http://127.0.0.1:{port}/?token={token}" + (f"#from={quote(start, safe='')}" if start else "")
        with suppress(KeyboardInterrupt), ExitStack() as until_the_end:  # Ctrl-C is the normal end, not an error
            facts = {"run": chosen.id, "data": explorer.describe()["title"], "page": url}
            show_json(facts) if as_json else show_facts(facts)
            say("press Ctrl-C to stop; no data leave this computer")
            if browser:
                until_the_end.enter_context(opened_in_browser(url, chosen.path, progress))
            page_server(page_app(explorer, token, port)).run(sockets=[listening])
    raise typer.Exit  # with code 0 after Ctrl-C, too
