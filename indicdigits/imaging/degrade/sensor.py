"""Light, lens, scanner, fax and file: what happens between the page and the picture of it."""

from __future__ import annotations

import cv2
import numpy as np

from indicdigits.imaging.degrade.effect import (
    Picture,
    ink_level,
    paper_effect,
    paper_level,
    to_uint8,
)


@paper_effect
def shade(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A lamp beside the paper: light falls off with the distance, to a quarter at strength 1."""
    height, width = picture.shape
    lamp_y, lamp_x = rng.uniform(-0.3, 1.3, 2)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(y / height - lamp_y, x / width - lamp_x)
    light = 1 - 0.75 * strength * distance / max(float(distance.max()), 1e-6)
    return to_uint8(picture * light)


@paper_effect
def shadow_edge(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """The shadow of a hand or page: beyond a soft straight edge up to 70 % of the light is gone."""
    height, width = picture.shape
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.2)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = (y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5
    into = x * np.cos(angle) + y * np.sin(angle) - offset
    shadow = 1 / (1 + np.exp(-into / 0.025))
    return to_uint8(picture * (1 - 0.7 * strength * shadow))


@paper_effect
def blur(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Out of focus, a little more along one random direction of the two axes."""
    widest = 0.06 * strength * max(picture.shape)
    sigma = np.maximum(widest * rng.uniform(0.6, 1.0, 2), 0.05)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma[0], sigmaY=sigma[1]), np.uint8)


@paper_effect
def gaussian_noise(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A sensor's noise, independent in every pixel, 50 grey levels at strength 1."""
    return to_uint8(picture + 50 * strength * rng.standard_normal(picture.shape, np.float32))


@paper_effect
def speckle(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Dust on the glass and holes in the ink: a scanner's lone dark and light pixels, up to 6 %."""
    chance = rng.random(picture.shape, np.float32)
    share = 0.03 * strength
    result = picture.copy()
    result[chance < share] = picture.min()
    result[chance > 1 - share] = picture.max()
    return result


@paper_effect
def fax(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A low-resolution fax: coarse black and white, rows coarser than columns, some rows lost."""
    height, width = picture.shape
    # Cells start somewhere before the picture's corner: where they lie is chance.
    cell_y, cell_x = height * (0.02 + 0.07 * strength), width * (0.02 + 0.035 * strength)
    from_y, from_x = rng.uniform(0, 1, 2)
    rows = np.floor(np.arange(height) / max(cell_y, 1) + from_y).astype(np.intp)
    columns = np.floor(np.arange(width) / max(cell_x, 1) + from_x).astype(np.intp)
    sums = np.zeros((rows[-1] + 1, columns[-1] + 1), np.float64)
    np.add.at(sums, (rows[:, None], columns[None, :]), picture)
    means = sums / np.outer(np.bincount(rows), np.bincount(columns))
    lost = np.flatnonzero(rng.random(len(means)) < 0.04 * strength)
    means[lost] = means[np.maximum(lost - 1, 0)]
    ink, paper = ink_level(picture), paper_level(picture)
    black_and_white = np.where(means < ink + 0.6 * (paper - ink), ink, paper)[rows][:, columns]
    share = min(1.0, 2 * strength)
    return to_uint8(picture + share * (black_and_white - picture))


@paper_effect
def jpeg(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Saved by a messenger: JPEG of quality 95 down to about 5."""
    quality = round(95 - 90 * strength * rng.uniform(0.8, 1.0))
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
