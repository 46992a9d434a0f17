"""Digits -> pictures of lines: what string readers are fitted to, trained and measured on.

A line is written in one hand: of one writer where the data know who wrote a digit, otherwise with
digits of a like stroke width, slant and size, which tables call a "pseudo-writer". Digits stand
apart, touch or overlap; marks are drawn with the line's own pen. The same generator state gives
the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.data.marks import MARKS, draw

Ink = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Spacing = Literal["apart", "touching", "overlapping", "mixed"]

_INK = 96  # grey level from which a pixel is ink
_NEAREST = 24  # digits of a value that a pseudo-writer chooses from
_MARGIN = 0.25  # of the line's height, paper around it


class Placed(NamedTuple):
    """Where a character stands: its left upper corner and its size, pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A picture of a line.

    Attributes:
        ink: uint8 (H,W), 0 paper, 255 full ink.
        text: What it says, in ASCII digits and marks.
        boxes: Where each of its characters stands.
        owner: int16 (H,W), the number of the character that each pixel of ink is of; -1 for paper.
        digits: Which digits of the pool it is written with, in order.
    """

    ink: Ink
    text: str
    boxes: tuple[Placed, ...]
    owner: npt.NDArray[np.int16]
    digits: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How lines are written.

    Attributes:
        spacing: "apart" leaves paper between neighbours, "touching" pushes each pair together
            until their ink meets, "overlapping" lets them reach into each other's columns without
            touching, "mixed" does one or the other.
        height: Pixels of a digit, from and to.
        slope: How far the line may climb or fall, as a part of its length.
        wobble: How far a digit may stand above or below, as a part of its height.
        pen_change: How often the pen changes in a line, 0 to 1.
        boxes: How often a line is written into printed cells, 0 to 1.
    """

    spacing: Spacing = "mixed"
    height: tuple[float, float] = (26.0, 48.0)
    slope: float = 0.02
    wobble: float = 0.06
    pen_change: float = 0.0
    boxes: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Digits to write with.

    Attributes:
        inks: uint8 (h,w), each digit cut to its ink.
        values: int64 (N,), 0 to 9.
        writers: (N,), who wrote each; None where the data do not know.
        looks: float64 (N,3), stroke width, slant and size, each of mean 0 and deviation 1.
    """

    inks: Sequence[Ink]
    values: Int
    writers: npt.NDArray[Any] | None
    looks: Float
    _of_value: dict[int, Int] = field(default_factory=dict)

    @staticmethod
    def of(
        pictures: Sequence[Ink], values: npt.ArrayLike, writers: npt.NDArray[Any] | None = None
    ) -> Pool:
        """A pool of pictures as they came.

        Args:
            pictures: uint8 (H,W) or (H,W,3), all of one polarity.
            values: (N,), 0 to 9.
            writers: (N,), if they are known.
        """
        grey = [p if p.ndim == 2 else cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pictures]
        light = float(np.median([np.median(picture) for picture in grey])) < 128
        inks = [_cut(np.asarray(p if light else 255 - p, np.uint8)) for p in grey]
        looks = np.array([_look(ink) for ink in inks])
        looks = (looks - looks.mean(axis=0)) / np.maximum(looks.std(axis=0), 1e-6)
        return Pool(inks=inks, values=np.asarray(values, np.int64), writers=writers, looks=looks)

    def __len__(self) -> int:
        return len(self.values)

    def choose(self, text: str, rng: np.random.Generator) -> list[int]:
        """Digits of one hand for the digits of a text."""
        wanted = [int(symbol) for symbol in text if symbol.isdigit()]
        anchor = int(rng.integers(len(self)))
        return [self._like(anchor, value, rng) for value in wanted]

    def _like(self, anchor: int, value: int, rng: np.random.Generator) -> int:
        """A digit of this value by the anchor's writer, or one that looks like theirs."""
        if value not in self._of_value:
            self._of_value[value] = np.flatnonzero(self.values == value)
        there = self._of_value[value]
        if self.writers is not None:
            theirs = there[self.writers[there] == self.writers[anchor]]
            return int(rng.choice(theirs if len(theirs) else there))
        far = np.square(self.looks[there] - self.looks[anchor]).sum(axis=1)
        few = min(_NEAREST, len(there))
        return int(there[np.argpartition(far, few - 1)[rng.integers(few)]])


