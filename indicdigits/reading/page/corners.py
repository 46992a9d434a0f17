"""A sheet photographed from aside, on a desk that is darker: its four corners, and a flat page."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.page.ink import shrunk

Picture = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float32]  # (4,2) x and y; upper left, upper right, lower right, lower left
Homography = npt.NDArray[np.float64]  # (3,3)

_SAMPLE = 640  # longer side of the copy that is looked at
_LEAST_AREA = 0.2  # of the picture, that a sheet covers
_INSIDE = 0.004  # of the sides, that a corner must be away from the picture's border
_STRAIGHT = 0.97  # area of the sheet over that of its four corners' quadrilateral
_CONTRAST = 1.25  # light of the sheet over that of the desk along its edge


def find_sheet(picture: Picture) -> Corners | None:
    """The corners of a sheet that is seen as a whole, or None.

    Args:
        picture: uint8 (H,W) or (H,W,3).
    """
    small = shrunk(picture, _SAMPLE)
    grey = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    # A closing takes the writing off, and a blur the pattern of the desk.
    grey = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    grey = cv2.GaussianBlur(grey, (0, 0), 2)
    _, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    outlines = cv2.findContours(light, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not outlines:
        return None
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    corners = _quadrilateral(hull)
    if corners is None or not _is_sheet(corners, hull, np.asarray(grey, np.uint8)):
        return None
    factor = picture.shape[1] / small.shape[1]
    return np.asarray((corners + 0.5) * factor - 0.5, np.float32)


def flatten(corners: Corners) -> tuple[Homography, tuple[int, int]]:
    """How a sheet with these corners becomes a rectangle.

    Returns:
        The homography from the picture to the page, and the page's width and height in pixels:
        the longer of opposite sides, so that no detail is lost.
    """
    upper_left, upper_right, lower_right, lower_left = corners.astype(np.float64)
    width = max(_distance(upper_left, upper_right), _distance(lower_left, lower_right))
    height = max(_distance(upper_left, lower_left), _distance(upper_right, lower_right))
    size = (max(8, round(width)), max(8, round(height)))
    right, bottom = size[0] - 1, size[1] - 1
    target = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    return np.asarray(matrix, np.float64), size


def ordered(points: npt.NDArray[np.float32]) -> Corners:
    """Four points (4,2) as upper left, upper right, lower right, lower left."""
    middle = points.mean(axis=0)
    turn = np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0])
    around = points[np.argsort(turn)]  # clockwise on the screen, from the upper left on
    return np.asarray(np.roll(around, -int(np.argmin(around.sum(axis=1))), axis=0), np.float32)


def _quadrilateral(hull: npt.NDArray[np.int32]) -> Corners | None:
    length = cv2.arcLength(hull, True)
    for share in (0.01, 0.02, 0.03, 0.05):
        corners = cv2.approxPolyDP(hull, share * length, True).reshape(-1, 2)
        if len(corners) == 4:
            return ordered(corners.astype(np.float32))
    return None


def _is_sheet(corners: Corners, hull: npt.NDArray[np.int32], grey: Picture) -> bool:
    height, width = grey.shape
    margin = np.array([_INSIDE * width, _INSIDE * height]) + 1
    inside = (corners >= margin).all() and (corners <= (width - 1, height - 1) - margin).all()
    area = cv2.contourArea(corners)
    if not inside or area < _LEAST_AREA * grey.size:
        return False
    if not _STRAIGHT < cv2.contourArea(hull) / area < 1 / _STRAIGHT:
        return False
    sheet = np.zeros(grey.shape, np.uint8)
    cv2.fillConvexPoly(sheet, np.rint(corners).astype(np.int32), 1)
    band = np.ones((15, 15), np.uint8)
    within = (sheet - cv2.erode(sheet, band, borderValue=0)).astype(bool)
    beyond = (cv2.dilate(sheet, band) - sheet).astype(bool)
    return bool(np.median(grey[within]) > _CONTRAST * np.median(grey[beyond]) + 8)


def _distance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(*(one - other)))
