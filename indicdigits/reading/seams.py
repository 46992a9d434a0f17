"""Where a line may be cut: seams, the cheapest ways from above the line to below it.

Ink costs, paper hardly does, and going aslant costs a little (as in Wang and Jean 1993,
"Segmentation of merged characters by neural networks and shortest path"). Two digits that touch
leave a valley of cheap ways between them; so does many a digit in itself, which is no harm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

_APART = 0.11  # of the line's height: seams are at least so far apart
_MOST_INK = 3.0  # strokes that a seam may cross
_PAPER = 0.02  # what a pixel of paper costs, one of ink costing 1
_ASLANT = 0.1  # what a step aslant costs
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
        self._down = _cumulated(self._cost)
        self._up = _cumulated(self._cost[::-1])[::-1]
        self._through = self._down + self._up - self._cost

    def through(self, left: int, top: int, mask: Bool) -> list[Seam]:
        """Seams that part a component, from left to right.

        Args:
            left: Its first column.
            top: Its first row.
            mask: bool (h,w), its ink.
        """
        rows, columns = mask.shape
        apart = max(2, round(_APART * self.height))
        found: dict[int, Seam] = {}
        for part in (0.5, 0.3, 0.7):
            row = top + int(part * (rows - 1))
            prices = self._through[row, left : left + columns]
            for column in _valleys(prices, apart):
                seam = self._trace(row, left + column)
                inside = seam.path[top : top + rows] - left
                place = int(np.median(inside))
                parted = ((inside > 0) & (inside < columns)).any()
                near = any(abs(place - other) < apart for other in found)
                if parted and not near and seam.ink <= _MOST_INK:
                    found[place] = seam
        return [found[place] for place in sorted(found)]

    def _trace(self, row: int, column: int) -> Seam:
        """The cheapest way that passes through a pixel."""
        path = np.empty(len(self._cost), np.int32)
        path[row] = column
        for table, rows in (
            (self._down, range(row - 1, -1, -1)),
            (self._up, range(row + 1, len(path))),
        ):
            x = column
            for y in rows:
                low = max(x - 1, 0)
                near = table[y, low : x + 2].tolist()
                near = [v + (_ASLANT if low + n != x else 0) for n, v in enumerate(near)]
                x = low + near.index(min(near))
                path[y] = x
        ink = self._cost[np.arange(len(path)), path] == 1
        return Seam(path, float(np.count_nonzero(ink)) / self._stroke)


def _cumulated(cost: Float) -> Float:
    """float32 (H,W), what the cheapest way from the first row to each pixel costs."""
    result = cost.copy()
    height, width = cost.shape
    padded = np.full(width + 2, _FAR, np.float32)
    for row in range(1, height):
        padded[1:-1] = result[row - 1]
        aslant = np.minimum(padded[:-2], padded[2:]) + np.float32(_ASLANT)
        result[row] += np.minimum(padded[1:-1], aslant)
    return result


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
