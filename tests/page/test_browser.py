"""The page in headless Chromium: what is on the canvas is what the decoder says, and nothing leaves the machine."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from survembed.evaluation import reencoding
from survembed.page.opening import opened_in_browser
from survembed.progress import QUIET
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explore import Explorer
from tests.page.conftest import Explorers, Pages
from tests.page.served import Served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]

RED = np.array([219, 20, 31])

MOVE = """([name, value]) => new Promise((done) => {
  document.addEventListener("drawn", () => done(), { once: true });
  const input = document.getElementById(name);
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
})"""

READ = """(name) => {
  const canvas = document.querySelector(`canvas[data-plane="${name}"]`);
  const { width, height } = canvas;
  return [width, height, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


class Tab:
    """A page with its mishaps and all that it asked for."""

    def __init__(self, chromium: Any, url: str, **options: Any) -> None:
        self.context = chromium.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.mishaps: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.mishaps.append(str(error)))
        self.page.on("console", lambda said: self.mishaps.append(said.text) if said.type == "error" else None)
        self.page.goto(url)
        self.until("document.querySelector('#started')?.textContent.startsWith('Start')")
        self.until("location.hash.includes('z=')")

    def until(self, true: str) -> None:
        """Wait for a condition; Playwright's own way needs eval, which the page forbids."""
        deadline = time.monotonic() + 20
        while not self.page.evaluate(true):
            assert time.monotonic() < deadline, true
            self.page.wait_for_timeout(20)

    def move(self, name: str, value: float) -> None:
        """Move a slider, and wait until the picture is drawn."""
        self.page.evaluate(MOVE, [name, value])

    def pixels(self, plane: str) -> np.ndarray:
        """(height, width, 4) of a canvas."""
        width, height, data = self.page.evaluate(READ, plane)
        return np.array(data).reshape(height, width, 4)

    def fact(self, name: str) -> float:
        """A number as exactly as the page knows it."""
        return float(self.page.locator(f"#fact-{name}").get_attribute("value"))

    def hash(self) -> dict[str, str]:
        """The state in the address, once it is written."""
        self.page.wait_for_timeout(250)
        text: str = self.page.evaluate("location.hash.slice(1)")
        return dict(part.split("=") for part in text.split("&"))


@pytest.fixture
def tabs(chromium: Any, pages: Pages) -> Iterator[Callable[..., Tab]]:
    """Opens the page of a run; at the end nothing has gone wrong in it and nothing has left the machine."""
    opened: list[tuple[Tab, str]] = []

    def make(name: str = "phantom", rest: str = "", **options: Any) -> Tab:
        served = pages(name)
        opened.append((Tab(chromium, served.url + rest, **options), served.home))
        return opened[-1][0]

    yield make
    for tab, home in opened:
        tab.context.close()
        assert not tab.mishaps
        assert all(url.startswith((home, f"blob:{home}")) for url in tab.asked)


@pytest.fixture
def trained_models(explorers: Explorers) -> Callable[[str], TrainedModel]:
    return lambda name: explorers(name).trained


def on_screen(
    image: np.ndarray, at: tuple[int, int, int], level: float = 50, width: float = 400
) -> dict[str, np.ndarray]:
    """The three planes (height, width, 3) of a decoded volume (2, x, y, z), as a radiologist expects them."""
    stored = np.rint(np.clip(image, 0, 1) * 255)
    grey = np.clip(255 * ((-150 + 400 * stored[0] / 255 - level) / width + 0.5), 0, 255)
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    strength = 0.65 * stored[1][..., None] / 255
    rgb = (1 - strength) * rgb + strength * RED
    x, y, z = at
    return {  # rows from anterior or superior, columns from the subject's right or from anterior
        "axial": rgb[::-1, ::-1, z].transpose(1, 0, 2),
        "coronal": rgb[::-1, y, ::-1].transpose(1, 0, 2),
        "sagittal": rgb[x, ::-1, ::-1].transpose(1, 0, 2),
    }


def assert_shown(tab: Tab, expected: dict[str, np.ndarray]) -> None:
    for plane, values in expected.items():
        shown = tab.pixels(plane)
        assert shown.shape[:2] == values.shape[:2], plane
        assert np.abs(shown[..., :3] - values).max() <= 1, plane
        assert (shown[..., 3] == 255).all()


@pytest.mark.parametrize("name", ["phantom", "volume"])
def test_the_canvas_shows_what_the_decoder_says(
    tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel], name: str
) -> None:
    tab, trained = tabs(name), trained_models(name)
    axes = trained.coordinates()
    z, lesions, seen = axes.centre.copy(), 0, set()
    middle = tuple(edge // 2 for edge in trained.header.shape)
    for dimension, value in [(0, 0.0), (0, 3.5), (1, -4.0), (0, -2.0)]:
        tab.move(f"z{dimension}", value)
        z[dimension] = axes.centre[dimension] + axes.scale[dimension] * value
        image = trained.decode(z[None])[0]
        assert_shown(tab, on_screen(image, middle))
        assert tab.fact("tumour") == pytest.approx(trained.volumes_ml(image[None])["tumour"][0], rel=1e-4)
        seen.add(tab.pixels("axial").tobytes())
        lesions += int((image[1, :, :, middle[2]] > 0.5).sum())
    assert len(seen) == 4
    assert lesions or name == "phantom"  # the phantom, trained for a moment, shows none yet


def test_hazard_ratio_and_walk(tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]) -> None:
    tab, trained = tabs(), trained_models("phantom")
    axes, psi = trained.coordinates(), trained.gradient(trained.coordinates().centre)
    assert tab.fact("ratio") == 1
    tab.move("z1", 2.5)
    assert tab.fact("ratio") == pytest.approx(np.exp(psi[1] * axes.scale[1] * 2.5), rel=1e-4)
    tab.move("z3", -1.0)
    step = psi[1] * axes.scale[1] * 2.5 - psi[3] * axes.scale[3]
    assert tab.fact("ratio") == pytest.approx(np.exp(step), rel=1e-4)
    assert tab.page.locator("#fact-ratio").inner_text() == f"×{np.exp(step):.2f}"
    tab.page.click("#back")
    tab.until("document.querySelector('#fact-ratio').value === '1'")
    tab.move("along", 2.0)
    spread = np.sqrt(psi @ axes.covariance @ psi)
    assert tab.fact("ratio") == pytest.approx(np.exp(2 * spread), rel=1e-3)
    z = np.array([float(value) for value in tab.hash()["z"].split(",")])
    np.testing.assert_allclose(z, axes.centre + 2 * axes.covariance @ psi / spread, atol=1e-3)
    shown = {f"z{index}": slider.inner_text() for index, slider in enumerate(tab.page.locator("#dims .psi").all())}
    assert len(shown) == 8
    row = tab.page.locator(".slider:has(#z1) .psi").inner_text()
    assert row.split()[1] == f"×{np.exp(psi[1] * axes.scale[1]):.2f}"


