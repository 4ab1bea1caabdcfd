"""Page of one prediction: image, survival curve, contributions to the log-hazard, and numbers."""

from __future__ import annotations

import math
from itertools import cycle
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.cohort.captions import DISCLAIMER, data_name
from survembed.figures.slices import aspect, cut, draw_scale, hide_frame, middle_of, overlaid, planes_of
from survembed.figures.style import BLUE, GREEN, GREY, ORANGE, RED, drawing, new_figure, save
from survembed.workflows.prediction_csv import QUARTERS, last_index_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from survembed.evaluation.survival_band import Survival
    from survembed.workflows.predict import SubjectPrediction

A4_LANDSCAPE = (11.69, 8.27)
MAX_BARS = 12
MAX_FEATURES = 24
FACT_WIDTH = 46
"""Letters of a fact in a line; more are cut off at the edge of the page."""
CAUSES = (ORANGE, RED, GREEN, GREY)
"""Colours of competing causes."""


def draw_prediction(prediction: SubjectPrediction, row: int, path: Path) -> list[Path]:
    """Draw the page of the subject at `row` to `path` as PNG and PDF. The title marks synthetic data."""
    data = data_name(prediction.header.title, prediction.header.synthetic)
    with drawing():
        figure = new_figure(*A4_LANDSCAPE)
        figure.suptitle(f"Prediction for {prediction.labels[row]}: {prediction.model} trained on {data}", fontsize=12)
        above, below, foot = figure.subfigures(3, 1, squeeze=False, height_ratios=[1.05, 1, 0.07])[:, 0]
        images, text = above.subfigures(1, 2, squeeze=False, width_ratios=[1.5, 1])[0]
        _draw_images(images, prediction, row)
        _draw_text(text, prediction, row)
        survival, bars = below.subplots(1, 2, width_ratios=[1.25, 1])
        _draw_survival(survival, prediction, row)
        _draw_contributions(bars, prediction, row)
        intervals = f"{prediction.survival.kind}. " if prediction.survival.has_interval else ""
        foot.text(0.01, 0.5, f"{DISCLAIMER} {intervals}Run {prediction.run}.", fontsize=8, color="0.35", va="center")
        return save(figure, path)


def _draw_images(part: SubFigure, prediction: SubjectPrediction, row: int) -> None:
    """Draw the image and its reconstruction; for a table, its features."""
    header, decoded = prediction.header, prediction.reconstructions
    if len(header.shape) == 1:
        _draw_features(part.subplots(), prediction, row)
        return
    rows = [("input", prediction.images[row]), *([] if decoded is None else [("reconstruction", decoded[row])])]
    planes, at = planes_of(header), middle_of(prediction.images[row], header)
    if len(planes) == 1:  # side by side
        line = part.subplots(1, len(rows), squeeze=False)[0]
        for axis, (name, image) in zip(line, rows, strict=True):
            axis.imshow(overlaid(image, header), interpolation="nearest")
            axis.set_title(name)
            hide_frame(axis)
        return
    axes = part.subplots(len(rows), len(planes), squeeze=False)
    for line, (name, image) in zip(axes, rows, strict=True):
        for axis, plane in zip(line, planes, strict=True):
            axis.imshow(overlaid(cut(image, plane, at), header), aspect=aspect(header, plane), interpolation="nearest")
            hide_frame(axis)
            draw_scale(axis, header, plane)
        line[0].set_ylabel(name)
    for axis, plane in zip(axes[0], planes, strict=True):
        axis.set_title(plane)


def _draw_features(axis: Axes, prediction: SubjectPrediction, row: int) -> None:
    axis.set_axis_off()
    features, values = prediction.header.features, prediction.images[row, 0]
    lines = [f"{name[:28]:<28} {value:>10.5g}" for name, value in zip(features, values, strict=True)]
    if len(lines) > MAX_FEATURES:
        lines[MAX_FEATURES - 1 :] = [f"… and {len(lines) - MAX_FEATURES + 1} more"]
    axis.text(0.02, 0.98, "\n".join(lines), va="top", family="DejaVu Sans Mono", fontsize=8, transform=axis.transAxes)


def _draw_survival(axis: Axes, prediction: SubjectPrediction, row: int) -> None:
    survival, curve = prediction.survival, prediction.cohort_curve
    times = survival.times
    label = f"Kaplan–Meier of {prediction.n_train} training subjects"
    axis.step(times, curve(times), where="post", color="0.55", lw=1.2, label=label)
    label = "predicted"
    if survival.has_interval:
        axis.fill_between(times, survival.low[row], survival.high[row], step="post", color=BLUE, alpha=0.2, lw=0)
        label += f", with {survival.interval_name}"
    axis.step(times, survival.value[row], where="post", color=BLUE, lw=1.8, label=label)
    for colour, (name, incidence) in zip(cycle(CAUSES), survival.incidence.items()):
        axis.step(times, incidence[row], where="post", color=colour, lw=1.4, label=f"incidence of {name}")
    median = survival.median[row]
    if np.isfinite(median):
        axis.plot([0, median, median], [0.5, 0.5, 0], color=BLUE, lw=0.8, ls=":")
    axis.set(xlim=(0, times[-1]), ylim=(0, 1.02))
    axis.set_title("Survival", loc="left")
    both = "survival, cumulative incidence" if survival.incidence else "survival"
    axis.set(xlabel=f"time ({prediction.header.time_unit})", ylabel=both)
    axis.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)


