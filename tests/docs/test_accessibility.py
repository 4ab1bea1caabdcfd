"""Docs and a report in headless Chromium: errors, texts of pictures, contrast, order of the keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import survembed
from tests.trained import Made

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
AXE = find_spec("axe_core_python")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
    pytest.mark.skipif(AXE is None, reason="axe-core-python is not installed"),
]
PAGES = ("index", "tutorial", "gallery", "reading", "runs", "commands/index", "commands/runs", "api")
WIDE = {"width": 1280, "height": 900}

RULES = "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations'] })"
FOCUSED = """() => {
  const all = [...document.querySelectorAll('*')], at = document.activeElement;
  const { width, height } = at.getBoundingClientRect();
  return [all.indexOf(at), at === document.body ? "body" : at.outerHTML.slice(0, 120), width * height > 0];
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def mishaps(chromium: Any, path: Path, scheme: str) -> list[str]:
    """What is wrong with a page, in words."""
    context = chromium.new_context(bypass_csp=True, color_scheme=scheme, viewport=WIDE)
    page, found = context.new_page(), []
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("console", lambda said: found.append(f"console: {said.text}") if said.type == "error" else None)
    local = ("file:", "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(local) else found.append(asked.url))
    page.goto(path.as_uri())
    page.evaluate((Path(str(AXE and AXE.origin)).parent / "axe.min.js").read_text(encoding="utf-8"))
    for violation in page.evaluate(RULES)["violations"]:
        found += [f"{violation['id']}: {node['html'][:160]}" for node in violation["nodes"]]
    found += keyboard(page)
    context.close()
    return found


def keyboard(page: Any) -> list[str]:
    """Tab goes through the page in the order of its source, to elements that can be seen."""
    found, before = [], -1
    if page.evaluate('document.querySelectorAll(\'[tabindex]:not([tabindex="0"]):not([tabindex="-1"])\').length'):
        found.append("an element has an order of its own (tabindex)")
    for _ in range(25):
        page.keyboard.press("Tab")
        position, name, seen = page.evaluate(FOCUSED)
        if name == "body":
            break
        if position <= before:
            found.append(f"keyboard goes back to {name}")
        if not seen:
            found.append(f"keyboard reaches what cannot be seen: {name}")
        before = position
    return found if before >= 0 else [*found, "the keyboard reaches nothing"]


@pytest.mark.parametrize("name", PAGES)
def test_docs(name: str, site: Path, chromium: Any) -> None:
    assert not mishaps(chromium, site / f"{name}.html", "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("plugin")
def test_report(scheme: str, a_run: Made, tmp_path: Path, chromium: Any) -> None:
    written = survembed.report(a_run("image"), tmp_path / "r.html", downstream=[], n_resamples=20, progress=False)
    assert not mishaps(chromium, written.path, scheme)
