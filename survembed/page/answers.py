"""Error responses in the standard format: JSON for the scripts of the page, text for a person."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from survembed.errors import SurvembedError


def refusal(request: Request, error: SurvembedError, status: int) -> Response:
    """An error as the response to a request."""
    if not request.url.path.startswith("/api/"):
        return PlainTextResponse(f"error: {error}\n", status)
    shape = {"message": error.message, "where": error.where, "expected": error.expected, "try": error.try_}
    return JSONResponse({"error": shape}, status)
