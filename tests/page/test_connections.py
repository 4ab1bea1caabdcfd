"""Connections that block others, and bodies that nobody asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from survembed.page import connections
from tests.page.conftest import Pages
from tests.page.served import Served

LONG = 200_000_000
resource = pytest.importorskip("resource", reason="no limits of open files on this system")


@pytest.fixture
def served(pages: Pages) -> Served:
    return pages("volume")


@pytest.fixture
def many_files() -> Iterator[None]:
    """Files for 1,100 sockets at both ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("fewer than 4,096 open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=60)


def test_idle_connections_block_nobody(served: Served, many_files: None) -> None:
    with ExitStack() as opened:
        for number in range(1100):
            opened.enter_context(connect(served)).sendall(b"GET / HTTP/1.1\r\nHost: 127" if number % 2 else b"")
        assert served.post("/api/decode", {"z": [0, 0]})[0] == 200


def test_a_connection_without_a_request_is_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.2)
    with connect(served) as silent, connect(served) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert (silent.recv(1), slow.recv(1)) == (b"", b"")


def answer_to(served: Served, head: str, piece: bytes = b"") -> tuple[str, int]:
    """What the server says to a request whose body does not end, and how many pieces it took before it closed."""
    sent = 0
    with connect(served) as client:
        client.sendall(f"POST /api/decode HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{head}\r\n\r\n".encode())
        text = b""
        while more := client.recv(65536):
            text += more
        try:
            while sent < 100:
                client.sendall(piece or bytes(1_000_000))
                sent += 1
        except OSError:
            pass
    return text.decode(), sent


@pytest.mark.parametrize("length", [f"Content-Length: {LONG}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("token", ["", "Authorization: Bearer wrong\r\n"])
def test_no_body_is_read_without_the_token(served: Served, length: str, token: str) -> None:
    text, sent = answer_to(served, f"{token}Content-Type: application/json\r\n{length}")
    assert text.startswith("HTTP/1.1 403")
    assert "connection: close" in text
    assert sent < 100


def test_a_long_body_is_refused_before_it_is_read(served: Served) -> None:
    with_token = f"Authorization: Bearer {served.token}\r\nContent-Type: application/json"
    text, sent = answer_to(served, f"{with_token}\r\nContent-Length: {LONG}")
    assert text.startswith("HTTP/1.1 413")
    assert "the request is larger than 65536 bytes" in text
    assert sent < 100


def test_a_long_body_in_chunks_is_read_to_the_limit(served: Served) -> None:
    with_token = f"Authorization: Bearer {served.token}\r\nContent-Type: application/json"
    first = f"{with_token}\r\nTransfer-Encoding: chunked\r\n\r\n{LONG:x}\r\n" + "0" * 80_000
    text, sent = answer_to(served, first)
    assert text.startswith("HTTP/1.1 413")
    assert sent < 100


def test_a_short_body_is_answered_and_the_connection_kept(served: Served) -> None:
    assert [served.post("/api/decode", {"z": [0, 0]})[0] for _ in range(2)] == [200, 200]
    assert Served(served.port, "wrong").post("/api/decode", {"z": [0, 0]})[0] == 403
