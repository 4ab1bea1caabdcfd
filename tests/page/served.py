"""`survembed explore` in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    run: Path

    @property
    def home(self) -> str:
        """Its address without the token."""
        return f"http://{urlsplit(self.url).netloc}/"

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.url).query)["token"][0]

    def post(self, path: str, asked: Any) -> tuple[int, bytes]:
        """Status and body, over a connection of its own."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        connection.request("POST", path, json.dumps(asked), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def stop(self, with_signal: int = signal.SIGINT) -> int:
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        code = self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


def serving(run: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Served:
    """Start it, and read its address from what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "survembed", "explore", "--run", str(run), "--no-browser", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("}"):
            return Served(process, json.loads(said)["page"], run)
    assert process.stderr is not None
    raise AssertionError(f"no page: {process.stderr.read()}")
