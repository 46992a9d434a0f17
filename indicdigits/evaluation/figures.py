"""The report's pictures: PNG bytes from a report's metrics, drawn without a display.

Figures are made as objects, never through pyplot: nothing is global, nothing is left open.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from indicdigits.evaluation.glyphs import font_for_matplotlib
from indicdigits.evaluation.words import (
    certainty,
    confused,
    count,
    heads,
    plain_name,
    script_name,
)

INK, MUTED, RULE = "#1d2b36", "#6b7885", "#dfe4e8"
RIGHT, WRONG, OTHER = "#0f766e", "#9b1c12", "#b7791f"
RIGHT_RGB, WRONG_RGB = (15, 118, 110), (180, 35, 24)
MOST_MISTAKES = 24  # that are shown; all are in metrics.json
MOST_OF_A_KIND = 3  # of one digit read as one other, while there are mistakes of other kinds
DPI = 150
_CELL, _LARGEST = 0.56, 24.0  # inches: a cell of the confusion matrix, and all of it at most


def shown_heads(metrics: Mapping[str, Any]) -> list[list[int]]:
    """The classes of each matrix: of each head all, or of many those that were confused most."""
    found = (confused(metrics["confusion"], head) for head in heads(metrics))
    return [part for part in found if part]


def confusion_png(metrics: Mapping[str, Any]) -> bytes:
    """The confusion matrix: a row a true class, a column an answer, errors in red.

    With a head for each script a matrix for each: no answer was chosen from another's classes.
    Of very many classes those that were confused most; none where nothing was.
    """
    parts = shown_heads(metrics)
    if not parts:
        return _sentence(f"No mistakes in {metrics['n']} test pictures")
    columns = math.ceil(math.sqrt(len(parts)))
    rows, size = math.ceil(len(parts) / columns), max(map(len, parts))
    side = min(_CELL * size, _LARGEST)
    figure = Figure(
        figsize=(columns * (side + 1.4), rows * (side + 1.4) + 0.3),
        dpi=DPI if columns * size < 20 else 72,
        layout="constrained",
    )
    confusion = np.asarray(metrics["confusion"])
    for place, part in enumerate(parts, 1):
        entries = [metrics["per_class"][index] for index in part]
        axes = figure.add_subplot(rows, columns, place)
        _matrix(axes, confusion[np.ix_(part, part)], entries)
    title = (
        f"{script_name(metrics['script'])}: {count(metrics['errors'], 'error')} "
        f"in {metrics['n']} test pictures"
    )
    if len(parts) == 1:
        axes.set_title(title, color=INK, fontsize=14, pad=14)
    else:
        figure.suptitle(title, color=INK, fontsize=28)
    return png_bytes(figure)


def _matrix(
    axes: Axes, confusion: NDArray[np.integer], entries: Sequence[Mapping[str, Any]]
) -> None:
    """Draws the confusion (C, C) of these classes."""
    size = len(confusion)
    side = min(_CELL * size, _LARGEST)
    axes.imshow(_cell_colours(confusion), aspect="equal")
    # 26 points a digit fill a cell; large counts and small cells take less
    font_size = min(26 * side / (_CELL * size) / max(len(str(confusion.max())), 2), 13)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(confusion > 0):
        dark = row == column and shares[row, column] > 0.8
        axes.text(
            column,
            row,
            str(confusion[row, column]),
            ha="center",
            va="center",
            fontsize=font_size,
            color="white" if dark else INK if row == column else WRONG,
            fontweight="normal" if row == column else "bold",
        )
    _grid(axes, size)
    for index, entry in enumerate(entries):
        _axis_label(axes, index, entry, size, along_x=True)
        _axis_label(axes, index, entry, size, along_x=False)
    axes.set_xlabel("read as", color=MUTED, fontsize=12, labelpad=40)
    axes.set_ylabel("written", color=MUTED, fontsize=12, labelpad=48)


def _cell_colours(confusion: NDArray[np.integer]) -> NDArray[np.float64]:
    """Right answers shade to green by their share of the row, mistakes to red by their number."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    diagonal = np.eye(len(confusion), dtype=bool)
    # One error must be seen beside fifty, and no red may drown the figure that stands on it.
    red = np.where(errors > 0, 0.12 + 0.38 * errors / max(errors.max(), 1), 0.0)
    strength = np.where(diagonal, 0.9 * shares, red)[..., None]
    tint = np.where(diagonal[..., None], RIGHT_RGB, WRONG_RGB) / 255
    return 1 - strength * (1 - tint)


