"""The server of the page: what it answers, and to whom."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from survembed.page import server
from survembed.page.server import page_app
from tests.page.conftest import Explorers
from tests.workflows.test_explore import unpacked

TOKEN, PORT = "the-token", 8123
HOME = f"http://127.0.0.1:{PORT}"
HERE = {"z": [0.7, -1.2]}
EVERYWHERE = ["/", "/static/app.js", "/api/run", "/api/subject/s001", "/nowhere"]


@pytest.fixture
def stranger(explorers: Explorers) -> TestClient:
    """Someone who does not know the token."""
    return TestClient(page_app(explorers("volume"), TOKEN, PORT), base_url=HOME, raise_server_exceptions=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A browser that has opened the page."""
    assert stranger.get(f"/?token={TOKEN}").status_code == 200
    return stranger


def test_the_page_hands_out_a_cookie_that_scripts_cannot_read(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}")
    assert "<!doctype html>" in answer.text
    assert answer.headers["set-cookie"] == f"survembed-{PORT}={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert stranger.get("/").status_code == 200
    assert "set-cookie" not in stranger.get("/?token=wrong").headers


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("token", [None, "the-toke", "the-token2", "%C3%A9%00"])
def test_nothing_without_the_token(stranger: TestClient, path: str, token: str | None) -> None:
    answer = stranger.get(path + ("" if token is None else f"?token={token}"))
    assert answer.status_code == 403
    assert "the token is missing or wrong" in answer.text
    assert "try" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_program_may_send_the_token_in_a_header(stranger: TestClient) -> None:
    assert stranger.get("/api/run", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    for wrong in (f"Basic {TOKEN}", "Bearer wrong", "Bearer", TOKEN):
        assert stranger.get("/api/run", headers={"authorization": wrong}).status_code == 403
    assert stranger.get("/api/run", headers={"cookie": f"survembed-{PORT}=wrong"}).status_code == 403
    assert stranger.get("/api/run", headers={"cookie": "\x00;=;;"}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"[::1]:{PORT}", ""]
)
@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_foreign_host(client: TestClient, host: str, path: str) -> None:
    answer = client.get(f"{path}?token={TOKEN}", headers={"host": host})
    assert answer.status_code == 403
    assert "this server accepts requests only from its own computer" in answer.text


def test_localhost_is_this_machine_too(stranger: TestClient) -> None:
    given = {"host": f"localhost:{PORT}", "authorization": f"Bearer {TOKEN}"}
    assert stranger.get("/api/run", headers=given).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9999", "null", f"https://127.0.0.1:{PORT}"]
)
def test_requests_from_other_pages_are_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/api/decode", json=HERE, headers={"origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "requests from other pages are not allowed"
    assert client.post("/api/decode", json=HERE, headers={"origin": HOME}).status_code == 200


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_forbids_what_it_can(stranger: TestClient, path: str, known: bool) -> None:
    headers = stranger.get(path, headers={"authorization": f"Bearer {TOKEN}"} if known else {}).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_run_and_subjects(client: TestClient) -> None:
    run, cohort = client.get("/api/run").json(), client.get("/api/subjects").json()
    assert run["title"] == "synthetic planted volume"
    assert (run["shape"], run["has_head"]) == ([6, 7, 8], True)
    assert {len(column) for column in cohort.values()} == {80}
    assert client.get("/api/subject/s001").json()["duration"] == pytest.approx(cohort["duration"][1], abs=1e-3)


def test_decode(client: TestClient, explorers: Explorers) -> None:
    answer = client.post("/api/decode", json=HERE)
    numbers, voxels = unpacked(answer.content)
    assert voxels.shape == (2 * 6 * 7 * 8,)
    assert answer.content == explorers("volume").scene(explorers("volume").place(HERE)).to_bytes()
    assert re.fullmatch(r"decode;dur=\d+\.\d\d", answer.headers["server-timing"])
    moved, _ = unpacked(client.post("/api/decode", json=HERE | {"hazard": 1}).content)
    assert moved["log_hazard"] == pytest.approx(numbers["log_hazard"] + numbers["hazard_sd"], rel=1e-4)


