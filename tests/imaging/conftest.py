"""Drawn digits and photos of them, for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

Picture = npt.NDArray[np.uint8]


def _drawn(height: int = 64, width: int = 64, *, thickness: int = 4, scale: float = 1.0) -> Picture:
    canvas = np.zeros((height, width), np.uint8)
    points = np.array([[0.62, 0.82], [0.58, 0.2], [0.3, 0.55], [0.78, 0.6]])
    points = (0.5 + (points - 0.5) * scale) * (width, height)
    cv2.polylines(canvas, [points.astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    return canvas


@pytest.fixture
def drawn() -> Callable[..., Picture]:
    """Draws a four-like figure without any symmetry: light ink (255) on black, (H,W)."""
    return _drawn


@pytest.fixture
def photo() -> Callable[..., Picture]:
    """Photographs the digit, RGB (300,400,3): coloured, lit from a corner, with sensor noise."""

    def take(
        ink: tuple[int, int, int],
        paper: tuple[int, int, int],
        *,
        depth: float = 0.0,
        noise: float = 0.0,
    ) -> Picture:
        alpha = _drawn(300, 400, thickness=12, scale=0.7)[..., None] / 255
        picture = np.array(paper) * (1 - alpha) + np.array(ink) * alpha
        y, x = np.mgrid[:300, :400]
        picture *= (1 - depth * np.hypot(y / 300, x / 400) / np.sqrt(2))[..., None]
        picture += noise * np.random.default_rng(5).standard_normal(picture.shape)
        return np.clip(picture, 0, 255).astype(np.uint8)

    return take


@pytest.fixture
def likeness() -> Callable[[Picture, Picture], float]:
    """Largest cosine of two outputs over shifts by up to one pixel: 1 for the same digit."""

    def measure(one: Picture, other: Picture) -> float:
        a, b = one.astype(np.float64), other.astype(np.float64)
        norm = max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1.0)
        shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        return max(float((np.roll(a, shift, (0, 1)) * b).sum()) / norm for shift in shifts)

    return measure
