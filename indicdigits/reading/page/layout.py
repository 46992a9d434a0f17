"""A picture -> its ink, laid flat and upright, and the way back from there to the picture."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Box
from indicdigits.reading.page import corners, upright
from indicdigits.reading.page.ink import Ink, ink_of

Picture = npt.NDArray[np.uint8]
Homography = npt.NDArray[np.float64]  # (3,3)

# A larger picture is read at a scale at which it has no more: a digit needs no more than some
# dozens of pixels, and memory stays bounded.
MOST_PIXELS = 16_000_000


class Page(NamedTuple):
    """A page laid flat and upright.

    Attributes:
        ink: uint8 (H,W), as `ink_of` gives it.
        to_picture: From its pixels to those of the picture that was read.
    """

    ink: Ink
    to_picture: Homography


def straighten(picture: Picture) -> Page:
    """Lays a page flat, takes light and colour off it, and turns it upright."""
    picture, to_picture = bounded(picture)
    sheet = corners.find_sheet(picture)
    if sheet is not None:
        matrix, size = corners.flatten(sheet)
        picture = np.asarray(cv2.warpPerspective(picture, matrix, size), np.uint8)
        to_picture = to_picture @ np.linalg.inv(matrix)
    ink = corners.without_surroundings(ink_of(picture))
    angle = upright.skew(ink)
    if angle:
        matrix, size = upright.turned((ink.shape[1], ink.shape[0]), angle)
        ink = np.asarray(cv2.warpPerspective(ink, matrix, size), np.uint8)
        to_picture = to_picture @ np.linalg.inv(matrix)
    return Page(ink, to_picture)


def quarter_turns(page: Page, count: int) -> Page:
    """The page turned clockwise by so many right angles."""
    height, width = page.ink.shape
    turn = np.eye(3)
    for _ in range(count % 4):
        turn = np.array([[0, -1, height - 1], [1, 0, 0], [0, 0, 1]]) @ turn
        height, width = width, height
    ink = np.ascontiguousarray(np.rot90(page.ink, -count))
    return Page(ink, page.to_picture @ np.linalg.inv(turn))


def in_picture(box: Box, to_picture: Homography) -> Box:
    """The box around what a box of the page is in the picture, not left of or above its corner."""
    left, top, width, height = box
    across, down = np.array([left, left + width]), np.array([top, top + height])
    points = np.array([(x, y) for x in across for y in down], np.float64)
    # pixels are centred on whole numbers, boxes end between them
    moved = cv2.perspectiveTransform(points[None] - 0.5, to_picture)[0] + 0.5
    low, high = np.floor(moved.min(axis=0) + 1e-6), np.ceil(moved.max(axis=0) - 1e-6)
    low = np.maximum(low, 0)
    return Box(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def bounded(picture: Picture) -> tuple[Picture, Homography]:
    """The picture with at most `MOST_PIXELS`, and the homography back to the one that was given."""
    height, width = picture.shape[:2]
    if height * width <= MOST_PIXELS:
        return picture, np.eye(3)
    factor = (MOST_PIXELS / (height * width)) ** 0.5
    shape = (round(width * factor), round(height * factor))
    x, y = width / shape[0], height / shape[1]
    back = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    return np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8), back