def test_the_image_of_a_subject(client: TestClient, explorers: Explorers) -> None:
    cohort = explorers("volume").cohort
    assert cohort is not None
    answer = client.get("/api/image/s001")
    assert answer.content == np.rint(cohort.images([1])[0] * 255).astype(np.uint8).tobytes()
    assert client.get("/api/image/s01").status_code == 404


def test_images_that_are_not_on_this_computer(
    client: TestClient, explorers: Explorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorers("volume"), "cohort", None)
    assert client.get("/api/run").json()["has_images"] is False
    assert client.get("/api/image/s001").json()["error"]["message"] == "the images of the cohort are not here"


def test_nifti(client: TestClient) -> None:
    answer = client.post("/api/nifti", json=HERE | {"channel": "tumour"})
    assert (answer.status_code, answer.content[:2]) == (200, b"\x1f\x8b")
    wrong = client.post("/api/nifti", json=HERE | {"channel": "../../etc/passwd"})
    assert wrong.json()["error"] == {
        "message": "no such channel",
        "where": "channel",
        "expected": "one of ct, tumour",
        "try": None,
    }


def test_an_unknown_subject_is_answered_with_the_nearest(client: TestClient) -> None:
    answer = client.get("/api/subject/s01")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "no subject 's01' in the cohort"
    assert answer.json()["error"]["try"].startswith("s0")
    assert client.get("/api/subject/%2e%2e%2f%00").status_code == 404


BAD = {
    "NaN": ('{"z": [NaN, 0]}', 400),
    "far": ('{"z": [1e9, 0]}', 400),
    "wrong length": ('{"z": [0]}', 400),
    "words": ('{"z": ["a", 0]}', 400),
    "no z": ("{}", 400),
    "a list": ("[0, 0]", 400),
    "not JSON": ("z=0", 400),
    "nothing": ("", 400),
    "not UTF-8": (b"\xff\xfe\x00", 400),
    "deep": ("[" * 60_000, 400),
    "digits": ('{"z": [' + "9" * 60_000 + ", 0]}", 400),
    "huge": (" " * 10_000_000, 413),
}


@pytest.mark.parametrize("name", BAD)
def test_absurd_requests_are_refused_in_the_house_shape(client: TestClient, name: str) -> None:
    body, status = BAD[name]
    for path in ("/api/decode", "/api/nifti"):
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "where", "expected", "try"}
        assert "Traceback" not in answer.text
    assert client.post("/api/decode", json=HERE).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/decode", 405),
        ("POST", "/api/run", 405),
        ("GET", "/api/nothing", 404),
        ("GET", "/static/../server.py", 404),
        ("GET", "/static/..%2fserver.py", 404),
    ],
)
def test_other_addresses(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    if path.startswith("/api/"):
        assert answer.json()["error"]["where"] == path


def test_a_form_of_another_page_is_no_request(client: TestClient) -> None:
    answer = client.post("/api/decode", content=json.dumps(HERE), headers={"content-type": "text/plain"})
    assert answer.status_code == 400
    assert answer.json()["error"]["expected"] == "application/json"


def test_a_bug_is_told_without_a_traceback(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("survembed.workflows.explore.Explorer.scene", lambda *_: 1 / 0)
    answer = client.post("/api/decode", json=HERE)
    assert answer.status_code == 500
    assert answer.json()["error"]["message"].startswith("this is a bug in survembed")
    assert "ZeroDivision" not in answer.text


def test_the_page_names_no_other_place() -> None:
    names = {path.name for path in Path(server.STATIC).iterdir()}
    assert {"index.html", "app.js", "style.css"} <= names
    for path in Path(server.STATIC).iterdir():
        found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", re.sub(r"(?m)^\s*//.*$", "", path.read_text()))
        assert set(found) <= {"http://www.w3.org/2000/svg"}, path.name