def test_the_hazard_of_the_image_itself_is_beside_the_claimed_one(
    tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]
) -> None:
    tab, trained = tabs("digits"), trained_models("digits")
    axes = trained.coordinates()
    start = trained.log_hazard(axes.centre[None])[0]
    warned = set()
    for step in (0.0, 0.2, 4.0, -4.0):
        tab.move("along", step)
        z = axes.along_hazard(axes.centre, trained.gradient, np.array([step]))
        claimed = trained.log_hazard(z)[0] - start
        again = trained.log_hazard(trained.embed(trained.decode(z)).astype(float))[0] - start
        assert tab.fact("ratio") == pytest.approx(np.exp(claimed), rel=1e-3)
        assert tab.fact("reencoded") == pytest.approx(np.exp(again), rel=1e-3)
        differs = len(reencoding.differing(np.array([claimed]), np.array([again]))) > 0
        told = tab.page.locator("#unproven")
        assert told.is_visible() == differs, step
        if differs:
            assert told.inner_text().startswith("This decoded image does not show the claimed hazard: it claims × ")
        warned.add(differs)
    assert warned == {False, True}  # trained for a moment, it draws no hazard at the ends


RINGS = """() => {
  const canvas = document.querySelector("#scatter canvas");
  const { width, height } = canvas;
  const words = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
  return words.filter((word) => word === 0xffb46c0a).length;
}"""