def _draw_contributions(axis: Axes, prediction: SubjectPrediction, row: int) -> None:
    values = prediction.contributions[row]
    order = np.argsort(-np.abs(values), kind="stable")[:MAX_BARS]
    shown = [(f"z{index} = {prediction.coordinates[row, index]:+z.2f} SD", values[index]) for index in order]
    if len(values) > MAX_BARS:
        shown.append((f"{len(values) - MAX_BARS} others", values.sum() - values[order].sum()))
    shown += [(name, value[row]) for name, value in prediction.covariate_contributions.items()]
    position = np.arange(len(shown))
    bars = [value for _, value in shown]
    axis.barh(position, bars, color=[ORANGE if value > 0 else BLUE for value in bars], height=0.7)
    axis.set_yticks(position, [name for name, _ in shown], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="0.3", lw=0.8)
    limit = max(map(abs, bars), default=0.0) or 1.0
    for y, value in enumerate(bars):
        x, side = (value + 0.02 * limit, "left") if value >= 0 else (value - 0.02 * limit, "right")
        axis.text(x, y, f"{value:+z.2g}", va="center", ha=side, fontsize=7)
    axis.set_xlim(-1.4 * limit, 1.4 * limit)
    reference = "\nat the reference covariates" if prediction.covariates else ""
    of_cause = f" of {prediction.cause}" if prediction.cause else ""
    axis.set_xlabel(f"contribution to the log-hazard{of_cause}, relative to the average latents{reference}")
    of_latents = "ψ·z" if prediction.linear else "integrated gradients"
    axis.set_title(f"Contributions to the hazard: {of_latents}{' and γ·x' if prediction.covariates else ''}")


def _draw_text(part: SubFigure, prediction: SubjectPrediction, row: int) -> None:
    axis = part.subplots()
    axis.set_axis_off()
    facts = prediction_facts(prediction, row)
    top, step = 0.97, 0.07
    style: dict[str, Any] = {"va": "top", "transform": axis.transAxes, "in_layout": False}
    line = 0.0
    for name, text in facts.items():
        wrapped = wrap(text, FACT_WIDTH)
        axis.text(0.0, top - line * step, name, fontsize=8, color="0.35", **style)
        axis.text(0.36, top - line * step, "\n".join(wrapped), fontsize=8, **style)
        line += 1 + 0.5 * (len(wrapped) - 1)
    warnings = [f"Warning: {warning}" for warning in prediction.warnings[:3]]
    if prediction.out_of_distribution.far[row]:
        warnings.insert(0, "Far from the training data: the prediction may be wrong.")
    for number, text in enumerate(warnings):
        axis.text(0.0, top - (line + number) * step, text, color=RED, fontsize=8, wrap=True, **style)


def prediction_facts(prediction: SubjectPrediction, row: int) -> dict[str, str]:
    """Numbers of one subject as text, for the page and for the terminal."""
    survival, typical, unit = prediction.survival, prediction.out_of_distribution, prediction.header.time_unit
    facts = {
        **({"hazard of": prediction.cause} if prediction.cause else {}),
        "log-hazard": f"{prediction.log_hazard[row]:+.3f}",
        "percentile of log-hazard": f"{prediction.percentile[row]:.0f} of {prediction.n_train} training subjects",
        "hazard ratio": f"{math.exp(prediction.log_hazard_ratio[row]):.3g} relative to the average latents",
        "median survival": _median(survival, row, unit),
    }
    if prediction.members:
        ids = ", ".join(member.run for member in prediction.members)
        facts["averaged"] = f"S(t), median and percentile over {ids}; all else is of the first"
    if prediction.bound is not None:
        facts["lower bound"] = prediction.bound.text(row, unit)
    for level in QUARTERS:
        at = last_index_above(prediction.cohort_curve, survival.times, level)
        interval = f" ({survival.low[row, at]:.2f} to {survival.high[row, at]:.2f})" if survival.has_interval else ""
        facts[f"S({survival.times[at]:.4g} {unit})"] = f"{survival.value[row, at]:.2f}{interval}"
    for name, values in survival.incidence.items():
        ats = [last_index_above(prediction.cohort_curve, survival.times, level) for level in QUARTERS]
        shown = ", ".join(f"{values[row, at]:.2f} by {survival.times[at]:.4g}" for at in dict.fromkeys(ats))
        facts[f"incidence of {name}"] = f"{shown} {unit}"
    among = f"({typical.n} {typical.part})"
    if typical.error is not None and typical.error_percentile is not None:
        facts["reconstruction error"] = (
            f"{typical.error[row]:.3g}, percentile {typical.error_percentile[row]:.0f} {among}"
        )
    facts["latent distance"] = f"{typical.distance[row]:.3g}, percentile {typical.distance_percentile[row]:.0f} {among}"
    if prediction.covariates:
        facts = {"covariates": prediction.covariates[row], **facts}
    for name, values in prediction.measures.items():
        if name.endswith("_ml"):
            facts[name.removesuffix("_ml")] = f"{values[row]:.1f} ml"
    return facts


def time_text(time: float, unit: str = "") -> str:
    """A time with its unit; `not reached` for NaN and infinity."""
    return f"{time:.4g} {unit}".rstrip() if math.isfinite(time) else "not reached"


def _median(survival: Survival, row: int, unit: str) -> str:
    value, low = survival.median[row], survival.median_low[row]
    if not survival.has_interval or not math.isfinite(low):  # without a lower limit, the others are not reached either
        return time_text(value, unit)
    return (
        f"{time_text(value, unit)}, {survival.interval_name} {time_text(low)} to {time_text(survival.median_high[row])}"
    )
