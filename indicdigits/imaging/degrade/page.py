"""Ink, paper, forms and offices: what happens to the page itself."""

from __future__ import annotations

import cv2
import numpy as np

from indicdigits.imaging.degrade.effect import (
    Float,
    Picture,
    clouds,
    ink_level,
    paper_effect,
    paper_level,
    to_uint8,
)


@paper_effect
def ink_fade(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Ink that runs dry: it pales towards the paper, unevenly along the stroke."""
    loss = 0.85 * strength * (0.5 + 0.5 * clouds(picture.shape, rng, 0.2))
    return to_uint8(picture + (paper_level(picture) - picture.astype(np.float32)) * loss)


@paper_effect
def paper_texture(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Fibres and stains of old paper: soft clouds and fine grain that darken it."""
    stains = clouds(picture.shape, rng, 0.25)
    fibres = clouds(picture.shape, rng, 0.03)
    return to_uint8(picture * (1 - strength * (0.3 * stains + 0.2 * fibres)))


@paper_effect
def bleed_through(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """The writing of the other side: mirrored, moved, soft, up to 70 % as dark as the ink."""
    side = max(picture.shape)
    ink = np.maximum(paper_level(picture) - picture.astype(np.float32), 0)
    down, right = rng.uniform(-0.25, 0.25, 2) * picture.shape
    moved = np.array([[-1, 0, picture.shape[1] - 1 + right], [0, 1, down]], np.float32)
    behind = cv2.warpAffine(ink, moved, picture.shape[::-1])
    behind = cv2.GaussianBlur(behind, (0, 0), max(0.03 * side, 0.3))
    return to_uint8(np.minimum(picture, picture - 0.7 * strength * behind))


@paper_effect
def ruled_line(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A form's ruled line through the digit, nearly level, as dark as the ink at strength 1."""
    height, width = picture.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row = rng.uniform(0.25, 0.75) * height + rng.uniform(-0.08, 0.08) * (x - width / 2)
    thickness = (0.02 + 0.03 * strength) * height
    return _inked(picture, _stroke(np.abs(y - row), thickness), min(1.0, 0.3 + 0.7 * strength))


@paper_effect
def stamp(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """An office's round stamp over the digit: two rings and lettering, unevenly inked."""
    height, width = picture.shape
    side = max(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    # The middle lies outside, so that an arc passes through the picture.
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 0.85) * side
    middle_y, middle_x = height / 2 + away * np.sin(angle), width / 2 + away * np.cos(angle)
    radius = np.hypot(y - middle_y, x - middle_x)
    turn = np.arctan2(y - middle_y, x - middle_x)
    thickness = 0.035 * side
    rings = np.maximum(
        _stroke(np.abs(radius - 0.85 * side), thickness),
        _stroke(np.abs(radius - 0.55 * side), thickness),
    )
    letters = np.abs(radius - 0.7 * side) < 0.07 * side
    bars = (np.sin(turn * 22 + rng.uniform(0, 6)) > 0.55) & letters
    pressed = 0.4 + 0.6 * clouds(picture.shape, rng, 0.15)
    return _inked(picture, np.maximum(rings, bars) * pressed, 0.9 * strength)


@paper_effect
def fold(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A fold: ink worn off along a crease, a dark line beside it, the halves out of register."""
    height, width = picture.shape
    side = max(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.15, 0.15) * side
    across = (x - (width - 1) / 2) * np.cos(angle) + (y - (height - 1) / 2) * np.sin(angle) - offset
    slip = np.where(across > 0, 0.06 * strength * side * rng.choice([-1, 1]), 0)
    paper = paper_level(picture)
    moved = cv2.remap(
        picture.astype(np.float32),
        (x - slip * np.sin(angle)).astype(np.float32),
        (y + slip * np.cos(angle)).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=paper,
    )
    crease = _stroke(np.abs(across), 0.05 * side)
    shadow = _stroke(np.abs(across - 0.05 * side), 0.04 * side)
    worn = moved + (paper - moved) * crease * min(1.0, 0.4 + 0.6 * strength)
    return to_uint8(worn * (1 - 0.5 * strength * shadow))


def _stroke(distance: Float, thickness: float) -> Float:
    """Share (H,W) of each pixel that a line covers, from the distance to its middle in pixels."""
    return np.clip(max(thickness, 1.0) / 2 + 0.5 - distance, 0, 1).astype(np.float32)


def _inked(picture: Picture, cover: Float, darkness: float) -> Picture:
    """Lays ink of the picture's own darkness over it, where it is not darker already."""
    paper = paper_level(picture)
    level = paper + (ink_level(picture) - paper) * darkness * cover
    return to_uint8(np.minimum(picture, level))