def test_a_place_beyond_the_cohort_is_shown_at_the_edge(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    ring = tab.page.evaluate(RINGS)  # in the accent's own colour
    assert ring > 50
    for step in (4.0, -4.0):
        tab.move("along", step)
        tab.page.wait_for_timeout(100)
        assert tab.page.evaluate(RINGS) > 0.9 * ring


def test_strongest_first(tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]) -> None:
    tab, trained = tabs(), trained_models("phantom")
    axes, psi = trained.coordinates(), trained.gradient(trained.coordinates().centre)

    def order() -> list[str]:
        return [label.inner_text() for label in tab.page.locator("#dims label").all()]

    assert order() == [f"z{index}" for index in np.argsort(-np.abs(psi * axes.deviation))]
    tab.page.select_option("#sort", "number")
    assert order() == [f"z{index}" for index in range(8)]


def test_raw_axes(tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]) -> None:
    tab, trained = tabs(), trained_models("phantom")
    tab.page.select_option("#axes", "raw")
    tab.until("document.querySelector('#started').textContent === 'Start: zero'")
    tab.page.click("#zero")
    tab.until("document.querySelector('.slider:has(#z0) .value').textContent === '0.00'")
    tab.move("z4", -3.0)
    z = np.zeros(8)
    z[4] = -3
    assert_shown(tab, on_screen(trained.decode(z[None])[0], (10, 8, 6)))
    assert tab.fact("ratio") == pytest.approx(np.exp(-3 * trained.gradient(z)[4]), rel=1e-4)


def test_crosshair_and_window_by_mouse(tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]) -> None:
    tab, trained = tabs(), trained_models("phantom")
    canvas = tab.page.locator("canvas[data-plane=axial]")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 2.5 / 20, "y": box["height"] * 4.5 / 16})
    canvas.hover()
    tab.page.mouse.wheel(0, -100)
    tab.until("document.querySelectorAll('figcaption')[0].textContent === 'Axial 8 of 12'")
    image = trained.decode(trained.coordinates().centre[None])[0]
    assert_shown(tab, on_screen(image, (20 - 1 - 2, 16 - 1 - 4, 7)))
    assert tab.hash()["at"] == "17,11,7"
    tab.page.fill("#level", "90")
    tab.page.fill("#width", "120")
    assert_shown(tab, on_screen(image, (17, 11, 7), 90, 120))
    tab.page.mouse.move(box["x"] + 40, box["y"] + 40)
    tab.page.mouse.down(button="right")
    tab.page.mouse.move(box["x"] + 70, box["y"] + 40)
    tab.page.mouse.up(button="right")
    assert tab.hash()["width"] == "160"
    assert tab.hash()["at"] == "17,11,7"


