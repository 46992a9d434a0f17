"""Marks between digits, drawn with the pen of the line: comma, point, minus, slash, rupee sign."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Ink = npt.NDArray[np.uint8]

# Where a mark stands: 0 hangs from the line's top, 1 stands on its foot, more reaches below it.
MARKS: dict[str, float] = {",": 1.1, ".": 1.0, "-": 0.5, "/": 0.5, "₹": 0.5}

_FINE = 4  # drawn so many times larger, then shrunk

# Strokes of each mark, points (x, y) in heights of a digit.
_STROKES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    ",": (((0.1, 0.0), (0.12, 0.1), (0.0, 0.28)),),
    ".": (((0.0, 0.0), (0.03, 0.02)),),
    "-": (((0.0, 0.0), (0.45, 0.0)),),
    "/": (((0.4, 0.0), (0.0, 1.05)),),
    "₹": (
        ((0.0, 0.0), (0.6, 0.0)),
        ((0.0, 0.24), (0.6, 0.24)),
        ((0.02, 0.0), (0.3, 0.04), (0.38, 0.24), (0.26, 0.44), (0.02, 0.48), (0.42, 1.0)),
    ),
}


def draw(mark: str, height: float, stroke: float, rng: np.random.Generator) -> Ink:
    """Draws a mark.

    Args:
        mark: One of `MARKS`.
        height: Of a digit of the line, pixels.
        stroke: How wide the pen writes, pixels.
        rng: Where size, slant and tremor come from.

    Returns:
        uint8 (h,w), 0 paper, 255 ink, cut to its ink.
    """
    size = height * rng.uniform(0.75, 1.25, 2)
    slant = rng.uniform(-0.15, 0.15)
    strokes = []
    for points in _STROKES[mark]:
        shaken = np.array(points) + rng.normal(0, 0.015, (len(points), 2))
        shaken[:, 0] -= slant * shaken[:, 1]
        strokes.append(shaken * size)
    wide = max(1, round(_FINE * stroke * rng.uniform(0.9, 1.2)))
    corner = np.concatenate(strokes).min(axis=0) - stroke
    far = np.concatenate(strokes).max(axis=0) + stroke - corner
    rows, columns = int(far[1]) + 2, int(far[0]) + 2
    canvas = np.zeros((_FINE * rows, _FINE * columns), np.uint8)
    lines = [np.rint(_FINE * (points - corner)).astype(np.int32) for points in strokes]
    cv2.polylines(canvas, lines, isClosed=False, color=255, thickness=wide)
    ink = np.asarray(cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    x, y, columns, rows = cv2.boundingRect(np.asarray(ink >= 40, np.uint8))
    return ink[y : y + rows, x : x + columns] if columns else ink
