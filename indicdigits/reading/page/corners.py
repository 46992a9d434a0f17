"""A sheet photographed from aside, on a desk that is darker: its four corners, and a flat page."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink
from indicdigits.reading.page.ink import EDGE, shrunk

Picture = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float32]  # (4,2) x and y; upper left, upper right, lower right, lower left
Homography = npt.NDArray[np.float64]  # (3,3)

_SAMPLE = 640  # longer side of the copy that is looked at
_LEAST_AREA = 0.2  # of the picture, that a sheet covers
_INSIDE = 0.004  # of the sides, that a corner must be away from the picture's border
_STRAIGHT = 0.97  # area of the sheet over that of its four corners' quadrilateral
_SOLID = 0.02  # of the longer side: what is no thinner is no stroke, if it lies at the border
_ALONG = 0.06  # of the border's length, that such a blob takes up
_INSET = 0.006  # of the sides, that are cut off: the sheet's edge is neither straight nor sharp
_CANNY = (15, 40)  # thresholds of its edge, in the logarithm of light
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
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 2), np.uint8)
    _, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    for region in (np.asarray(light, np.uint8), _enclosed(grey)):
        corners = _of_region(region, grey)
        if corners is not None:
            corners = corners + 2 * _INSET * (corners.mean(axis=0) - corners)
            factor = picture.shape[1] / small.shape[1]
            return np.asarray((corners + 0.5) * factor - 0.5, np.float32)
    return None


def _enclosed(grey: Picture) -> Picture:
    """The largest region (H,W) that sharp edges enclose: a shadow's edge is soft and does not."""
    light = np.log(np.arange(256, dtype=np.float32) + 8)
    levels = (255 * (light - light[0]) / (light[-1] - light[0])).astype(np.uint8)
    edges = cv2.Canny(cv2.LUT(grey, levels), *_CANNY, L2gradient=True)
    free = (cv2.dilate(edges, np.ones((3, 3), np.uint8)) == 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    areas[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    region = (labels == int(np.argmax(areas))).astype(np.uint8)
    return np.asarray(cv2.dilate(region, np.ones((3, 3), np.uint8)), np.uint8)


def _of_region(region: Picture, grey: Picture) -> Corners | None:
    outlines = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not outlines:
        return None
    hull = np.asarray(cv2.convexHull(max(outlines, key=cv2.contourArea)), np.int32)
    corners = _quadrilateral(hull)
    return corners if corners is not None and _is_sheet(corners, hull, grey) else None


def without_surroundings(ink: Ink) -> Ink:
    """The ink without what is solid and lies along the border: a desk, a shadow, a thumb.

    Args:
        ink: From `ink_of`.
    """
    small = shrunk(ink, _SAMPLE)
    height, width = small.shape
    solid = max(3, round(_SOLID * max(height, width))) | 1
    padded = cv2.copyMakeBorder(small, solid, solid, solid, solid, cv2.BORDER_REPLICATE)
    window = np.ones((solid, solid), np.uint8)
    blobs = cv2.morphologyEx((padded >= EDGE).astype(np.uint8), cv2.MORPH_OPEN, window)
    blobs = np.ascontiguousarray(blobs[solid:-solid, solid:-solid])
    labels = cv2.connectedComponents(np.asarray(blobs, np.uint8))[1]
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    contact = np.bincount(border, minlength=int(labels.max()) + 1)
    outside = contact > _ALONG * len(border)
    outside[0] = False
    if not outside.any():
        return ink
    mask = cv2.dilate(outside[labels].astype(np.uint8), window)
    full = cv2.resize(mask, ink.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.multiply(ink, (1 - full).astype(np.uint8)), np.uint8)


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
