"""Where a line may be cut: seams, the cheapest ways from above the line to below it.

Ink costs, paper hardly does, and going aslant costs a little (as in Wang and Jean 1993,
"Segmentation of merged characters by neural networks and shortest path"). Two digits that touch
leave a valley of cheap ways between them; so does many a digit in itself, which is no harm.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

_APART = 0.1  # of the line's height: seams are on average at least so far apart
_WIDEST = 0.45  # of the line's height: what is left wider than that is cut straight
_MOST_INK = 3.0  # strokes that a seam may cross
_MOST = 3.5  # seams for a width of one line's height
_EVERY = 0.12  # of the line's height: rows in which valleys are looked for
_PAPER = 0.02  # what a pixel of paper costs, one of ink costing 1
_ASLANT = 0.05  # what a step aslant costs
_ALONG = 0.05  # what a step along a row costs
_FAR = np.float32(1e6)


class Seam(NamedTuple):
    """One way through the line.

    Attributes:
        path: int32 (H,), the first column right of it, for each row of the line.
        ink: How many strokes it crosses.
    """

    path: Int
    ink: float


class Seams:
    """The seams of a line.

    Args:
        mask: uint8 (H,W), 1 where ink is.
        stroke: How wide the pen writes, pixels.
        height: Of a digit, pixels.
    """

    def __init__(self, mask: Ink, stroke: float, height: float) -> None:
        self.height = height
        self._stroke = stroke
        self._cost = np.where(mask > 0, np.float32(1), np.float32(_PAPER))
        down, self._above = _cumulated(self._cost)
        up, below = _cumulated(self._cost[::-1])
        self._below = below[::-1]
        self._through = down + up[::-1] - self._cost

    def through(self, left: int, top: int, mask: Bool) -> list[Seam]:
        """Seams that part a component, from left to right.

        Args:
            left: Its first column.
            top: Its first row.
            mask: bool (h,w), its ink.
        """
        rows, columns = mask.shape
        inside = np.s_[top : top + rows]
        found: list[Seam] = []
        for seam in sorted(self._candidates(left, top, rows, columns), key=lambda seam: seam.ink):
            path = seam.path[inside] - left
            parted = ((path > 0) & (path < columns)).any()
            if parted and seam.ink <= _MOST_INK and self._is_new(seam, found, inside):
                found.append(seam)
            if len(found) >= _MOST * columns / self.height:
                break
        places = sorted(int(np.median(seam.path[inside])) - left for seam in found)
        for column in self._between([0, *places, columns]):
            found.append(self._straight(left + column, top, top + rows))
        return sorted(found, key=lambda seam: float(seam.path[inside].mean()))

    def _candidates(self, left: int, top: int, rows: int, columns: int) -> list[Seam]:
        """The seams through every valley of some rows."""
        every = max(2, round(_EVERY * self.height))
        apart = max(2, round(_APART * self.height))
        found: dict[bytes, Seam] = {}
        for row in range(top + every // 2, top + rows, every):
            for column in _valleys(self._through[row, left : left + columns], apart):
                seam = self._trace(row, left + column)
                found.setdefault(seam.path.tobytes(), seam)
        return list(found.values())

    def _is_new(self, seam: Seam, found: list[Seam], inside: slice) -> bool:
        """Whether a seam runs apart from those there are."""
        if not found:
            return True
        paths = np.stack([other.path[inside] for other in found])
        far = np.abs(paths - seam.path[inside]).mean(axis=1)
        return bool(far.min() >= _APART * self.height)

    def _between(self, places: list[int]) -> list[int]:
        """Columns that part what is left wide: digits may touch along a whole stroke."""
        widest = _WIDEST * self.height
        result = []
        for low, high in itertools.pairwise(places):
            parts = math.ceil((high - low) / widest)
            result += [low + round((high - low) * n / parts) for n in range(1, parts)]
        return result

    def _straight(self, column: int, top: int, bottom: int) -> Seam:
        """The way straight down."""
        path = np.full(len(self._cost), column, np.int32)
        ink = self._cost[top:bottom, column] == 1
        return Seam(path, float(np.count_nonzero(ink)) / self._stroke)

    def _trace(self, row: int, column: int) -> Seam:
        """The cheapest way that passes through a pixel."""
        path, x = [column], column
        for y in range(row, 0, -1):
            x = self._above[y][x]
            path.append(x)
        path.reverse()
        x = column
        for y in range(row, len(self._cost) - 1):
            x = self._below[y][x]
            path.append(x)
        way = np.array(path, np.int32)
        price = float(self._through[row, column])
        return Seam(way, price / self._stroke)


def _cumulated(cost: Float) -> tuple[Float, list[list[int]]]:
    """What the cheapest way from the first row to each pixel costs, and whence it comes.

    A way goes down, or aslant, and along a row as far as it likes, but never up again.

    Returns:
        float32 (H,W), and for each row and column the column in the row before that the way left.
    """
    result = cost.copy()
    height, width = cost.shape
    rows: list[list[int]] = [list(range(width))]
    columns = np.arange(width, dtype=np.int32)
    padded = np.full(width + 2, _FAR, np.float32)
    for row in range(1, height):
        padded[1:-1] = result[row - 1]
        left, right = padded[:-2], padded[2:]
        aslant = np.minimum(left, right) + np.float32(_ASLANT)
        straight = aslant >= padded[1:-1]
        step = columns + np.where(straight, 0, np.where(left <= right, -1, 1))
        entered = np.where(straight, padded[1:-1], aslant) + cost[row]
        pace = cost[row] + np.float32(_ALONG)
        upto = np.cumsum(pace)
        before = upto - pace
        price, place = _swept(entered - upto)
        price += upto
        back, there = _swept((entered + before)[::-1])
        back = back[::-1] - before
        leftwards = back < price
        result[row] = np.where(leftwards, back, price)
        whence = step[np.where(leftwards, width - 1 - there[::-1], place)]
        rows.append(list(map(int, whence.tolist())))
    return result, rows


def _swept(values: Float) -> tuple[Float, Int]:
    """The least value up to each place, and where it is."""
    least = np.minimum.accumulate(values)
    place = np.where(values <= least, np.arange(len(values), dtype=np.int32), 0)
    return least, np.maximum.accumulate(place)


def _valleys(prices: Float, apart: int) -> list[int]:
    """Columns where `prices` is lowest for `apart` around, the middle of each flat valley."""
    width = len(prices)
    padded = np.pad(prices, apart, constant_values=_FAR)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * apart + 1).min(axis=1)
    lowest = np.flatnonzero(prices <= around + 1e-3)
    if not len(lowest):
        return []
    runs = np.split(lowest, np.flatnonzero(np.diff(lowest) > 1) + 1)
    return [int(run[len(run) // 2]) for run in runs if 0 < run[len(run) // 2] < width]
