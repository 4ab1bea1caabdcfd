"""The server of the page: routes to an `Explorer`, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from survembed.errors import DataError, SurvembedError, UsageError
from survembed.page.answers import refusal
from survembed.page.connections import ImpatientProtocol
from survembed.page.guard import BODY_LIMIT, Guard
from survembed.storage.cores import available_cores
from survembed.workflows.explore import Explorer

STATIC = Path(__file__).parent / "static"
DECODERS = 4
"""Maximum number of images decoded at the same time, one thread each; a second thread does not help at 64³ voxels."""
CONNECTIONS = 1024
"""Maximum number of connections; beyond it the server responds with 503."""
BACKLOG = 128
"""Connections accepted at once: below the usual limit of open files."""

Answer = TypeVar("Answer")


def page_app(explorer: Explorer, token: str, port: int) -> ASGIApp:
    """The application with access control.

    Parameters
    ----------
    explorer
        Source of images and numbers.
    token
        Secret that each request must contain.
    port
        Port of the server, part of the accepted Host header.
    """
    site = _Site(explorer)
    app = Starlette(
        routes=[
            Route("/", site.page),
            Route("/api/run", site.run),
            Route("/api/subjects", site.subjects),
            Route("/api/subject/{name:path}", site.subject),
            Route("/api/image/{name:path}", site.image),
            Route("/api/decode", site.decode, methods=["POST"]),
            Route("/api/nifti", site.nifti, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={SurvembedError: _refused, HTTPException: _no_such_page, Exception: _bug},
    )
    return Guard(app, token, port)


class _Site:
    """Handlers of the routes."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        workers = min(DECODERS, available_cores())
        self.pool = ThreadPoolExecutor(workers, "decode", initializer=torch.set_num_threads, initargs=(1,))

    async def page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def run(self, request: Request) -> Response:
        return JSONResponse(self.explorer.describe())

    async def subjects(self, request: Request) -> Response:
        return await self._work(lambda: JSONResponse(self.explorer.subjects()))

    async def subject(self, request: Request) -> Response:
        return JSONResponse(self.explorer.subject(request.path_params["name"]))

    async def image(self, request: Request) -> Response:
        content = await self._work(lambda: self.explorer.stored_image(request.path_params["name"]))
        return Response(content, media_type="application/octet-stream")

    async def decode(self, request: Request) -> Response:
        parameters = await _body(request)

        def answer() -> Response:
            start = time.perf_counter()
            place, covariates = self.explorer.place(parameters), self.explorer.covariates(parameters)
            content = self.explorer.scene(place, covariates).to_bytes()
            spent = {"server-timing": f"decode;dur={(time.perf_counter() - start) * 1000:.2f}"}
            return Response(content, media_type="application/octet-stream", headers=spent)

        return await self._work(answer)

    async def nifti(self, request: Request) -> Response:
        parameters = await _body(request)

        def answer() -> bytes:
            place, covariates = self.explorer.place(parameters), self.explorer.covariates(parameters)
            return self.explorer.nifti(place, parameters.get("channel"), covariates)

        content = await self._work(answer)
        return Response(content, media_type="application/gzip")

    async def _work(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)


async def _body(request: Request) -> dict[str, Any]:
    """JSON object in the body of a request."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UsageError("the request is not JSON", where="Content-Type", expected="application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"the request is larger than {BODY_LIMIT} bytes")
    parameters = None
    with suppress(ValueError, RecursionError):
        parameters = json.loads(body)
    if not isinstance(parameters, dict):
        raise UsageError("the request is not JSON", where="body", expected='an object such as {"z": [0, 0]}')
    return parameters


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SurvembedError)
    return refusal(request, error, 404 if isinstance(error, DataError) else 400)


async def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    usage_error = UsageError(error.detail[:1].lower() + error.detail[1:], where=request.url.path[:200])
    return refusal(request, usage_error, error.status_code)


async def _bug(request: Request, error: Exception) -> Response:
    return refusal(request, SurvembedError("this is a bug in survembed; see the terminal for details"), 500)


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; port 0 for any free port.

    Raises
    ------
    UsageError
        When the port is in use or not permitted.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # on Windows this option lets two servers share the port
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("127.0.0.1", port))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        taken = error.errno == errno.EADDRINUSE
        raise UsageError(
            f"port {port} is in use" if taken else f"port {port} cannot be used: {error.strerror}",
            where=f"--port {port}",
            expected="a free port",
            try_="--port 0 for any free port",
        ) from error
    return server


def page_server(app: ASGIApp) -> uvicorn.Server:
    """Server of the application; `run(sockets=[listen(port)])` serves until SIGINT (Ctrl-C) or SIGTERM."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        backlog=BACKLOG,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)