def _grid(axes: Axes, size: int) -> None:
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _axis_label(
    axes: Axes, index: int, entry: Mapping[str, Any], size: int, *, along_x: bool
) -> None:
    """A class beside its row or column: the native digit, and its value small beside it."""
    font = font_for_matplotlib(entry["text"])
    scale = min(_LARGEST / (_CELL * size), 1.0)

    def put(text: str, distance: float, points: float, colour: str, **style: Any) -> None:
        offset = (0, -distance * scale) if along_x else (-distance * scale, 0)
        axes.annotate(
            text,
            (index, size - 0.5) if along_x else (-0.5, index),
            xytext=offset,
            textcoords="offset points",
            color=colour,
            fontsize=points * scale,
            annotation_clip=False,
            **{"ha": "center", "va": "center", **style},
        )

    if font is None:
        plain = _wrapped(plain_name(entry["text"], entry["value"]))
        long: dict[str, Any] = {"va": "top"} if along_x else {"ha": "right"}
        put(plain, *((15, 12, INK) if len(plain) < 3 else (6, 8, INK)), **long)
        return
    put(entry["text"], 15, 20, INK, fontproperties=font)
    if entry["value"] is not None:
        put(str(entry["value"]), 34, 10, MUTED)


def _wrapped(text: str) -> str:
    """A class that is a phrase, such as "not a digit", in lines short enough for a cell."""
    return textwrap.fill(text, 7, break_long_words=False)


def shown_mistakes(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mistakes that are shown, the surest first, of each kind a few before more of any.

    A kind is one digit read as one other. Were only surety asked, a reader with one bad habit
    would show nothing but that.

    Args:
        metrics: A report's metrics.

    Returns:
        At most `MOST_MISTAKES` of `mistakes`, each with `times`: how many there are of its kind.
    """
    kinds = [(mistake["truth"], mistake["answer"]) for mistake in metrics["mistakes"]]
    times, seen = Counter(kinds), Counter[tuple[str, str]]()
    first: list[int] = []
    rest: list[int] = []
    for number, kind in enumerate(kinds):
        (first if seen[kind] < MOST_OF_A_KIND else rest).append(number)
        seen[kind] += 1
    chosen = sorted([*first, *rest][:MOST_MISTAKES])
    return [{**metrics["mistakes"][number], "times": times[kinds[number]]} for number in chosen]


def mistakes_png(metrics: Mapping[str, Any], images: NDArray[np.uint8]) -> bytes:
    """The worst mistakes: each picture with what was written, what was read, and how sure.

    Args:
        metrics: A report's metrics.
        images: uint8 (N, S, S), the test pictures, light ink on black.
    """
    worst = shown_mistakes(metrics)
    if not worst:
        return _sentence(f"No mistakes in {metrics['n']} test pictures")
    columns = min(len(worst), 6)
    rows = math.ceil(len(worst) / columns)
    # Cells of fixed inches, so that few mistakes are drawn as large as many.
    width, height = 1.55, 2.1
    figure = Figure(figsize=(columns * width + 0.2, rows * height + 0.2), dpi=DPI)
    total_width, total_height = figure.get_size_inches()
    for place, mistake in enumerate(worst):
        row, column = divmod(place, columns)
        left = (0.1 + column * width + 0.125) / total_width
        bottom = (0.1 + (rows - 1 - row) * height + 0.62) / total_height
        axes = figure.add_axes((left, bottom, 1.3 / total_width, 1.3 / total_height))
        axes.imshow(255 - images[mistake["index"]], cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(RULE)
        _caption(axes, mistake)
    return png_bytes(figure)


def _sentence(text: str) -> bytes:
    figure = Figure(figsize=(6, 2), dpi=DPI)
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=16, color=RIGHT)
    return png_bytes(figure)


def _caption(axes: Axes, mistake: Mapping[str, Any]) -> None:
    parts = (
        (0.2, mistake["truth"], mistake["truth_value"], INK),
        (0.8, mistake["answer"], mistake["answer_value"], WRONG),
    )
    axes.text(0.5, -0.15, "→", transform=axes.transAxes, ha="center", va="center", color=MUTED)
    for x, text, value, colour in parts:
        font = font_for_matplotlib(text)
        shown = text if font else _wrapped(plain_name(text, value))
        style: dict[str, Any] = {"fontproperties": font} if font else {}
        axes.text(
            x - (0.07 if font and value is not None else 0),
            -0.15,
            shown,
            transform=axes.transAxes,
            ha="center",
            va="center",
            color=colour,
            fontsize=17 if font or len(shown) < 3 else 8,
            **style,
        )
        if font and value is not None:
            axes.text(
                x + 0.1,
                -0.15,
                str(value),
                transform=axes.transAxes,
                ha="center",
                va="center",
                color=MUTED,
                fontsize=9,
            )
    axes.text(
        0.5,
        -0.36,
        f"{certainty(mistake['probability'])} sure",
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=MUTED,
        fontsize=9,
    )


def png_bytes(figure: Figure) -> bytes:
    """A figure as the content of a PNG file."""
    buffer = io.BytesIO()
    # No software version inside: the same metrics give the same bytes.
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()
