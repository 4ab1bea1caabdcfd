"""The page of an explorer, served in a thread, and a client that asks it."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass
from typing import Any

from survembed.page.server import listen, page_app, page_server
from survembed.workflows.explore import Explorer

TOKEN = "the-token"


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    token: str = TOKEN
    stop: Any = None

    @classmethod
    def of(cls, explorer: Explorer) -> Served:
        listening = listen(0)
        port = listening.getsockname()[1]
        server = page_server(page_app(explorer, TOKEN, port))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(20)
            listening.close()

        return cls(port, stop=stop)

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def url(self) -> str:
        """The address with the token."""
        return f"{self.home}?token={self.token}"

    def post(self, path: str, asked: Any) -> tuple[int, bytes]:
        """Status and body, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        connection.request("POST", path, json.dumps(asked), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body
