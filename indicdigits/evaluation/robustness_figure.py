"""Robustness curves: a small plot for each effect, all with the same axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from indicdigits.evaluation.figures import DPI, INK, MUTED, OTHER, RIGHT, RULE, png_bytes
from indicdigits.imaging.degrade import STRENGTH

_COLUMNS, _COLUMNS_TALL = 5, 3
_WIDTH, _HEIGHT = 1.85, 1.42  # inches of one plot
# A mark each, a line only between marks: often one strength alone is measured so.
_PREPARED: dict[str, Any] = {
    "color": MUTED,
    "linewidth": 1.2,
    "linestyle": (0, (3, 2)),
    "marker": "D",
    "markersize": 4,
    "markerfacecolor": "white",
}


def robustness_png(robustness: Mapping[str, Any] | None, *, tall: bool = False) -> bytes | None:
    """Share read right over the strength of each effect.

    Args:
        robustness: What `measure_robustness` returns.
        tall: Three plots a row, for narrow screens, rather than five.

    Returns:
        PNG bytes, or None when nothing was measured.
    """
    if not robustness or not robustness["rows"]:
        return None
    columns = _COLUMNS_TALL if tall else _COLUMNS
    families = list(dict.fromkeys(row["of"] for row in robustness["rows"]))
    groups = [[row for row in robustness["rows"] if row["of"] == name] for name in families]
    lines = [math.ceil(len(group) / columns) for group in groups]
    figure = Figure(
        figsize=(columns * _WIDTH, sum(lines) * _HEIGHT + 0.35 * len(groups) + 0.5),
        dpi=DPI,
        layout="constrained",
    )
    parts = figure.subfigures(len(groups), 1, height_ratios=lines, squeeze=False)[:, 0]
    for part, name, group, count in zip(parts, families, groups, lines, strict=True):
        part.suptitle(name, x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
        for place, axes in enumerate(part.subplots(count, columns, squeeze=False).flat):
            if place < len(group):
                _plot(axes, group[place], robustness["clean"]["accuracy"])
            else:
                axes.set_axis_off()
    _legend(figure, robustness["rows"], columns=1 if tall else 3)
    return png_bytes(figure)


def _plot(axes: Axes, row: Mapping[str, Any], clean: float) -> None:
    colour = OTHER if row["trained_with"] else RIGHT
    if row["prepared"]:
        strengths, shares = _curve(row["prepared"], clean)
        axes.plot(strengths[1:], shares[1:], **_PREPARED)
    axes.plot(
        *_curve(row["strengths"], clean),
        color=colour,
        linewidth=2,
        marker="o",
        markersize=3,
        clip_on=False,
    )
    axes.set_title(row["effect"].replace("_", " "), color=INK, fontsize=10, pad=3)
    axes.axvline(STRENGTH, color=RULE, linewidth=1, zorder=0)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 103)
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes.set_yticks([0, 50, 100])
    axes.tick_params(colors=MUTED, length=0, labelsize=8)
    axes.grid(axis="y", color=RULE)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def _curve(points: Sequence[Mapping[str, Any]], clean: float) -> tuple[list[float], list[float]]:
    """Strengths and percentages read right, from the pictures as they were."""
    return (
        [0.0, *(point["strength"] for point in points)],
        [100 * clean, *(100 * point["accuracy"] for point in points)],
    )


def _legend(figure: Figure, rows: Sequence[Mapping[str, Any]], columns: int) -> None:
    entries = [Line2D([], [], color=RIGHT, linewidth=2, label="read right, %, over the strength")]
    if any(row["trained_with"] for row in rows):
        entries.append(Line2D([], [], color=OTHER, linewidth=2, label="trained with"))
    if any(row["prepared"] for row in rows):
        label = "MNIST-C through the reader's preparation"
        entries.append(Line2D([], [], label=label, **_PREPARED))
    figure.legend(
        handles=entries,
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        fontsize=9.5,
    )
