"""By how much a page is turned: from its ruled lines where it has some, else from its writing."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink
from indicdigits.reading.page.ink import PALE, shrunk

Points = npt.NDArray[np.float64]  # (N,2) x and y

MOST = 20.0  # degrees; a page turned further is not lain straight by accident
LEAST = 0.08  # degrees; a page turned less is left as it is

_SAMPLE = 1000  # longer side of the copy that is looked at
_LINE = 0.2  # of the page's width, that a ruled line must be long
_AGREEMENT = 1.0  # degrees, within which ruled lines agree
_SHARPER = 1.15  # how much sharper the lines of a turned page must be than those of the page as is
_LEAST_HEIGHT = 0.3  # of the median height, that a part must have to count


def skew(ink: Ink) -> float:
    """By how many degrees a page has to be turned clockwise (on the screen) to stand straight.

    Args:
        ink: Of the whole page, from `ink_of`.

    Returns:
        Within `MOST` degrees either way; 0.0 where nothing speaks for another angle.
    """
    binary = (shrunk(ink, _SAMPLE) >= PALE).astype(np.uint8)
    ruled = _from_rules(binary)
    angle = _from_writing(binary) if ruled is None else ruled
    return angle if abs(angle) >= LEAST else 0.0


def turned(size: tuple[int, int], angle: float) -> tuple[npt.NDArray[np.float64], tuple[int, int]]:
    """The homography (3,3) that turns a page of this width and height, and the size it then has."""
    width, height = size
    radians = np.deg2rad(angle)
    cosine, sine = float(np.cos(radians)), float(np.sin(radians))
    wide = round(width * abs(cosine) + height * abs(sine))
    high = round(width * abs(sine) + height * abs(cosine))
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    middle = turn @ ((width - 1) / 2, (height - 1) / 2, 1.0)
    turn[:2, 2] = np.array([(wide - 1) / 2, (high - 1) / 2]) - middle[:2]
    return turn, (wide, high)


def _from_rules(binary: npt.NDArray[np.uint8]) -> float | None:
    """The angle on which long straight lines agree, or None without such lines."""
    least = _LINE * binary.shape[1]
    # half a degree: lines of a sheet are found in pieces otherwise
    segments = cv2.HoughLinesP(
        binary, 1, np.pi / 720, int(least / 3), minLineLength=least, maxLineGap=least / 25
    )
    if segments is None:
        return None
    ends = segments.reshape(-1, 4).astype(np.float64)
    across, down = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    angles, lengths = np.degrees(np.arctan2(down, across)), np.hypot(across, down)
    angles = (angles + 45) % 90 - 45  # uprights say the same as levels
    kept = np.abs(angles) <= MOST
    if not kept.any():
        return None
    angles, lengths = angles[kept], lengths[kept]
    middle = _weighted_median(angles, lengths)
    agreeing = np.abs(angles - middle) <= _AGREEMENT
    if lengths[agreeing].sum() < 0.6 * lengths.sum():
        return None
    return -float(np.average(angles[agreeing], weights=lengths[agreeing]))


def _from_writing(binary: npt.NDArray[np.uint8]) -> float:
    """The angle at which tops, middles and bottoms of the writing fall together best."""
    stats = cv2.connectedComponentsWithStats(binary, connectivity=8)[2][1:]
    heights = stats[:, cv2.CC_STAT_HEIGHT]
    stats = stats[heights > 3]
    if len(stats) < 3:
        return 0.0
    heights = stats[:, cv2.CC_STAT_HEIGHT].astype(np.float64)
    typical = float(np.quantile(heights, 0.75))
    of_body = (heights >= _LEAST_HEIGHT * typical) & (heights <= 3 * typical)
    stats, heights = stats[of_body], heights[of_body]
    if len(stats) < 3:
        return 0.0
    x = stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] / 2
    y = stats[:, cv2.CC_STAT_TOP] + heights / 2
    points = np.stack([x, y], axis=1)
    coarse = np.arange(-MOST, MOST + 0.01, 0.5)
    best = _sharpest(points, coarse, typical)
    best = _sharpest(points, best + np.arange(-0.5, 0.51, 0.1), typical)
    gain = _sharpness(points, best, typical) / max(_sharpness(points, 0.0, typical), 1e-9)
    return best if gain > _SHARPER else 0.0


def _sharpest(points: Points, angles: npt.NDArray[np.float64], height: float) -> float:
    # Of angles that are as good, the smallest.
    scores = [_sharpness(points, angle, height) * (1 - 0.004 * abs(angle)) for angle in angles]
    return float(angles[int(np.argmax(scores))])


def _sharpness(points: Points, angle: float, height: float) -> float:
    """How near neighbours come to one height after a turn: the mean over all near pairs."""
    radians = np.deg2rad(angle)
    cosine, sine = np.cos(radians), np.sin(radians)
    level = points[:, 0] * sine + points[:, 1] * cosine
    order = np.sort(level)
    bins = np.histogram(order, bins=max(8, int(np.ptp(order) / (height / 4)) + 1))[0]
    smooth = np.convolve(bins, [0.5, 1.0, 0.5], mode="same")
    return float((smooth**2).sum())


def _weighted_median(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    order = np.argsort(values)
    half = weights[order].cumsum() >= weights.sum() / 2
    return float(values[order][int(np.argmax(half))])
