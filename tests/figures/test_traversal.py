"""Figure 3: the same bytes for the same numbers, and the right side of the body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from survembed.cli.traverse import show_traversal
from survembed.cohort.subjects import Channel, CohortHeader
from survembed.figures import traversal as module
from survembed.figures.slices import OVERLAY
from survembed.figures.style import RED, new_figure
from survembed.figures.traversal import draw_traversal, middle_slice
from survembed.survival.cox_inference import HazardRatio
from survembed.workflows.traverse import Traversal, Walk
from tests.planted import SHAPES, channels_of

STEPS = np.linspace(-4, 4, 3)


def header_of(kind: str) -> CohortHeader:
    return CohortHeader(
        "planted",
        f"synthetic planted {kind}",
        channels_of(kind),
        SHAPES[kind],
        synthetic=True,
        spacing_mm=(10.0, 10.0, 10.0) if kind == "volume" else None,
        features=tuple("abcde") if kind == "table" else (),
    )


def made(kind: str, n_rows: int = 2, steps: np.ndarray = STEPS, head: bool = True, unrated: str = "") -> Traversal:
    rng = np.random.default_rng(0)
    header = header_of(kind)
    walks = [
        Walk(
            "risk" if row == 0 else f"z{row - 1}",
            np.zeros((len(steps), 2)),
            rng.random((len(steps), len(header.channels), *header.shape)).astype(np.float32),
            steps * 0.1 if head else None,
            steps * 0.02 if head else None,
            0.109 if head else None,
            1.22 if head else None,
            HazardRatio(1.4, 0.9, 2.1, 0.1, 0.5) if head and not unrated else None,
            unrated,
            {"tumour": np.linspace(10, 60, len(steps))} if kind == "volume" else {},
            {"tumour": np.linspace(0, 40, len(steps))} if kind == "volume" else {},
        )
        for row in range(n_rows)
    ]
    return Traversal("run", "coxvae", header, "mean of training", "standardised", steps, walks)


def drawn(traversal: Traversal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[mpl.text.Text]:
    """Every text in the figure."""
    figures = []
    monkeypatch.setattr(module, "new_figure", lambda *size: figures.append(new_figure(*size)) or figures[-1])
    draw_traversal(traversal, tmp_path / "figure")
    return list(figures[0].findobj(mpl.text.Text))


def texts(traversal: Traversal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return [text.get_text() for text in drawn(traversal, tmp_path, monkeypatch)]


def test_rows_without_a_hazard_ratio_on_the_test_set_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    traversal = made("image", unrated="only 1 event(s)")
    assert traversal.unrated == ["no hazard ratio on the test set for risk, z0: only 1 event(s)"]
    found = texts(traversal, tmp_path, monkeypatch)
    assert sum("test set: none" in text for text in found) == 2
    assert any("for risk, z0: only 1 event(s)" in text for text in found)
    show_traversal(traversal, [])
    assert "risk, z0: only 1 event(s)" in " ".join(capsys.readouterr().out.split())
    assert made("image").unrated == []


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
def test_drawn_twice_it_is_the_same_file(tmp_path: Path, kind: str) -> None:
    before = dict(mpl.rcParams)
    first, second = (draw_traversal(made(kind), tmp_path / name / "figure") for name in ("one", "two"))
    assert [path.name for path in first] == ["figure.png", "figure.pdf"]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert first[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert first[1].read_bytes()[:5] == b"%PDF-"
    assert dict(mpl.rcParams) == before
    other = made(kind)
    other.walks[0].images[:] = 1 - other.walks[0].images
    changed = draw_traversal(other, tmp_path / "three" / "figure")
    assert all(one.read_bytes() != two.read_bytes() for one, two in zip(first, changed, strict=True))


def test_a_synthetic_cohort_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = texts(made("volume"), tmp_path, monkeypatch)
    assert any(text.startswith("synthetic planted volume: coxvae, from") for text in found)
    traversal = made("volume")
    found = texts(replace(traversal, header=replace(traversal.header, title="digits")), tmp_path, monkeypatch)
    assert any(text.startswith("synthetic: digits: coxvae") for text in found)


def test_what_stands_beside_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = texts(made("volume"), tmp_path, monkeypatch)
    assert {"z0", "hazard", "-4", "0", "+4"} <= set(found)
    numbers = next(text for text in found if "HR" in text)
    assert numbers == "HR per SD 1.22\ntest set 1.4 (0.9 to 2.1)\ntumour 10.0 → 60.0 ml"
    assert "× 1.5 → × 1.1" in found  # exp(0.4), and exp(0.08) encoded again


def test_a_hazard_that_the_image_does_not_show_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn(made("image"), tmp_path, monkeypatch)
    colours = {text.get_text(): text.get_color() for text in found if "→ ×" in text.get_text()}
    assert colours["× 1.5 → × 1.1"] == RED
    assert colours["× 1 → × 1"] != RED


def test_silent_dimensions_are_named_in_place_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = texts(replace(made("image"), silent=(3, 5)), tmp_path, monkeypatch)
    assert any(text.endswith("not drawn, as they carry nothing of the image: z3, z5") for text in found)


def test_a_subject_and_raw_axes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = texts(replace(made("image"), start="s007", axes="raw"), tmp_path, monkeypatch)
    assert any("from subject s007, in raw latent units" in text.replace("\n", " ") for text in found)


def test_features_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set("abcde") <= set(texts(made("table"), tmp_path, monkeypatch))


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
@pytest.mark.parametrize(("n_rows", "n_steps", "head"), [(1, 2, False), (1, 2, True), (5, 4, True)])
def test_any_size(tmp_path: Path, kind: str, n_rows: int, n_steps: int, head: bool) -> None:
    draw_traversal(made(kind, n_rows, np.linspace(-1, 1, n_steps), head), tmp_path / "figure")


def test_a_volume_lies_as_radiologists_look_at_it() -> None:
    """RAS in: index 0 is left, posterior, inferior. Out: the subject's right on the left, anterior up."""
    image = np.zeros((2, 6, 7, 8), dtype=np.float32)
    image[0, 5, 6, 4] = 1.0  # right-most in RAS is the largest x; most anterior the largest y; the middle slice
    seen = middle_slice(image, header_of("volume"))
    assert seen.shape == (7, 6, 3)
    assert np.argwhere(seen[..., 0] == 1).tolist() == [[0, 0]]


def test_lesions_are_as_red_as_their_fraction() -> None:
    image = np.full((2, 6, 7, 8), 0.4, dtype=np.float32)
    image[1] = 0.0
    image[1, 0, 0, 4], image[1, 1, 0, 4] = 1.0, 0.25
    seen = middle_slice(image, header_of("volume"))
    np.testing.assert_allclose(seen[0, 0], 0.4)
    np.testing.assert_allclose(seen[6, 5], 0.35 * 0.4 + 0.65 * OVERLAY, rtol=1e-5)
    np.testing.assert_allclose(seen[6, 4], (1 - 0.1625) * 0.4 + 0.1625 * OVERLAY, rtol=1e-5)


def test_ct_out_of_its_window_is_clipped() -> None:
    header = CohortHeader("x", "x", (Channel("ct", "gaussian"),), (2, 2))
    seen = middle_slice(np.array([[[-3.0, 0.5], [1.0, 7.0]]], dtype=np.float32), header)
    np.testing.assert_allclose(seen[..., 0], [[0, 0.5], [1, 1]])
