"""Access control: only the browser of this computer with the token is served; security headers of all responses."""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from survembed.errors import SurvembedError, UsageError
from survembed.page.answers import refusal

HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


BODY_LIMIT = 65_536
"""Maximum size of a request in bytes: a thousand latents in full precision."""


class Guard:
    """Accepts requests with a local Host header, no foreign Origin, and the token.

    The token is in the query of the printed address (`?token=…`) or in an `Authorization: Bearer` header. The server
    also sets it as a cookie, so that the address of the page does not need it. The check of Host prevents DNS
    rebinding: a foreign domain name that resolves to 127.0.0.1. Cookies do not depend on the port, so the check of
    Origin excludes pages of other local servers. No byte of a body is read before these checks. The rest of a body that
    is longer than `BODY_LIMIT`, or of unknown length, is not read either: the response closes the connection.

    Parameters
    ----------
    app
        The application to protect.
    token
        The secret.
    port
        Port of the server.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token = app, token.encode()
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"} | ({"127.0.0.1", "localhost"} if port == 80 else set())
        self.cookie = f"survembed-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        headers, given = Headers(scope=scope), parse_qs(scope["query_string"].decode("latin-1"))
        token = given.get("token", [""])[-1]
        error, status = self._error_of(headers, token), 403
        is_long = int(headers.get("content-length", "0")) > BODY_LIMIT  # h11 refuses other text than digits
        has_rest = is_long or "transfer-encoding" in headers
        if error is None and is_long:
            error, status = UsageError(f"the request is larger than {BODY_LIMIT} bytes", where="Content-Length"), 413

        async def receive_guarded() -> Message:
            nonlocal has_rest
            message = await receive()
            has_rest = has_rest and bool(message.get("more_body"))
            return message

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = MutableHeaders(scope=message)
                ours.update(HEADERS)
                if has_rest:
                    ours["connection"] = "close"
                if self._is_token(token):
                    ours["set-cookie"] = f"{self.cookie}={token}; Path=/; HttpOnly; SameSite=Strict"
            await send(message)

        answer = self.app if error is None else refusal(Request(scope), error, status)
        await answer(scope, receive_guarded, send_guarded)

    def _error_of(self, headers: Headers, token: str) -> SurvembedError | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self.hosts:
            return UsageError(
                "this server accepts requests only from its own computer",
                where=f"Host: {host[:100]}",
                expected=" or ".join(sorted(self.hosts)),
                try_="the address that survembed explore printed",
            )
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return UsageError("requests from other pages are not allowed", where=f"Origin: {origin[:100]}")
        if not any(self._is_token(each) for each in (token, self._bearer(headers), self._from_cookie(headers))):
            return UsageError(
                "the token is missing or wrong",
                expected="the token of the running survembed explore",
                try_="the complete address that survembed explore printed",
            )
        return None

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self.token)

    def _bearer(self, headers: Headers) -> str:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        return value if scheme.lower() == "bearer" else ""

    def _from_cookie(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return found.value if found else ""
