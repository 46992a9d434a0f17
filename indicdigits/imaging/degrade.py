"""What paper, pen, scanner and phone do to a picture: the one home of such effects.

Every effect is a function of a uint8 grey picture (H,W), dark ink on light paper, a numpy
`Generator` and a strength from 0 (leaves the picture as it is) to 1 (as bad as a person still
reads with ease, about). It answers a new uint8 picture of the same shape; the same generator
state gives the same bytes. Effects are registered by name:

    from indicdigits.imaging.degrade import EFFECTS, degrade
    worse = degrade(picture, "shade", np.random.default_rng(7), strength=0.5)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.errors import UsageError, did_you_mean

Picture = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Effect = Callable[[Picture, np.random.Generator, float], Picture]

EFFECTS: dict[str, Effect] = {}


def degrade(
    picture: Picture, effect: str, rng: np.random.Generator, strength: float = 0.5
) -> Picture:
    """Applies one effect by its name.

    Args:
        picture: uint8 (H,W), dark ink on light paper.
        effect: A key of `EFFECTS`.
        rng: Where all chance comes from.
        strength: 0 to 1.

    Returns:
        uint8 (H,W); a copy where `strength` is 0.

    Raises:
        UsageError: No such effect, or a strength outside 0 to 1.
    """
    if effect not in EFFECTS:
        raise UsageError(
            f"unknown effect {effect!r}",
            allowed=", ".join(EFFECTS),
            hint=did_you_mean(effect, EFFECTS),
        )
    if not 0 <= strength <= 1:
        raise UsageError(f"strength {strength} of {effect!r} is out of range", allowed="0 to 1")
    if strength == 0:
        return picture.copy()
    return EFFECTS[effect](picture, rng, strength)


def _effect(function: Effect) -> Effect:
    """Registers an effect under the name of its function."""
    name = function.__name__
    if name in EFFECTS:
        raise ValueError(f"effect {name!r} is registered twice")
    EFFECTS[name] = function
    return function


@_effect
def shade(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A lamp beside the paper: light falls off with the distance, to a quarter at strength 1."""
    height, width = picture.shape
    lamp_y, lamp_x = rng.uniform(-0.3, 1.3, 2)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(y / height - lamp_y, x / width - lamp_x)
    light = 1 - 0.75 * strength * distance / max(float(distance.max()), 1e-6)
    return _to_uint8(picture * light)


@_effect
def blur(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Out of focus, a little more along one random direction of the two axes."""
    widest = 0.06 * strength * max(picture.shape)
    sigma = np.maximum(widest * rng.uniform(0.6, 1.0, 2), 0.05)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma[0], sigmaY=sigma[1]), np.uint8)


@_effect
def gaussian_noise(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A sensor's noise, independent in every pixel, 50 grey levels at strength 1."""
    return _to_uint8(picture + 50 * strength * rng.standard_normal(picture.shape, np.float32))


@_effect
def speckle(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Dust on the glass and holes in the ink: a scanner's lone dark and light pixels, up to 6 %."""
    chance = rng.random(picture.shape, np.float32)
    share = 0.03 * strength
    result = picture.copy()
    result[chance < share] = picture.min()
    result[chance > 1 - share] = picture.max()
    return result


@_effect
def ink_fade(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Ink that runs dry: it pales towards the paper, unevenly along the stroke."""
    paper = float(np.median(picture))
    loss = 0.85 * strength * (0.5 + 0.5 * _clouds(picture.shape, rng, 0.2))
    return _to_uint8(picture + (paper - picture.astype(np.float32)) * loss)


@_effect
def paper_texture(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Fibres and stains of old paper: soft clouds and fine grain that darken it."""
    stains = _clouds(picture.shape, rng, 0.25)
    fibres = _clouds(picture.shape, rng, 0.03)
    return _to_uint8(picture * (1 - strength * (0.3 * stains + 0.2 * fibres)))


@_effect
def jpeg(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Saved by a messenger: JPEG of quality 95 down to about 5."""
    quality = round(95 - 90 * strength * rng.uniform(0.8, 1.0))
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _clouds(shape: tuple[int, ...], rng: np.random.Generator, scale: float) -> Float:
    """Smooth random (H,W) from 0 to 1, whose lumps are `scale` of the longer side wide."""
    noise = rng.standard_normal(shape, np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), max(scale * max(shape), 0.3))
    low, high = float(soft.min()), float(soft.max())
    return np.asarray((soft - low) / max(high - low, 1e-6), np.float32)


def _to_uint8(picture: npt.NDArray[Any]) -> Picture:
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)
