"""Finds a form's registration marks, solid squares, and with them how the form lies."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink
from indicdigits.reading.page.corners import ordered
from indicdigits.reading.page.ink import EDGE

Points = npt.NDArray[np.float32]  # (N,2) x and y
Homography = npt.NDArray[np.float64]  # (3,3)

_LEAST_SIDE = 6  # pixels
_SOLID = 0.86  # area of a mark over that of the smallest turned rectangle around it
_SQUARE = 0.5  # shorter over longer side of that rectangle
_CANDIDATES = 12  # the largest solid squares are looked at
_FACTOR = 2.2  # by which a mark's area may differ from what the form's place makes expect
_NEAR = 0.8  # sides of a mark, within which further marks must be found


def squares(ink: Ink) -> list[tuple[float, float, float]]:
    """Centres x, y and areas of the solid squares in a page, the largest first."""
    binary = (ink >= EDGE).astype(np.uint8)
    found = []
    for outline in cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]:
        left, top, width, height = cv2.boundingRect(outline)
        if min(width, height) < _LEAST_SIDE or max(width, height) > 0.2 * max(ink.shape):
            continue
        (x, y), sides, _ = cv2.minAreaRect(outline)
        area = float(binary[top : top + height, left : left + width].sum())
        # an outline runs through the middles of pixels
        around = (sides[0] + 1) * (sides[1] + 1)
        if min(sides) >= _SQUARE * max(sides) and area >= _SOLID * around:
            found.append((x, y, area))
    return sorted(found, key=lambda one: -one[2])


def locate(ink: Ink, marks: Points, side: float) -> list[Homography]:
    """The ways in which the marks of a form may lie in a page, the likeliest first.

    Args:
        ink: Of the page, in any turn.
        marks: (N,2) centres in the form's unit, four at least; the four outermost hold it.
        side: Of a mark, in the same unit.

    Returns:
        Homographies from the form's unit to the page's pixels; [] where the marks are not there.
    """
    candidates = squares(ink)[:_CANDIDATES]
    outer = _outermost(marks)
    rest = np.array([mark for mark in marks if not (outer == mark).all(axis=1).any()], np.float32)
    found: list[tuple[float, Homography]] = []
    for four in combinations(candidates, 4):
        areas = [one[2] for one in four]
        if max(areas) > _FACTOR**2 * min(areas):
            continue
        corners = ordered(np.array([one[:2] for one in four], np.float32))
        if not cv2.isContourConvex(corners):
            continue
        for turns in range(4):
            place = np.roll(corners, turns, axis=0)
            matrix = np.asarray(cv2.getPerspectiveTransform(outer, place), np.float64)
            misfit = _misfit(matrix, outer, side, four)
            if misfit is not None and _are_there(matrix, rest, side, candidates):
                found.append((misfit, matrix))
    return [matrix for _, matrix in sorted(found, key=lambda one: one[0])]


def _outermost(marks: Points) -> Points:
    """The four marks that span the form."""
    total, difference = marks.sum(axis=1), marks[:, 0] - marks[:, 1]
    picked = [total.argmin(), difference.argmax(), total.argmax(), difference.argmin()]
    return np.asarray(marks[picked], np.float32)


def _misfit(
    matrix: Homography, outer: Points, side: float, four: tuple[tuple[float, float, float], ...]
) -> float | None:
    """How far the marks' areas are from what they must be; None where they are none."""
    half = side / 2
    total = 0.0
    for mark in outer:
        square = mark + np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
        seen = cv2.perspectiveTransform(square[None].astype(np.float32), matrix)[0]
        expected = float(cv2.contourArea(seen.astype(np.float32)))
        middle = seen.mean(axis=0)
        area = min(four, key=lambda one: float(np.hypot(*(middle - one[:2]))))[2]
        if not expected / _FACTOR < area < expected * _FACTOR:
            return None
        total += abs(np.log(area / expected))
    return total


def _are_there(
    matrix: Homography, rest: Points, side: float, candidates: list[tuple[float, float, float]]
) -> bool:
    """Whether every further mark is where it must be."""
    if not len(rest):
        return True
    places = cv2.perspectiveTransform(rest[None], matrix)[0]
    aside = rest + np.array([_NEAR * side, 0], np.float32)
    reach = cv2.perspectiveTransform(aside[None], matrix)[0]
    centres = np.array([one[:2] for one in candidates])
    return all(
        np.hypot(*(centres - place).T).min() <= np.hypot(*(end - place))
        for place, end in zip(places, reach, strict=True)
    )
