"""An explanation as a picture: what the network saw, the map over it, and what it answered."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import NDArray

from indicdigits.evaluation.explain import Explanation
from indicdigits.evaluation.explainable import METHODS
from indicdigits.evaluation.figures import DPI, INK, MUTED, RIGHT, RULE, WRONG, png_bytes
from indicdigits.evaluation.glyphs import font_for_matplotlib
from indicdigits.evaluation.words import certainty, plain_name, share
from indicdigits.runtime.reading import Alternative

_HEAT = (np.array((214, 69, 0)) / 255).tolist()  # what speaks for the class
_FADED = 0.5  # of the ink's darkness, under a map
_STRONGEST = 0.85  # of the colour, so that the ink beneath is still seen
_TITLE = -13  # points from a panel to the baseline of its title
_PICTURE = 2.3  # inches
_WIDTH, _HEIGHT = 8.2, 3.75
_LETTERS_A_LINE = 118


def explanation_png(explanation: Explanation) -> bytes:
    """The picture as the network saw it, with the map over it, the answers and a caption."""
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=DPI, facecolor="white")
    method = METHODS[explanation.method].title
    heading = f"{Path(explanation.network.name).name}: {method}"
    figure.text(0.3 / _WIDTH, 1 - 0.32 / _HEIGHT, heading, color=INK, fontsize=13)
    plain = np.repeat(1 - explanation.picture[..., np.newaxis] / 255, 3, axis=2)
    _panel(figure, 0.3, plain, "what the network saw")
    shaded = shade(explanation.picture, explanation.saliency)
    axes, title = _panel(figure, 2.85, shaded, "what speaks for")
    _class_after(axes, title, explanation.explained)
    _answers(figure, explanation)
    caption = textwrap.fill(explanation.caption, _LETTERS_A_LINE)
    figure.text(0.3 / _WIDTH, 0.46 / _HEIGHT, caption, color=MUTED, fontsize=8.5, va="top")
    return png_bytes(figure)


def shade(picture: NDArray[np.uint8], saliency: NDArray[np.float32]) -> NDArray[np.float64]:
    """A picture (S, S), grey ink on white, with its map over it in colour: RGB in [0, 1]."""
    paper = np.repeat(1 - _FADED * picture[..., np.newaxis] / 255, 3, axis=2)
    strength = _STRONGEST * saliency[..., np.newaxis]
    return np.asarray(paper * (1 - strength) + strength * _HEAT)


def _panel(
    figure: Figure, left: float, rgb: NDArray[np.float64], title: str
) -> tuple[Axes, Annotation]:
    """Draws a picture (S, S, 3) with its title below; returns both."""
    box = (left / _WIDTH, 0.86 / _HEIGHT, _PICTURE / _WIDTH, _PICTURE / _HEIGHT)
    axes = figure.add_axes(box)
    axes.imshow(rgb, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(RULE)
    return axes, axes.annotate(
        title,
        (0, 0),
        xytext=(0, _TITLE),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9.5,
        color=INK,
    )


def _class_after(axes: Axes, title: Annotation, explained: Alternative) -> None:
    """The class that is explained and how probable it is, behind the panel's title."""
    text, value = explained.text, explained.value
    font = font_for_matplotlib(text)
    known: list[tuple[str, float, str, dict[str, Any]]] = [
        (text, 14, INK, {"fontproperties": font})
        if font
        else (plain_name(text, value), 9.5, INK, {})
    ]
    if font and value is not None:
        known.append((str(value), 9.5, MUTED, {}))
    known.append((share(explained.probability), 9.5, MUTED, {}))
    before = title
    for shown, size, colour, style in known:
        before = axes.annotate(
            shown,
            (1, 0),
            xycoords=(before, "axes fraction"),
            xytext=(5, _TITLE),
            textcoords="offset points",
            color=colour,
            fontsize=size,
            **style,
        )


def _answers(figure: Figure, explanation: Explanation) -> None:
    """The answer large, the next best small, each with a bar of its probability."""
    left = 5.5
    figure.text(left / _WIDTH, 2.97 / _HEIGHT, "read as", color=MUTED, fontsize=9.5)
    colour = RIGHT if explanation.refused is None else WRONG
    for place, answer in enumerate(explanation.answers):
        bottom = (2.28, 1.68, 1.22)[place]
        size = 30 if place == 0 else 17
        box = (left / _WIDTH, bottom / _HEIGHT, 2.4 / _WIDTH, 0.6 / _HEIGHT)
        axes = figure.add_axes(box)
        axes.set_axis_off()
        axes.set_xlim(0, 2.4)
        axes.set_ylim(0, 0.6)
        tint = colour if place == 0 else MUTED
        _digit(axes, answer.text, answer.value, size, INK if place == 0 else MUTED)
        axes.barh(0.16, 1.45, height=0.06, left=0.85, color=RULE)
        axes.barh(0.16, 1.45 * answer.probability, height=0.06, left=0.85, color=tint)
        sure = f"{certainty(answer.probability)} sure" if place == 0 else share(answer.probability)
        axes.text(0.85, 0.26, sure, color=tint, fontsize=10 if place == 0 else 9)
    if explanation.refused is not None:
        note = "\n".join(textwrap.wrap(f"not accepted: {explanation.refused}", 38))
        figure.text(left / _WIDTH, 1.12 / _HEIGHT, note, color=WRONG, fontsize=9.5, va="top")


def _digit(axes: Axes, text: str, value: int | None, size: float, colour: str) -> None:
    """A class at the left of its bar: the native digit, and its value small beside it."""
    font = font_for_matplotlib(text)
    if font is None:
        name = textwrap.fill(plain_name(text, value), 8)
        points = size if len(name) < 3 else 9
        axes.text(0.1, 0.2, name, color=colour, fontsize=points, va="center")
        return
    axes.text(0.05, 0.12, text, color=colour, fontsize=size, fontproperties=font)
    if value is not None and str(value) != text:
        axes.text(0.5, 0.14, str(value), color=MUTED, fontsize=10)
