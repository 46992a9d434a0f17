"""Where a line may be cut: seams, the cheapest ways from above the line to below it.

Ink costs, paper hardly does, and going aslant costs a little (as in Wang and Jean 1993,
"Segmentation of merged characters by neural networks and shortest path"). Two digits that touch
leave a valley of cheap ways between them; so does many a digit in itself, which is no harm.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import cv2
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
        (down, up), (self._above, below) = _cumulated(np.stack([self._cost, self._cost[::-1]]))
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
        candidates = self._candidates(left, top, rows, columns)
        paths = np.empty((len(candidates), rows), np.int32)  # of those found
        for seam in sorted(candidates, key=lambda seam: seam.ink):
            path = seam.path[inside] - left
            parted = ((path > 0) & (path < columns)).any()
            if parted and self._is_new(path, paths[: len(found)]):
                paths[len(found)] = path
                found.append(seam)
            if len(found) >= _MOST * columns / self.height:
                break
        places = sorted(int(np.median(seam.path[inside])) - left for seam in found)
        for column in self._between([0, *places, columns]):
            found.append(self._straight(left + column, top, top + rows))
        return sorted(found, key=lambda seam: float(seam.path[inside].mean()))

    def _candidates(self, left: int, top: int, rows: int, columns: int) -> list[Seam]:
        """The seams through every valley of some rows that cross little enough ink."""
        every = max(2, round(_EVERY * self.height))
        apart = max(2, round(_APART * self.height))
        first = top + every // 2
        prices = self._through[first : top + rows : every, left : left + columns]
        found: dict[bytes, Seam] = {}
        for number, column in _valleys(prices, apart):
            if prices[number, column] <= _MOST_INK * self._stroke:
                seam = self._trace(first + number * every, left + column)
                found.setdefault(seam.path.tobytes(), seam)
        return list(found.values())

    def _is_new(self, path: Int, found: Int) -> bool:
        """Whether a path runs apart from those there are."""
        if not len(found):
            return True
        nearest = float(np.abs(found - path).sum(axis=1).min()) / len(path)
        return nearest >= _APART * self.height

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


def _cumulated(cost: Float) -> tuple[Float, list[list[list[int]]]]:
    """What the cheapest way from the first row to each pixel costs, and whence it comes.

    A way goes down, or aslant, and along a row as far as it likes, but never up again.

    Args:
        cost: float32 (N,H,W), of several pictures.

    Returns:
        float32 (N,H,W), and of each picture, row and column the column in the row before that the
        way left.
    """
    result = cost.copy()
    count, height, width = cost.shape
    columns = np.arange(width, dtype=np.int32)
    whence = np.empty(cost.shape, np.int32)
    whence[:, 0] = columns
    pace = cost + np.float32(_ALONG)
    upto = np.cumsum(pace, axis=2)
    before = upto - pace
    each = np.arange(count)[:, None]
    padded = np.full((count, width + 2), _FAR, np.float32)
    both = np.empty((2, count, width), np.float32)  # rightwards; leftwards, from the right
    for row in range(1, height):
        above = result[:, row - 1]
        padded[:, 1:-1] = above
        left, right = padded[:, :-2], padded[:, 2:]
        aslant = np.minimum(left, right) + np.float32(_ASLANT)
        straight = aslant >= above
        step = columns + np.where(straight, 0, np.where(left <= right, -1, 1))
        entered = np.where(straight, above, aslant) + cost[:, row]
        np.subtract(entered, upto[:, row], out=both[0])
        np.add(entered[:, ::-1], before[:, row, ::-1], out=both[1])
        (price, back), (place, there) = _swept(both)
        price += upto[:, row]
        back = back[:, ::-1] - before[:, row]
        leftwards = back < price
        result[:, row] = np.where(leftwards, back, price)
        whence[:, row] = step[each, np.where(leftwards, width - 1 - there[:, ::-1], place)]
    lists: Any = whence.tolist()  # numpy does not say of what depth
    return result, lists


def _swept(values: Float) -> tuple[Float, Int]:
    """The least value up to each place of the last axis, and where it is."""
    least = np.minimum.accumulate(values, axis=-1)
    columns = np.arange(values.shape[-1], dtype=np.int32)
    place = np.where(values <= least, columns, np.int32(0))
    return least, np.maximum.accumulate(place, axis=-1)


def _valleys(prices: Float, apart: int) -> list[tuple[int, int]]:
    """Where rows of `prices` are lowest for `apart` around: the middle of each flat valley.

    Args:
        prices: float32 (R,W).
        apart: Columns.

    Returns:
        Row and column of each.
    """
    around = cv2.erode(prices, np.ones((1, 2 * apart + 1), np.uint8))
    lowest = np.zeros((len(prices), prices.shape[1] + 2), np.int8)
    lowest[:, 1:-1] = prices <= around + np.float32(1e-3)
    turns = np.diff(lowest, axis=1)
    rows, starts = np.nonzero(turns == 1)
    ends = np.nonzero(turns == -1)[1]
    middles = (starts + ends) // 2
    return [
        (row, middle)
        for row, middle in zip(rows.tolist(), middles.tolist(), strict=True)
        if middle > 0
    ]