def compose(text: str, pool: Pool, rng: np.random.Generator, style: Style | None = None) -> Line:
    """Writes a text.

    Args:
        text: ASCII digits and `MARKS`; a space leaves a gap.
        pool: What to write with.
        rng: Where all chance comes from.
        style: How.
    """
    style = style or Style()
    chosen = pool.choose(text, rng)
    tall = np.median([max(pool.inks[n].shape) for n in chosen]) if chosen else 28.0
    height = rng.uniform(*style.height)
    glyphs = _glyphs(text, [pool.inks[n] for n in chosen], height / float(tall), height, rng)
    if rng.random() < style.pen_change:
        glyphs = _other_pen(glyphs, rng)
    corners = _layout(text, glyphs, height, style, rng)
    ink, owner, boxes = _painted(glyphs, corners, height)
    if rng.random() < style.boxes:
        ink = _celled(ink, boxes, rng)
    return Line(ink=ink, text=text.replace(" ", ""), boxes=boxes, owner=owner, digits=tuple(chosen))


def _cut(ink: Ink) -> Ink:
    """A digit cut to its ink, which becomes 255; its paper, grey in some scans, becomes 0."""
    full = float(np.quantile(ink[ink >= _INK], 0.9)) if (ink >= _INK).any() else 255.0
    paper = min(float(np.median(ink)), full / 2)
    gain = 255 / max(full - paper, 1.0)
    ink = np.clip(gain * (ink.astype(np.float32) - paper), 0, 255).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(np.asarray(ink >= 40, np.uint8))
    return ink[y : y + height, x : x + width] if width else ink


def _look(ink: Ink) -> tuple[float, float, float]:
    """Stroke width, slant and size of a digit."""
    mask = np.asarray(ink >= _INK, np.uint8)
    outlines = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    length = max(sum(len(outline) for outline in outlines), 1)
    moments = cv2.moments(mask, binaryImage=True)
    slant = moments["mu11"] / max(moments["mu02"], 1e-6)
    return 2 * moments["m00"] / length, float(slant), float(np.log(max(ink.shape)))


def _glyphs(
    text: str, inks: Sequence[Ink], scale: float, height: float, rng: np.random.Generator
) -> list[Ink | None]:
    """The picture of each character; None for a space."""
    left = iter(inks)
    stroke = scale * float(np.median([_look(ink)[0] for ink in inks])) if inks else height / 10
    result: list[Ink | None] = []
    for symbol in text:
        if symbol.isdigit():
            ink = next(left)
            factor = scale * rng.uniform(0.94, 1.06)
            size = (max(2, round(ink.shape[1] * factor)), max(2, round(ink.shape[0] * factor)))
            how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
            result.append(np.asarray(cv2.resize(ink, size, interpolation=how), np.uint8))
        else:
            result.append(draw(symbol, height, stroke, rng) if symbol in MARKS else None)
    return result


def _other_pen(glyphs: list[Ink | None], rng: np.random.Generator) -> list[Ink | None]:
    """From some place on, written with a thicker, thinner or paler pen."""
    since = int(rng.integers(1, max(len(glyphs), 2)))
    kind = rng.integers(3)
    pale = rng.uniform(0.6, 0.85)

    def changed(ink: Ink) -> Ink:
        if kind == 2:
            return np.asarray(cv2.convertScaleAbs(ink, alpha=pale), np.uint8)
        worked = cv2.dilate(ink, np.ones((2, 2))) if kind else cv2.GaussianBlur(ink, (3, 3), 0)
        return np.asarray(worked, np.uint8)

    return [
        glyph if glyph is None or n < since else changed(glyph) for n, glyph in enumerate(glyphs)
    ]


