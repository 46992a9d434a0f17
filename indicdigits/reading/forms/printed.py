"""Tells one form from another by what is printed on it: ink on a coarse grid, fields left out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink
from indicdigits.reading.page.ink import EDGE

COLUMNS, ROWS = 32, 16
_FULL = 0.3  # of a cell, that ink covers at the highest digit
_ALIKE = 0.45  # correlation of two grids, above which they are of one form

Boxes = Sequence[tuple[float, float, float, float]]


def grid_of(form: Ink, size: tuple[float, float], fields: Boxes) -> tuple[str, ...]:
    """How much ink each cell of a form has.

    Args:
        form: The whole form, laid flat: (H,W) of any scale.
        size: Its width and height in the unit of the fields.
        fields: Left, top, width and height of what is filled in and must not count.

    Returns:
        Rows of hexadecimal digits, "." where a field is.
    """
    binary = (form >= EDGE).astype(np.float32)
    share = cv2.resize(binary, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    levels = np.minimum(np.rint(15 * share / _FULL), 15).astype(int)
    inside = np.zeros((ROWS, COLUMNS), bool)
    for left, top, width, height in fields:
        columns = _cells(left, left + width, size[0], COLUMNS)
        inside[_cells(top, top + height, size[1], ROWS), columns] = True
    return tuple(
        "".join("." if hidden else f"{level:x}" for level, hidden in zip(*row, strict=True))
        for row in zip(levels, inside, strict=True)
    )


def likeness(form: Ink, printed: Sequence[str]) -> float:
    """The correlation of a form's grid with that of a template, -1 to 1; 1 without a template."""
    if not printed:
        return 1.0
    wanted = np.array([[np.nan if c == "." else int(c, 16) for c in row] for row in printed])
    rows, columns = wanted.shape
    binary = (form >= EDGE).astype(np.float32)
    seen = cv2.resize(binary, (columns, rows), interpolation=cv2.INTER_AREA)
    seen = np.minimum(15 * seen / _FULL, 15)
    counted = ~np.isnan(wanted)
    one, other = _soft(np.where(counted, wanted, 0))[counted], _soft(seen * counted)[counted]
    spread = float(one.std() * other.std())
    if spread < 1e-6:
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread)


def is_alike(value: float) -> bool:
    """Whether such a likeness is that of one form."""
    return value >= _ALIKE


def _soft(grid: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Blurred a little, since print moves by a part of a cell."""
    return np.asarray(cv2.GaussianBlur(grid.astype(np.float64), (0, 0), 0.6))


def _cells(start: float, end: float, length: float, count: int) -> slice:
    return slice(int(start / length * count), int(np.ceil(end / length * count)))
