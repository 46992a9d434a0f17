"""Digits on a sheet of paper, photographed with a phone in lamp light: what people try first."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]

PENS = np.array([(0.12, 0.15, 0.5), (0.1, 0.1, 0.1), (0.7, 0.12, 0.15), (0.1, 0.4, 0.2)])
LAMP = np.array([1.0, 0.82, 0.55])
PAPER = np.array([1.0, 0.96, 0.85])
SIZES = ((900, 1200), (1200, 1600), (1600, 1200), (600, 800))


def cover_of(digit: Picture, height: int) -> Float:
    """A small digit, light ink on black, as somebody with a thick pen would write it so high."""
    large = cv2.resize(digit, (height, height), interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), height / 45).astype(np.float32)
    cover = np.clip((large / max(float(large.max()), 1.0) - 0.3) / 0.25, 0, 1)
    columns = np.flatnonzero(cover.max(axis=0) > 0.5)
    return np.asarray(cover[:, max(columns.min() - 4, 0) : columns.max() + 5], np.float32)


def photograph(digits: list[Picture], rng: np.random.Generator, *, on_desk: bool) -> Picture:
    """A row of digits on paper, as a phone sees it.

    Args:
        digits: Light ink on black, (S,S) each.
        rng: All chance.
        on_desk: Whether the sheet lies on a desk and is seen as a whole, or fills the picture.

    Returns:
        uint8 (H,W,3) RGB.
    """
    height, width = SIZES[rng.integers(len(SIZES))]
    side = int(min(height * rng.uniform(0.12, 0.3), 0.68 * width / len(digits)))
    page = _written([cover_of(digit, side) for digit in digits], (height, width), side, rng)
    pen = PENS[rng.integers(len(PENS))]
    sheet = PAPER * rng.uniform(0.85, 1.0) * (1 - page[..., None]) + pen * page[..., None]
    sheet = _on_desk(sheet, rng) if on_desk else _turned(sheet, rng)
    sheet *= _light((height, width), rng)[..., None] * LAMP
    sheet = cv2.GaussianBlur(sheet.astype(np.float32), (0, 0), max(height, width) / 1600)
    grey = 255 * np.clip(1.1 * sheet, 0, 1) ** (1 / 1.6)
    grey += rng.normal(0, rng.uniform(2, 7), grey.shape)
    bgr = np.clip(grey, 0, 255).astype(np.uint8)[..., ::-1]
    quality = int(rng.integers(60, 92))
    _, coded = cv2.imencode(".jpg", np.ascontiguousarray(bgr), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


def _written(
    covers: list[Float], shape: tuple[int, int], side: int, rng: np.random.Generator
) -> Float:
    """The digits in a row somewhere on a page, apart from each other, dancing a little."""
    gaps = [int(side * rng.uniform(0.08, 0.3)) for _ in covers]
    total = sum(cover.shape[1] for cover in covers) + sum(gaps)
    page = np.zeros(shape, np.float32)
    left = int(max(shape[1] - total, 0) * rng.uniform(0.2, 0.8))
    top = int((shape[0] - side) * rng.uniform(0.25, 0.75))
    for cover, gap in zip(covers, gaps, strict=True):
        row = min(max(top + int(rng.normal(0, 0.05 * side)), 0), shape[0] - side)
        part = page[row : row + side, left : left + cover.shape[1]]
        part[:] = cover[:, : part.shape[1]]
        left += cover.shape[1] + gap
    return page


def _turned(sheet: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    height, width = sheet.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-8, 8), 1)
    return cv2.warpAffine(sheet, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _on_desk(sheet: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    height, width = sheet.shape[:2]
    y, x = np.mgrid[:height, :width]
    grain = np.sin(y / 17 + x / 300)
    desk = np.stack([0.35 + 0.05 * grain, 0.22 + 0.03 * grain, 0.15 + 0 * grain], axis=-1)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[0.15, 0.12], [0.85, 0.18], [0.92, 0.85], [0.08, 0.9]])
    seen = (seen + rng.uniform(-0.05, 0.05, (4, 2))) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    cover = cv2.warpPerspective(np.ones((height, width)), matrix, (width, height))[..., None]
    return cv2.warpPerspective(sheet, matrix, (width, height)) * cover + desk * (1 - cover)


def _light(shape: tuple[int, int], rng: np.random.Generator) -> Float:
    """A lamp beside the sheet, and in two of five the shadow of a hand."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y / height, x / width
    lamp_y, lamp_x = rng.uniform(-0.2, 1.2, 2)
    light = 1 / (1 + (np.hypot(y - lamp_y, x - lamp_x) * rng.uniform(0.8, 1.6)) ** 2)
    if rng.random() < 0.4:
        angle = rng.uniform(0, 2 * np.pi)
        into = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
        light = light * (1 - 0.5 / (1 + np.exp(-into / 0.02)))
    return np.asarray(light, np.float32)