def _layout(
    text: str, glyphs: list[Ink | None], height: float, style: Style, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """The left upper corner of each character, the line's top being 0."""
    slope = rng.uniform(-style.slope, style.slope)
    spacing, gap = style.spacing, rng.uniform(0.08, 0.35)
    corners: list[tuple[int, int]] = []
    x, before = 0.0, None
    for symbol, glyph in zip(text, glyphs, strict=True):
        if glyph is None:
            x, before = x + rng.uniform(0.3, 0.7) * height, None
            corners.append((round(x), 0))
            continue
        rows, columns = glyph.shape
        rise = 0.5 if symbol.isdigit() else MARKS[symbol]
        wobble = rng.uniform(-style.wobble, style.wobble) if symbol.isdigit() else 0.0
        y = round(rise * (height - rows) + (wobble * height) + slope * x)
        kind = rng.choice(["apart", "touching", "overlapping"]) if spacing == "mixed" else spacing
        if before is None:
            left = round(x)
        elif kind == "apart" or not (symbol.isdigit() and before[3]):
            left = round(x + max(2.0, height * gap * rng.uniform(0.6, 1.4)))
        else:
            left = _nearest(before[0], before[1], before[2], glyph, y)
            left += -round(rng.uniform(0, 0.04) * height) if kind == "touching" else 2
        corners.append((left, y))
        x, before = left + columns, (glyph, left, y, symbol.isdigit())
    return corners


def _nearest(one: Ink, left: int, top: int, other: Ink, y: int) -> int:
    """The left edge at which another digit's ink just meets that of the one before it."""
    low, high = max(top, y), min(top + len(one), y + len(other))
    ends = left + one.shape[1]
    if low >= high:
        return ends
    mine = one[low - top : high - top] >= _INK
    theirs = other[low - y : high - y] >= _INK
    # A stroke also meets the row above and below it.
    mine, theirs = _thick(mine), _thick(theirs)
    both = mine.any(axis=1) & theirs.any(axis=1)
    if not both.any():
        return ends
    right = left + mine.shape[1] - mine[both, ::-1].argmax(axis=1)
    lefts = np.asarray(right - theirs[both].argmax(axis=1))
    # Where they would pass over each other's middle they stop there.
    return int(max(lefts.max(), left + one.shape[1] // 2))


def _thick(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((3, 1), np.uint8)), bool)


def _painted(
    glyphs: list[Ink | None], corners: list[tuple[int, int]], height: float
) -> tuple[Ink, npt.NDArray[np.int16], tuple[Placed, ...]]:
    """The line, whose its pixels are, and where its characters stand."""
    there = [(g, x, y) for g, (x, y) in zip(glyphs, corners, strict=True) if g is not None]
    margin = round(_MARGIN * height)
    left, top = min(x for _, x, _ in there) - margin, min(y for _, _, y in there) - margin
    right = max(x + g.shape[1] for g, x, _ in there) + margin
    bottom = max(y + g.shape[0] for g, _, y in there) + margin
    ink = np.zeros((bottom - top, right - left), np.uint8)
    owner = np.full(ink.shape, -1, np.int16)
    boxes = []
    for number, (glyph, x, y) in enumerate(there):
        rows, columns = glyph.shape
        part = np.s_[y - top : y - top + rows, x - left : x - left + columns]
        owner[part][(glyph >= _INK) & (glyph > ink[part])] = number
        ink[part] = np.maximum(ink[part], glyph)
        boxes.append(Placed(x - left, y - top, columns, rows))
    return ink, owner, tuple(boxes)


def _celled(ink: Ink, boxes: Sequence[Placed], rng: np.random.Generator) -> Ink:
    """Thin printed lines between the characters, and above and below them."""
    result, grey = ink.copy(), int(rng.integers(90, 200))
    top, bottom = 1, len(ink) - 2
    edges = [boxes[0].left - 3, *(b.left + b.width + 1 for b in boxes)]
    edges = [min(max(edge, 0), ink.shape[1] - 1) for edge in edges]
    for edge in edges:
        result[top : bottom + 1, edge] = np.maximum(result[top : bottom + 1, edge], grey)
    for row in (top, bottom):
        part = result[row, edges[0] : edges[-1] + 1]
        np.maximum(part, grey, out=part)
    return result
