"""The risk-coverage curve: errors among what is answered, by how much is answered.

It draws `reject` of metrics.json, whoever measured it (El-Yaniv and Wiener 2010).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from indicdigits.evaluation.figures import DPI, INK, MUTED, RIGHT, RULE, WRONG, png_bytes

_SHOWN = 0.2  # refused; beyond, the curve is flat


def risk_coverage_png(reject: Mapping[str, Any], *, tall: bool = False) -> bytes:
    """Errors among the accepted against the share refused, with the thresholds marked.

    Args:
        reject: As metrics.json has it.
        tall: For narrow screens.
    """
    figure = Figure(figsize=(4.6, 4.2) if tall else (9.2, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    refused = 1 - np.asarray(reject["curve"]["coverage"], np.float64)
    risk = np.asarray(reject["curve"]["risk"], np.float64)
    order = np.argsort(refused, kind="stable")
    right_end = max(_SHOWN, *(1 - p["coverage"] for p in reject["points"] if _known(p)), 0)
    shown = order[refused[order] <= right_end]
    axes.plot(100 * refused[shown], 100 * risk[shown], color=RIGHT, linewidth=2)
    top = 100 * max(risk[shown].max(initial=0), 1e-4)
    for number, point in enumerate(filter(_known, reject["points"])):
        at = 100 * (1 - point["coverage"])
        axes.axvline(at, color=WRONG, linewidth=1, linestyle=(0, (3, 3)), alpha=0.7)
        axes.annotate(
            f"{100 * point['error_rate']:g} %",
            (at, top),
            xytext=(3, -12 * number),  # they may stand side by side
            textcoords="offset points",
            color=WRONG,
            fontsize=10,
            va="top",
        )
    axes.set_title("Wrong among the accepted, %", loc="left", color=INK, fontsize=13)
    axes.set_xlabel("refused, %", color=MUTED)
    axes.set_xlim(0, 100 * right_end)
    axes.set_ylim(0, 1.08 * top)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(colors=MUTED, length=0)
    axes.grid(axis="y", color=RULE)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    return png_bytes(figure)


def _known(point: Mapping[str, Any]) -> bool:
    """Whether some threshold reaches this error rate."""
    return point["threshold"] is not None and point["coverage"] is not None
