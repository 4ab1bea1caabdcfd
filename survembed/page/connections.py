"""Connections of the server: idle ones are closed, so that they block nobody."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_IDLE = 200
"""Maximum number of connections without a request in progress; beyond it the longest idle one is closed."""
IDLE_SECONDS = 10.0
"""Time without a complete request head after which a connection is closed."""


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 connection that is closed after `IDLE_SECONDS` without a request, or sooner where there are many.

    uvicorn alone waits for the first request for ever, and counts waiting connections as busy.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Close the longest idle connection where there are too many, and watch this one."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        idle = [each for each in self.connections if isinstance(each, ImpatientProtocol) and each.is_idle]
        if len(idle) > MOST_IDLE:
            min(idle, key=lambda each: each.idle_since).close()
        self._watch()

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress."""
        return not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete)

    def on_response_complete(self) -> None:
        """Idle from now on."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def close(self) -> None:
        """Close the connection; what the client has sent of a request is dropped."""
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._watching.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        left = IDLE_SECONDS
        if self.is_idle:
            left -= self.loop.time() - self.idle_since
            if left <= 0:
                self.close()
        self._watching: Any = self.loop.call_later(max(left, 0.1), self._watch)
