"""The reliability diagram: how often answers of some certainty are right (DeGroot, Fienberg 1983).

It draws `calibration` of metrics.json, whoever measured it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from indicdigits.evaluation.figures import DPI, INK, MUTED, OTHER, RIGHT, RULE, png_bytes
from indicdigits.evaluation.metrics import wilson_interval

_TITLES = {"before": "As the network says it", "after": "Calibrated"}
_COLOURS = {"before": OTHER, "after": RIGHT}


def reliability_png(calibration: Mapping[str, Any], *, tall: bool = False) -> bytes:
    """Share read right against certainty, before and after calibration where there was one.

    Each point is a bin of `reliability`, its area growing with the pictures in it, with the 95 %
    Wilson interval of its accuracy. On the diagonal, certainty is what it claims to be.

    Args:
        calibration: As metrics.json has it.
        tall: One below the other, for narrow screens, rather than side by side.
    """
    # Without a temperature, after is before.
    names = list(_TITLES)[: 1 if calibration["temperature"] is None else 2]
    size, shape = ((4.6, 4.2), (len(names), 1)) if tall else ((4.6, 4.5), (1, len(names)))
    figure = Figure(figsize=(size[0] * shape[1], size[1] * shape[0]), dpi=DPI, layout="constrained")
    for axes, name in zip(figure.subplots(*shape, squeeze=False).flat, names, strict=True):
        _diagram(axes, calibration["reliability"][name], _COLOURS[name])
        axes.set_title(_TITLES[name], loc="left", color=INK, fontsize=13)
    return png_bytes(figure)


def _diagram(axes: Axes, bins: Sequence[Mapping[str, Any]], colour: str) -> None:
    filled = [one for one in bins if one["n"]]
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    most = max((one["n"] for one in filled), default=1)
    for one in filled:
        low, high = wilson_interval(round(one["accuracy"] * one["n"]), one["n"])
        axes.plot([one["confidence"]] * 2, [low, high], color=colour, linewidth=1.5, alpha=0.55)
    axes.scatter(
        [one["confidence"] for one in filled],
        [one["accuracy"] for one in filled],
        s=[22 + 150 * np.sqrt(one["n"] / most) for one in filled],
        color=colour,
        edgecolor="white",
        zorder=3,
        clip_on=False,
    )
    low = min([1.0, *(min(one["confidence"], one["accuracy"]) for one in filled)])
    start = max(0.0, np.floor(10 * low - 0.5) / 10)
    axes.set_xlim(start, 1)
    axes.set_ylim(start, 1)
    axes.set_aspect("equal")
    axes.set_xlabel("how sure it says it is", color=MUTED)
    axes.set_ylabel("share read right", color=MUTED)
    axes.tick_params(colors=MUTED, length=0)
    axes.grid(color=RULE)
    axes.spines[:].set_visible(False)