def test_keyboard(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    page = tab.page
    page.focus("canvas[data-plane=coronal]")
    for key in ("ArrowLeft", "ArrowUp", "PageUp", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert tab.hash()["at"] == "11,9,2"  # to the subject's right, up one and down five, one slice to the front
    page.focus("#z5")
    for key in ("ArrowRight", "ArrowRight", "PageUp", "Shift+ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    tab.until("document.querySelector('.slider:has(#z5) .value').textContent === '+2.10'")
    assert page.get_attribute("#z5", "aria-valuetext") == "+2.10"
    page.keyboard.press("Delete")
    tab.until("document.querySelector('#fact-ratio').value === '1'")
    page.focus("#scatter canvas")
    page.keyboard.press("ArrowRight")
    pointed = page.locator("#pointed").inner_text().partition(":")[0]
    page.keyboard.press("Enter")
    tab.until(f"document.querySelector('#started').textContent.startsWith('Start: {pointed} (')")
    tab.until("document.querySelector('#announced').textContent.includes('×1.00')")
    assert page.locator("#announced").inner_text().startswith("Claimed hazard ×1.00, Re-encoded hazard ×")
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.plane"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline in ("solid", "auto") or page.evaluate("document.activeElement === document.body")
    wanted = {
        "axial",
        "coronal",
        "sagittal",
        "level",
        "width",
        "opacity",
        "smooth",
        "search",
        "zero",
        "along",
        "axes",
        "z0",
    }
    assert wanted <= reached


def test_a_click_in_the_cohort_starts_from_that_subject(
    tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]
) -> None:
    tab, trained = tabs(), trained_models("phantom")
    canvas = tab.page.locator("#scatter canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    steps = np.linspace(0.02, 0.98, 25)
    for x, y in ((x * box["width"], y * box["height"]) for x in steps for y in steps):
        canvas.hover(position={"x": x, "y": y})
        name = tab.page.locator("#pointed").inner_text().partition(":")[0]
        if name:
            break
    canvas.click(position={"x": x, "y": y})
    tab.until("document.querySelector('#started').textContent.includes('(t')")
    assert tab.hash()["from"] == name
    row = trained.latents.position(name)
    assert_shown(tab, on_screen(trained.decode(trained.latents.z[row : row + 1])[0], (10, 8, 6)))


READ_SCAN = READ.replace("data-plane", "data-scan")


def test_the_scan_is_shown_with_the_slices_of_the_decoded_image(tabs: Callable[..., Tab], explorers: Explorers) -> None:
    tab, explorer = tabs(), explorers("phantom")
    assert not tab.page.locator("#scan").is_visible()
    name = explorer.latents.id[5]
    tab.page.fill("#search", name)
    tab.page.keyboard.press("Enter")
    tab.until(f"document.querySelector('#scanned').textContent === 'Scan of {name}, the start'")
    tab.page.focus("canvas[data-scan=axial]")
    tab.page.keyboard.press("PageUp")
    tab.move("z0", 2.0)
    tab.until("document.querySelectorAll('#planes figcaption')[0].textContent === 'Axial 8 of 12'")
    assert tab.page.locator("#scan figcaption").first.inner_text() == "Axial 8 of 12"
    assert explorer.cohort is not None
    expected = on_screen(explorer.cohort.images([5])[0], (10, 8, 7))
    for plane, values in expected.items():
        width, height, data = tab.page.evaluate(READ_SCAN, plane)
        shown = np.array(data).reshape(height, width, 4)
        assert np.abs(shown[..., :3] - values).max() <= 1, plane
    tab.page.click("#zero")
    tab.until("document.querySelector('#scan').hidden")


def test_an_error_is_beside_its_field(chromium: Any, pages: Pages) -> None:
    tab = Tab(chromium, pages("phantom").url)
    tab.page.fill("#search", "nobody")
    tab.page.keyboard.press("Enter")
    tab.until("!document.querySelector('#search-trouble').hidden")
    assert tab.page.locator("#search-trouble").inner_text().startswith("No subject 'nobody'")
    assert tab.page.get_attribute("#search", "aria-invalid") == "true"
    assert not tab.page.locator("#trouble").is_visible()
    tab.page.fill("#search", "")
    assert not tab.page.locator("#search-trouble").is_visible()
    tab.context.close()


def test_columns_are_labelled(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    heads, row = (tab.page.locator(f"{place} .psi").first for place in ("#heads", "#dims"))
    assert heads.inner_text().split() == ["ψ", "×exp(ψ)"]
    assert heads.bounding_box()["x"] == pytest.approx(row.bounding_box()["x"], abs=1)
    assert not tabs("headless").page.locator("#heads .psi").is_visible()


def test_the_browser_reaches_the_page_through_a_file(chromium: Any, pages: Pages, tmp_path: Path) -> None:
    opened: list[str] = []
    with pytest.MonkeyPatch.context() as patch, chromium.new_context() as context:
        patch.setattr("webbrowser.open", opened.append)
        with opened_in_browser(pages("phantom").url, tmp_path, QUIET):
            page = context.new_page()
            page.goto(opened[0])
            page.wait_for_url(f"{pages('phantom').home}**")
            page.wait_for_selector("#main:not([hidden])")


def test_the_address_brings_everything_back_and_holds_no_token(tabs: Callable[..., Tab]) -> None:
    first = tabs()
    first.page.fill("#search", first.page.evaluate("fetch('api/subjects').then((r) => r.json()).then((c) => c.id[5])"))
    first.page.keyboard.press("Enter")
    first.until("document.querySelector('#started').textContent.includes('(t')")
    first.move("z2", 1.25)
    first.page.focus("canvas[data-plane=axial]")
    first.page.keyboard.press("PageUp")
    first.page.select_option("#sort", "number")
    first.page.uncheck("#smooth")
    state = first.hash()
    assert set(state) == {"z", "from", "sort", "at", "smooth"}
    assert "token" not in first.page.url
    second = tabs(rest=f"#{'&'.join(f'{key}={value}' for key, value in state.items())}")
    assert second.hash() == state
    for name in ("ratio", "tumour"):
        assert second.fact(name) == pytest.approx(first.fact(name), rel=1e-4)
    np.testing.assert_allclose(second.pixels("axial"), first.pixels("axial"), atol=1)
    second.page.reload()
    second.until("document.querySelector('#started')?.textContent.startsWith('Start')")
    assert second.hash() == state


@pytest.mark.parametrize(
    "rest", ["#from=nobody", "#from=%00%2F..&z=1", "#z=NaN,1&at=x&level=&axes=odd", "#z=" + "9," * 5000]
)
def test_an_absurd_address_starts_from_zero(tabs: Callable[..., Tab], rest: str) -> None:
    tab = tabs(rest=rest)
    assert tab.page.locator("#started").inner_text() == "Start: mean of the training subjects"
    if "from" in rest:
        assert tab.page.locator("#trouble").inner_text().startswith("No subject")
        tab.mishaps.clear()  # Chromium says of any 404 that it was one
    tab.move("z0", 1)
    assert tab.fact("ratio") != 1


def test_files(tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel], tmp_path: Path) -> None:
    from PIL import Image

    tab, trained = tabs(), trained_models("phantom")
    tab.move("z0", 2)
    z = trained.coordinates().centre
    z[0] += 2 * trained.coordinates().scale[0]
    with tab.page.expect_download() as found:
        tab.page.click("[data-nifti=tumour]")
    assert found.value.suggested_filename.endswith("mean-of-the-training-subjects_tumour.nii.gz")
    found.value.save_as(tmp_path / "tumour.nii.gz")
    np.testing.assert_allclose(
        nib.load(tmp_path / "tumour.nii.gz").get_fdata(), trained.decode(z[None])[0, 1], atol=1e-6
    )
    with tab.page.expect_download() as found:
        tab.page.click("#save-png")
    picture = Image.open(io.BytesIO(Path(found.value.path()).read_bytes()))
    assert picture.format == "PNG"
    assert picture.width > 1000
    assert np.asarray(picture.convert("RGB"))[:-90].max() > 100


def test_digits_have_one_plane(tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]) -> None:
    tab, trained = tabs("digits"), trained_models("digits")
    axes = trained.coordinates()
    tab.move("z1", -3)
    z = axes.centre.copy()
    z[1] -= 3 * axes.scale[1]
    grey = trained.decode(z[None])[0, 0] * 255
    assert tab.page.locator("canvas[data-plane]").count() == 1
    assert_shown(tab, {"image": np.repeat(grey[..., None], 3, axis=-1)})
    assert tab.fact("ratio") == pytest.approx(
        np.exp(trained.log_hazard(np.vstack([z, axes.centre])) @ [1, -1]), rel=1e-4
    )
    assert tab.page.locator("h1").inner_text().startswith("Synthetic: ")
    for name in ("#window", "#overlay", "[data-nifti]"):
        assert not tab.page.locator(name).is_visible()


YELLOW = np.array([240, 199, 0])

CHOOSE = """([name, value]) => {
  const select = document.getElementById(name);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}"""


def test_channels_are_chosen_and_fused_and_each_lesion_has_its_colour(
    tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]
) -> None:
    tab, trained = tabs("petct"), trained_models("petct")
    ct, pet, primary, nodes = np.rint(np.clip(trained.decode(trained.coordinates().centre[None])[0], 0, 1) * 255)

    def expected(grey: np.ndarray, fused: float) -> np.ndarray:
        rgb = np.repeat(np.rint(grey)[..., None], 3, axis=-1)
        hot = np.clip(3 * pet[..., None] - 255 * np.arange(3), 0, 255)
        strength = fused * np.minimum(1, 2 * pet / 255)[..., None]
        rgb = (1 - strength) * rgb + strength * hot
        for fraction, colour in ((primary, RED), (nodes, YELLOW)):
            rgb += 0.65 * fraction[..., None] / 255 * (colour - rgb)
        axial: np.ndarray = rgb[::-1, ::-1, pet.shape[2] // 2].transpose(1, 0, 2)
        return axial

    def differs(image: np.ndarray) -> float:
        return float(np.abs(tab.pixels("axial")[..., :3] - image).max())

    assert differs(expected(ct, 0.0)) <= 1
    assert tab.page.locator("#overlay").inner_text().strip() == "By their fraction: primary red, nodes yellow"
    assert tab.page.locator("#channel option").all_inner_texts() == ["ct", "pet"]
    tab.page.evaluate(CHOOSE, ["over", "1"])
    assert differs(expected(ct, 0.7)) <= 1
    assert tab.hash()["over"] == "pet"
    tab.page.evaluate(CHOOSE, ["over", ""])
    tab.page.evaluate(CHOOSE, ["channel", "1"])
    assert differs(expected(pet, 0.0)) <= 1
    assert tab.page.locator("#level-value").inner_text() == "10 SUV"
    again = tabs("petct", "#channel=pet&over=ct&blend=0")
    assert float(np.abs(again.pixels("axial")[..., :3] - expected(pet, 0.0)).max()) <= 1
    assert again.page.locator("#channel").input_value() == "1"


def test_without_a_head_there_is_no_hazard(
    tabs: Callable[..., Tab], trained_models: Callable[[str], TrainedModel]
) -> None:
    tab, trained = tabs("headless"), trained_models("headless")
    for name in ("#hazard", "#survival", "#sorting", "#fact-ratio"):
        assert not tab.page.locator(name).is_visible()
    tab.move("z0", 4)
    z = trained.coordinates().centre
    z[0] += 4 * trained.coordinates().scale[0]
    assert_shown(tab, {"image": np.repeat(trained.decode(z[None])[0, 0][..., None] * 255, 3, axis=-1)})


NAMELESS = """() => [...document.querySelectorAll("input, select, button, canvas, svg")].filter((each) => {
  const labels = each.labels?.length || each.getAttribute("aria-label") || each.getAttribute("aria-labelledby");
  return each.checkVisibility() && !labels && !each.textContent.trim();
}).map((each) => each.outerHTML)"""

CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (each) => { for (let at = each; at; at = at.parentElement) {
    const found = getComputedStyle(at).backgroundColor;
    if (/^rgb\\(/.test(found)) return rgb(found); } return [255, 255, 255]; };
  return [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility() &&
      [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()) && !each.closest("svg"))
    .map((each) => { const [a, b] = [light(rgb(getComputedStyle(each).color)), light(ground(each))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.outerHTML.slice(0, 80)]; })
    .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 720), ("light", 360)])
