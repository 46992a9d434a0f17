"""The rows of `indicdigits bench BUNDLE`, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from indicdigits.evaluation.bench_bundle import TEXTBOOK, Row
from indicdigits.evaluation.figures import DPI, INK, MUTED, RIGHT, RULE, png_bytes

_ROW, _WIDTH = 0.34, 9.5  # inches


def bench_png(rows: Sequence[Row], title: str) -> bytes:
    """Bars of one picture's latency, with its p99, and of pictures a second in batches.

    Args:
        rows: What was measured; those with an error are left out.
        title: Says what and where.

    Returns:
        PNG bytes.
    """
    shown = [row for row in rows if row.error is None]
    figure = Figure(figsize=(_WIDTH, _ROW * len(shown) + 1.5), dpi=DPI, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    latency, throughput = figure.subplots(1, 2, sharey=True)
    colours = [MUTED if row.network == TEXTBOOK else RIGHT for row in shown]
    medians = [row.p50_us or 0.0 for row in shown]
    notes = [f"{row.p50_us:,.0f}  (p99 {row.p99_us:,.0f})" for row in shown]
    _bars(latency, "one picture, µs: median", medians, colours, notes)
    speeds = [row.per_second or 0.0 for row in shown]
    notes = [f"{speed:,.0f}" for speed in speeds]
    _bars(throughput, "pictures a second, batches of 256", speeds, colours, notes)
    places = range(len(shown))
    latency.set_yticks(places, [_label(row) for row in shown], color=INK, fontsize=9)
    latency.invert_yaxis()
    return png_bytes(figure)


def _label(row: Row) -> str:
    threads = "1 thread" if row.threads == 1 else f"{row.threads} threads"
    return f"{row.network}, {row.runtime}, {threads}"


def _bars(
    axes: Axes,
    title: str,
    values: Sequence[float],
    colours: Sequence[str],
    notes: Sequence[str],
) -> None:
    axes.barh(range(len(values)), values, color=colours, height=0.68)
    axes.set_title(title, loc="left", color=MUTED, fontsize=10)
    for place, (value, note) in enumerate(zip(values, notes, strict=True)):
        axes.annotate(
            note, (value, place), (4, 0), textcoords="offset points", va="center", fontsize=9,
            color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip
    axes.set_xlim(0, 1.4 * max(values, default=1.0))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(axis="both", length=0, colors=MUTED)
    axes.grid(axis="x", color=RULE, linewidth=1)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
