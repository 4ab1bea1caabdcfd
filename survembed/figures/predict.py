"""The page of one prediction: the scan, survival beside the cohort's, what drives the hazard, and the numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survembed.cohort.captions import DISCLAIMER, data_name
from survembed.figures.slices import aspect, bare, cut, middle_of, overlaid, planes_of
from survembed.figures.style import BLUE, ORANGE, RED, drawing, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from survembed.workflows.predict import SubjectPrediction

A4_LANDSCAPE = (11.69, 8.27)
MOST_BARS = 12
MOST_FEATURES = 24


def draw_prediction(prediction: SubjectPrediction, row: int, path: Path) -> list[Path]:
    """Draw the page of the subject at `row` to `path` as PNG and PDF. A synthetic cohort is called one."""
    data = data_name(prediction.header.title, prediction.header.synthetic)
    with drawing():
        figure = new_figure(*A4_LANDSCAPE)
        figure.suptitle(
            f"SubjectPrediction for {prediction.labels[row]}: {prediction.model} trained on {data}", fontsize=12
        )
        above, below, foot = figure.subfigures(3, 1, squeeze=False, height_ratios=[1.05, 1, 0.07])[:, 0]
        images, words = above.subfigures(1, 2, squeeze=False, width_ratios=[1.5, 1])[0]
        _draw_images(images, prediction, row)
        _draw_words(words, prediction, row)
        survival, bars = below.subplots(1, 2, width_ratios=[1.25, 1])
        _draw_survival(survival, prediction, row)
        _draw_contributions(bars, prediction, row)
        foot.text(
            0.01,
            0.5,
            f"{DISCLAIMER} Intervals: resampled training subjects, weights held. Run {prediction.run}.",
            fontsize=8,
            color="0.35",
            va="center",
        )
        return save(figure, path)


def _draw_images(part: SubFigure, prediction: SubjectPrediction, row: int) -> None:
    """The image and its reconstruction; of a table, its features."""
    header, decoded = prediction.header, prediction.reconstructions
    if len(header.shape) == 1:
        _draw_features(part.subplots(), prediction, row)
        return
    rows = [("as read", prediction.images[row]), *([] if decoded is None else [("reconstructed", decoded[row])])]
    planes, at = planes_of(header), middle_of(prediction.images[row], header)
    if len(planes) == 1:  # side by side
        line = part.subplots(1, len(rows), squeeze=False)[0]
        for axis, (name, image) in zip(line, rows, strict=True):
            axis.imshow(overlaid(image, header), interpolation="nearest")
            axis.set_title(name)
            bare(axis)
        return
    axes = part.subplots(len(rows), len(planes), squeeze=False)
    for line, (name, image) in zip(axes, rows, strict=True):
        for axis, plane in zip(line, planes, strict=True):
            axis.imshow(overlaid(cut(image, plane, at), header), aspect=aspect(header, plane), interpolation="nearest")
            bare(axis)
        line[0].set_ylabel(name)
    for axis, plane in zip(axes[0], planes, strict=True):
        axis.set_title(plane)


def _draw_features(axis: Axes, prediction: SubjectPrediction, row: int) -> None:
    axis.set_axis_off()
    features, values = prediction.header.features, prediction.images[row, 0]
    lines = [f"{name[:28]:<28} {value:>10.5g}" for name, value in zip(features, values, strict=True)]
    if len(lines) > MOST_FEATURES:
        lines[MOST_FEATURES - 1 :] = [f"… and {len(lines) - MOST_FEATURES + 1} more"]
    axis.text(0.02, 0.98, "\n".join(lines), va="top", family="DejaVu Sans Mono", fontsize=8, transform=axis.transAxes)


def _draw_survival(axis: Axes, prediction: SubjectPrediction, row: int) -> None:
    survival, curve = prediction.survival, prediction.cohort_curve
    times = survival.times
    axis.step(
        times, curve(times), where="post", color="0.55", lw=1.2, label=f"cohort ({prediction.n_train} in training)"
    )
    axis.fill_between(times, survival.low[row], survival.high[row], step="post", color=BLUE, alpha=0.2, lw=0)
    axis.step(times, survival.value[row], where="post", color=BLUE, lw=1.8, label="predicted, with 95 % interval")
    median = survival.median[row]
    if np.isfinite(median):
        axis.plot([0, median, median], [0.5, 0.5, 0], color=BLUE, lw=0.8, ls=":")
    axis.set(
        xlim=(0, times[-1]),
        ylim=(0, 1.02),
        xlabel=f"time ({prediction.header.time_unit})",
        ylabel="survival",
        title="Survival",
    )
    axis.legend(frameon=False, fontsize=8, loc="best")


def _draw_contributions(axis: Axes, prediction: SubjectPrediction, row: int) -> None:
    values = prediction.contributions[row]
    order = np.argsort(-np.abs(values), kind="stable")[:MOST_BARS]
    shown = [(f"z{index} = {prediction.coordinates[row, index]:+z.2f} SD", values[index]) for index in order]
    if len(values) > MOST_BARS:
        shown.append((f"{len(values) - MOST_BARS} others", values.sum() - values[order].sum()))
    place = np.arange(len(shown))
    bars = [value for _, value in shown]
    axis.barh(place, bars, color=[ORANGE if value > 0 else BLUE for value in bars], height=0.7)
    axis.set_yticks(place, [name for name, _ in shown], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="0.3", lw=0.8)
    reach = max(map(abs, bars), default=0.0) or 1.0
    for y, value in enumerate(bars):
        right = value >= 0
        axis.text(
            value + 0.02 * reach * (1 if right else -1),
            y,
            f"{value:+z.3f}",
            va="center",
            ha="left" if right else "right",
            fontsize=7,
        )
    axis.set_xlim(-1.25 * reach, 1.25 * reach)
    axis.set_xlabel("added to the log-hazard, beyond that of the average latents")
    axis.set_title(f"What drives the hazard: {'ψ·z' if prediction.linear else 'integrated gradients'}")


def _draw_words(part: SubFigure, prediction: SubjectPrediction, row: int) -> None:
    axis = part.subplots()
    axis.set_axis_off()
    lines = list(facts_of(prediction, row).items())
    top, step = 0.97, 0.075
    for number, (name, text) in enumerate(lines):
        axis.text(0.0, top - number * step, name, fontsize=9, color="0.35", va="top", transform=axis.transAxes)
        axis.text(0.44, top - number * step, text, fontsize=9, va="top", transform=axis.transAxes)
    below = top - len(lines) * step
    if prediction.typicality.far[row]:
        axis.text(
            0.0, below, "Far from the training data: read with care.", color=RED, va="top", transform=axis.transAxes
        )
        below -= step
    for warning in prediction.warnings[:3]:
        axis.text(
            0.0, below, f"Warning: {warning}", color=RED, fontsize=8, va="top", wrap=True, transform=axis.transAxes
        )
        below -= step


def facts_of(prediction: SubjectPrediction, row: int) -> dict[str, str]:
    """The numbers of one subject in words, for the page and for the terminal."""
    survival, typical, unit = prediction.survival, prediction.typicality, prediction.header.time_unit
    facts = {
        "log-hazard": f"{prediction.log_hazard[row]:+.3f}",
        "among the training part": f"percentile {prediction.percentile[row]:.0f} ({prediction.n_train} subjects)",
        "hazard ratio": f"{math.exp(prediction.log_hazard_ratio[row]):.3g} against the average latents",
        "median survival": _median(survival.median[row], survival.median_low[row], survival.median_high[row], unit),
    }
    for share in (0.75, 0.5, 0.25):  # when so many of the cohort lived
        lived = prediction.cohort_curve(survival.times) > share
        at = int(np.flatnonzero(lived)[-1]) if not lived.all() else -1
        facts[f"S({survival.times[at]:.4g} {unit})"] = (
            f"{survival.value[row, at]:.2f} ({survival.low[row, at]:.2f} to {survival.high[row, at]:.2f})"
        )
    among = f"({typical.n} {typical.part})"
    if typical.error is not None and typical.error_percentile is not None:
        facts["reconstruction error"] = (
            f"{typical.error[row]:.3g}, percentile {typical.error_percentile[row]:.0f} {among}"
        )
    facts["latent distance"] = f"{typical.distance[row]:.3g}, percentile {typical.distance_percentile[row]:.0f} {among}"
    for name, values in prediction.measures.items():
        if name.endswith("_ml"):
            facts[name.removesuffix("_ml")] = f"{values[row]:.1f} ml"
    return facts


def in_words(time: float, unit: str = "") -> str:
    """A time, or that it was not reached."""
    return f"{time:.4g} {unit}".rstrip() if math.isfinite(time) else "not reached"


def _median(value: float, low: float, high: float, unit: str) -> str:
    if not math.isfinite(low):  # nor are those after it
        return "not reached"
    return f"{in_words(value, unit)}, 95 % interval {in_words(low)} to {in_words(high)}"
