"""Every link of README and docs leads to a file and a heading that exist, and every command has its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from survembed.cli.main import COMMANDS
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), ROOT / "paper" / "paper.md"]
OURS = "https://github.com/survembed/survembed/blob/main/"
LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"|\{download\}`([^`]+)`|^\[[^\]]+\]: (\S+)", re.M)


def prose(page: Path) -> str:
    """The text of a page without its code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    for parts in LINK.findall(prose(page)):
        link = next(filter(None, parts))
        if link.startswith(OURS):
            target, base = link.removeprefix(OURS), ROOT
        elif re.match(r"[a-z]+:", link):
            assert link.startswith(("https://", "mailto:")), link
            continue
        else:
            target, base = link, page.parent
        name, _, anchor = target.partition("#")
        file = base / name if name else page
        assert file.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pictures_have_a_text(page: Path) -> None:
    assert not re.findall(r"!\[\s*\]\(|<img(?![^>]* alt=\"[^\"]{10,})[^>]*>", prose(page))


def test_every_command_has_its_page() -> None:
    assert {path.stem for path in (DOCS / "commands").glob("*.md")} == {*COMMANDS, "index"}
    listed = (DOCS / "commands" / "index.md").read_text(encoding="utf-8")
    for name, text in COMMANDS.items():
        assert f"{{command}} {name}\n" in (DOCS / "commands" / f"{name}.md").read_text(encoding="utf-8")
        assert f"| [`survembed {name}`]({name}.md) | {text} |" in listed


def test_the_pages_show_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options are those of the command, at any depth, with their help."""
    monkeypatch.syspath_prepend(DOCS)
    from command_pages import describe

    assert "`--where`" in "\n".join(describe("runs"))
    assert "`--latent-dim`" in "\n".join(describe("train coxvae"))
    assert "Folder that contains all runs." in "\n".join(describe("embed"))


def test_every_page_is_in_the_contents() -> None:
    listed = set(re.findall(r"^([\w/]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.M))
    assert listed == {path.stem for path in DOCS.glob("*.md")} - {"index"} | {"commands/index"}
