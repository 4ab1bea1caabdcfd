"""Figure 3: the same bytes for the same numbers, and the right side of the body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from survembed.cohort.subjects import Channel, CohortHeader
from survembed.figures import traversal as module
from survembed.figures.style import new_figure
from survembed.figures.traversal import draw_traversal, middle_slice
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


def made(kind: str, n_rows: int = 2, steps: np.ndarray = STEPS, head: bool = True) -> Traversal:
    rng = np.random.default_rng(0)
    header = header_of(kind)
    walks = [
        Walk(
            "risk" if row == n_rows - 1 else f"z{row}",
            np.zeros((len(steps), 2)),
            rng.random((len(steps), len(header.channels), *header.shape)).astype(np.float32),
            steps * 0.1 if head else None,
            0.109 if head else None,
            0.2 if head else None,
            {"tumour": np.linspace(10, 60, len(steps))} if kind == "volume" else {},
            {"tumour": np.linspace(0, 40, len(steps))} if kind == "volume" else {},
        )
        for row in range(n_rows)
    ]
    return Traversal("run", "coxvae", header, "mean of training", "standardised", steps, walks)


def texts(traversal: Traversal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text in the figure."""
    figures = []
    monkeypatch.setattr(module, "new_figure", lambda *size: figures.append(new_figure(*size)) or figures[-1])
    draw_traversal(traversal, tmp_path / "figure")
    return [text.get_text() for text in figures[0].findobj(mpl.text.Text)]


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
    numbers = next(text for text in found if "exp" in text)
    assert numbers == "ψ = +0.109\nexp(ψ) = 1.115\nψ·sd(μ) = +0.200\ntumour 10.0 → 60.0 ml\nin red 0.0 → 40.0 ml"


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


def test_lesions_are_red_above_one_half() -> None:
    image = np.full((2, 6, 7, 8), 0.4, dtype=np.float32)
    image[1] = 0.5
    image[1, 0, 0, 4] = 0.51
    seen = middle_slice(image, header_of("volume"))
    red = np.argwhere(seen[..., 0] > seen[..., 1] + 0.2)
    assert red.tolist() == [[6, 5]]
    np.testing.assert_allclose(seen[0, 0], 0.4)


def test_ct_out_of_its_window_is_clipped() -> None:
    header = CohortHeader("x", "x", (Channel("ct", "gaussian"),), (2, 2))
    seen = middle_slice(np.array([[[-3.0, 0.5], [1.0, 7.0]]], dtype=np.float32), header)
    np.testing.assert_allclose(seen[..., 0], [[0, 0.5], [1, 1]])
