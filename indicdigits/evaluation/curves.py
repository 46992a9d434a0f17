"""Learning curves: of one run for its report, of several for a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from indicdigits.evaluation.figures import DPI, INK, MUTED, OTHER, RIGHT, RULE, png_bytes

# Told apart by people who see colours differently, too (Okabe and Ito 2008), the palest left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
_LONGEST_NAME = 34  # characters of a legend
_MOST_MARKERS = 40  # epochs; beyond, the marks of single epochs run into each other


def curves_png(history: Sequence[Mapping[str, Any]], *, tall: bool = False) -> bytes | None:
    """Loss and errors over the epochs, on training and validation pictures.

    Args:
        history: The lines of a run's metrics.jsonl.
        tall: One below the other, for narrow screens, rather than side by side.

    Returns:
        PNG bytes, or None when nothing was recorded.
    """
    if not history:
        return None
    size, rows, columns = ((4.6, 6.4), 2, 1) if tall else ((9.2, 3.6), 1, 2)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    loss, errors = figure.subplots(rows, columns)
    epochs = np.arange(1, len(history) + 1)
    for part, colour in (("train", OTHER), ("validation", RIGHT)):
        label = {"train": "training", "validation": "validation"}[part]
        style = {
            "color": colour,
            "linewidth": 2,
            "label": label,
            "marker": "o",
            "markersize": 3,
            "clip_on": False,
        }
        loss.plot(epochs, _series(history, f"{part}_loss"), **style)
        errors.plot(epochs, 100 * (1 - _series(history, f"{part}_accuracy")), **style)
    loss.set_ylim(bottom=0)
    _style_axes(loss, "Loss", len(history))
    _style_errors(errors, "Read wrong, %", len(history))
    for axes in (loss, errors):
        for epoch in _boundaries(history):
            axes.axvline(epoch, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    loss.legend(frameon=False, labelcolor=INK, fontsize=11)
    return png_bytes(figure)


def comparison_png(
    histories: Mapping[str, Sequence[Mapping[str, Any]]], *, tall: bool = False
) -> bytes | None:
    """Training loss and validation errors of several runs over the epochs of all their phases.

    Args:
        histories: Name -> the lines of that run's metrics.jsonl; their lengths may differ.
        tall: One below the other, for narrow screens, rather than side by side.

    Returns:
        PNG bytes, or None when no run recorded anything.
    """
    recorded = {name: history for name, history in histories.items() if history}
    if not recorded:
        return None
    columns = 1 if tall else 3
    legend_rows = math.ceil(len(recorded) / columns)
    size, shape = ((4.6, 6.4), (2, 1)) if tall else ((9.2, 3.6), (1, 2))
    figure = Figure(figsize=(size[0], size[1] + 0.22 * legend_rows), dpi=DPI, layout="constrained")
    loss, errors = figure.subplots(*shape)
    for number, (name, history) in enumerate(recorded.items()):
        _draw_run(loss, errors, name, history, _line_style(number))
    longest = max(map(len, recorded.values()))
    if _above_zero(recorded.values()):
        _make_logarithmic(loss)
    _style_axes(loss, "Training loss", longest)
    _style_errors(errors, "Validation pictures read wrong, %", longest)
    figure.legend(
        *loss.get_legend_handles_labels(),
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        fontsize=10,
    )
    return png_bytes(figure)


def _make_logarithmic(axes: Axes) -> None:
    """Makes an axis of positive numbers, after they are drawn."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _line_style(number: int) -> dict[str, Any]:
    """A colour for each of the first runs, then the same colours with broken lines."""
    lines = ("solid", (0, (4, 2)), (0, (1, 1.5)))
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": lines[number // len(COLOURS) % len(lines)],
    }


def _draw_run(
    loss: Axes,
    errors: Axes,
    name: str,
    history: Sequence[Mapping[str, Any]],
    style: Mapping[str, Any],
) -> None:
    epochs = np.arange(1, len(history) + 1)
    series = (
        (loss, _series(history, "train_loss")),
        (errors, 100 * (1 - _series(history, "validation_accuracy"))),
    )
    label = name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]
    options: dict[str, Any] = {
        **style,
        "label": label.lstrip("_"),  # a legend leaves out what begins with an underscore
        "linewidth": 1.6,
        "clip_on": False,
        "marker": "o" if len(history) <= _MOST_MARKERS else "",
        "markersize": 3,
    }
    for axes, values in series:
        axes.plot(epochs, values, **options)
        for epoch in _boundaries(history):
            axes.axvline(epoch, color=style["color"], linewidth=0.8, alpha=0.45)


def _above_zero(histories: Iterable[Sequence[Mapping[str, Any]]]) -> bool:
    """Whether a logarithm shows every training loss there is."""
    values = np.concatenate([_series(history, "train_loss") for history in histories])
    known = values[np.isfinite(values)]
    return len(known) > 0 and bool((known > 0).all())


def _error_ticks(top: float) -> list[float]:
    """Percentages to write at an axis of square roots up to `top`, none too close to another."""
    ticks = [0.0]
    for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 100):
        if math.sqrt(tick) - math.sqrt(ticks[-1]) > 0.08 * math.sqrt(max(top, 0)):
            ticks.append(tick)
    return ticks


def _square_root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(values, 0))


def _series(history: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    """One column as floats; NaN, which a line leaves out, where nothing was measured."""
    values = [line.get(key) for line in history]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _boundaries(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """Where one phase ends and the next begins, on an axis of epochs."""
    phases = [line.get("phase") for line in history]
    return [index + 0.5 for index in range(1, len(phases)) if phases[index] != phases[index - 1]]


def _style_errors(axes: Axes, title: str, epochs: int) -> None:
    """Makes an axis of percentages, after they are drawn."""
    # A square root keeps the last tenths of a percent visible, and unlike a logarithm has a zero.
    axes.set_yscale("function", functions=(_square_root, np.square))
    axes.yaxis.set_major_locator(FixedLocator(_error_ticks(axes.get_ylim()[1])))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(bottom=0)
    _style_axes(axes, title, epochs)


def _style_axes(axes: Axes, title: str, epochs: int) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=13)
    axes.set_xlim(0.5, max(epochs, 2) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", color=MUTED)
    axes.tick_params(which="both", colors=MUTED, length=0)
    axes.grid(axis="y", color=RULE)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
