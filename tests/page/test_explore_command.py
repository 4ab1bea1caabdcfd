"""`survembed explore` as a user starts it, and as many clients at once ask it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from survembed.runs.run import Run
from tests.cli.command import Answer, survembed
from tests.page.conftest import Explorers, Pages
from tests.page.served import Served


def explore(capsys: pytest.CaptureFixture[str], explorers: Explorers, *arguments: str) -> Answer:
    run = explorers("digits").trained.run
    return survembed(capsys, "explore", "--no-browser", "--run", str(run.path), *arguments)


def test_a_port_in_use(capsys: pytest.CaptureFixture[str], explorers: Explorers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = explore(capsys, explorers, "--port", str(port))
    assert (answer.code, answer.out) == (2, "")
    assert f"error: port {port} is in use\n  where:    --port {port}\n" in answer.err
    assert "try:      --port 0 for any free port" in answer.err


def test_an_unknown_subject(capsys: pytest.CaptureFixture[str], explorers: Explorers) -> None:
    answer = explore(capsys, explorers, "--from", "digit-99999")
    assert answer.code == 4
    assert "error: no subject 'digit-99999' in the cohort" in answer.err
    assert "try:      digit-" in answer.err


def test_a_run_that_cannot_decode(capsys: pytest.CaptureFixture[str], explorers: Explorers, tmp_path: Path) -> None:
    able = explorers("digits").trained.run
    shutil.copytree(able.path, tmp_path / able.id)
    shutil.copytree(able.path, tmp_path / "blind")
    Run(tmp_path / "blind").update(model="deepsurv", abilities=["hazard"])
    answer = survembed(capsys, "explore", "--no-browser", "--run", "blind", "--runs-dir", str(tmp_path))
    assert answer.code == 5
    assert "run blind is a deepsurv, which cannot decode latents into images" in answer.err
    assert f"try:      --run {able.id}" in answer.err


def test_the_address_is_printed_and_ctrl_c_ends_it(explorers: Explorers) -> None:
    command = [sys.executable, "-m", "survembed", "explore", "--no-browser", "--from", "digit-0007"]
    command += ["--run", str(explorers("digits").trained.run.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = "".join(next(process.stdout) for _ in range(3))
    found = re.search(r"^page  http://127\.0\.0\.1:(\d+)/\?token=([\w-]{32})#from=digit-0007$", said, re.M)
    assert found
    assert Served(int(found[1]), found[2]).post("/api/decode", {"z": [0] * 8})[0] == 200
    assert Served(int(found[1]), "another").post("/api/decode", {"z": [0] * 8})[0] == 403
    process.send_signal(signal.SIGINT)
    rest, words = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "")
    assert words.splitlines()[-1] == "press Ctrl-C to stop; no data leave this computer"


def test_the_browser_gets_a_file_that_nobody_else_can_read(
    capsys: pytest.CaptureFixture[str], explorers: Explorers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(explorers("digits").trained.run.path, tmp_path / "run")
    stale = tmp_path / "run" / "open-explore-0.html"
    stale.touch()
    opened: list[str] = []

    def browse(address: str) -> None:
        (file,) = (tmp_path / "run").glob("open-explore-*.html")
        assert file != stale
        assert file.stat().st_mode & 0o777 == 0o600
        opened.extend([address, file.as_uri(), file.read_text()])
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", browse)
    answer = survembed(capsys, "explore", "--run", str(tmp_path / "run"))
    assert answer.code == 0, answer.err
    found = re.search(r"http://\S+token=([\w-]+)", answer.out)
    assert found
    assert opened[0] == opened[1]
    assert found[1] not in opened[0]
    assert f'url={found[0]}"' in opened[2]
    assert not list((tmp_path / "run").glob("open-explore-*"))


def test_it_listens_on_127_0_0_1_alone(pages: Pages) -> None:
    port = pages("digits").port
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def answers(served: Served, asked: list[dict[str, object]], clients: int) -> list[tuple[int, bytes]]:
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda each: served.post("/api/decode", each), asked))


def test_many_clients_get_right_answers(pages: Pages, explorers: Explorers) -> None:
    served, ours = pages("phantom"), explorers("phantom")
    random = np.random.default_rng(0)
    asked = [{"z": random.normal(size=8).tolist(), "hazard": float(step)} for step in random.normal(size=64)]
    for each, (status, body) in zip(asked, answers(served, asked, 64), strict=True):
        assert status == 200
        assert body == ours.scene(ours.place(each)).to_bytes()


def test_two_hundred_at_once_good_and_bad(pages: Pages) -> None:
    served = pages("phantom")
    good, bad = {"z": [0.5] * 8}, {"z": [float("nan")] * 8}
    found = answers(served, [good, bad] * 100, 200)
    assert [status for status, _ in found] == [200, 400] * 100
    assert len({body for _, body in found}) == 2
    assert served.post("/api/decode", good)[0] == 200