def test_readable(tabs: Callable[..., Tab], scheme: str, width: int) -> None:
    tab = tabs(viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.page.evaluate(NAMELESS) == []
    assert tab.page.evaluate(CONTRAST) == []
    assert tab.page.evaluate("document.documentElement.lang") == "en"
    assert tab.page.locator("h1").count() == 1
    assert "synthetic" in tab.page.locator("h1").inner_text().lower()
    assert "not a medical device" in tab.page.locator("header").inner_text()


def test_a_server_that_has_ended_is_told(chromium: Any, explorers: Explorers) -> None:
    served = Served.of(explorers("headless"))
    tab = Tab(chromium, served.url)
    served.stop()
    tab.page.focus("#z0")
    tab.page.keyboard.press("ArrowRight")
    tab.page.wait_for_selector("#trouble:not([hidden])")
    assert "The server has stopped" in tab.page.locator("#trouble").inner_text()
    assert all(url.startswith(served.home) for url in tab.asked)
    tab.context.close()


def test_a_printed_report_hides_nothing(chromium: Any) -> None:
    script = files("survembed.report").joinpath("page.js").read_text(encoding="utf-8")
    page = chromium.new_page()
    page.set_content(f"<details><summary>Configuration</summary>seed</details><script>{script}</script>")
    page.pdf()
    assert page.evaluate("document.querySelector('details').open")
    page.close()


@pytest.mark.usefixtures("clinical_plugin")
def test_a_control_for_each_covariate(chromium: Any, trained_with: Callable[..., Run]) -> None:
    served = Served.of(Explorer(TrainedModel.open(trained_with())))
    try:
        tab = Tab(chromium, served.url)
        tab.until("document.querySelectorAll('#covariates label').length === 2")
        assert tab.page.locator("#covariates select option").all_inner_texts() == ["II", "III", "I"]
        before = tab.page.locator("#numbers dl").inner_text()
        tab.page.select_option("#covariates select", "III")
        tab.until("location.hash.includes('III')")
        assert tab.page.locator("#numbers dl").inner_text() != before
        position = tab.page.locator("#along").get_attribute("aria-valuetext")
        assert float(str(position).replace("−", "-")) == pytest.approx(0, abs=0.02)  # the image has not moved
        tab.page.reload()
        tab.until("document.querySelector('#covariates select')?.value === 'III'")
        tab.context.close()
    finally:
        served.stop()
