"""The ink of a line: how high its digits are, and the strip that a sequence reader sees of it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Ink = npt.NDArray[np.uint8]  # (H,W), 0 is paper and 255 is full ink
Int = npt.NDArray[np.int32]

ROWS = 32  # of a strip
DIGIT = 22  # pixels of a digit's height in it
STEP = 4  # its columns are a multiple of this
WIDEST = 2048  # columns; what is longer is no line of numbers, and its rest is left out
_INK = 96  # grey level from which a pixel is ink
_SMALL = 0.45  # of the line's height: lower components are marks, or parts of a digit
_MARGIN = 6  # columns of paper at either end


class Strip(NamedTuple):
    """A line as a sequence reader sees it.

    Attributes:
        ink: uint8 (ROWS,W), 0 paper, 255 full ink; W is a multiple of `STEP`.
        scale: Pixels of the line for one of the strip.
        left: Column of the line at which the strip begins; may be negative.
        top: The same for rows.
    """

    ink: Ink
    scale: float
    left: float
    top: float


def mask_of(line: Ink) -> Ink:
    """Where there is ink: uint8 (H,W), 0 or 1."""
    return np.asarray(line >= _INK, np.uint8)


def components_of(mask: Ink) -> tuple[Int, Int]:
    """The number of the component of each pixel, and the statistics of each, paper first."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)


def digit_height(stats: Int) -> float:
    """The height of a digit: a fifth of the ink's width is of components at least so high.

    Args:
        stats: Of the components, without that of the paper.
    """
    height, width = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    large = height >= _SMALL * height.max()
    order = np.argsort(-height[large])
    reached = np.cumsum(width[large][order])
    return float(height[large][order][np.searchsorted(reached, reached[-1] / 5)])


def strip_of(line: Ink) -> Strip | None:
    """Brings a line to the height at which sequence readers are trained.

    Args:
        line: uint8 (H,W), 0 paper, 255 full ink.

    Returns:
        The strip; None where there is no ink.
    """
    mask = mask_of(line)
    if not mask.any():
        return None
    stats = components_of(mask)[1][1:]
    height = digit_height(stats)
    tall = stats[stats[:, cv2.CC_STAT_HEIGHT] >= height / 2]
    middles = tall[:, cv2.CC_STAT_TOP] + tall[:, cv2.CC_STAT_HEIGHT] / 2
    middle = float(np.average(middles, weights=tall[:, cv2.CC_STAT_AREA]))
    scale, (left, _, width, _) = DIGIT / height, cv2.boundingRect(mask)
    columns = min(int(np.ceil(width * scale)) + 2 * _MARGIN, WIDEST - STEP)
    columns += -columns % STEP
    first, top = left - _MARGIN / scale, middle - ROWS / 2 / scale
    full = float(np.quantile(line[mask > 0], 0.9))
    ink = _window(line, scale, first, top, columns)
    ink = np.asarray(cv2.convertScaleAbs(ink, alpha=255 / full), np.uint8)
    return Strip(ink=ink, scale=1 / scale, left=first, top=top)


def _window(line: Ink, scale: float, left: float, top: float, columns: int) -> Ink:
    """A part of a line, resampled; what lies outside of it is paper."""
    if scale < 1:  # averaged first: samples alone would lose thin strokes
        size = (max(1, round(line.shape[1] * scale)), max(1, round(line.shape[0] * scale)))
        line = np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.uint8)
        left, top, scale = left * scale, top * scale, 1.0
    move = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]], np.float64)
    return np.asarray(cv2.warpAffine(line, move, (columns, ROWS), flags=cv2.INTER_LINEAR), np.uint8)
