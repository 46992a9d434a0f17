"""The register of effects, and what several of them draw with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.errors import UsageError, did_you_mean

Picture = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Function = Callable[[Picture, np.random.Generator, float], Picture]
Family = Literal["MNIST-C", "paper and scanner"]

STRENGTH = 0.5  # of MNIST-C's effects the published one


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One effect.

    Attributes:
        name: What recipes, tables and `degrade` call it.
        family: "MNIST-C" (strength 0.5 is the published constant) or "paper and scanner".
        summary: What it does, one line.
        function: (uint8 (H,W) dark ink on light paper, generator, strength above 0) -> uint8 (H,W).
    """

    name: str
    family: Family
    summary: str
    function: Function


EFFECTS: dict[str, Effect] = {}


def degrade(
    picture: Picture, effect: str, rng: np.random.Generator, strength: float = STRENGTH
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
    return EFFECTS[effect].function(picture, rng, strength)


def register(function: Function, family: Family) -> None:
    """Enters an effect under the name of its function."""
    name = function.__name__
    if name in EFFECTS:
        raise ValueError(f"effect {name!r} is registered twice")
    summary = (function.__doc__ or "").splitlines()[0]
    EFFECTS[name] = Effect(name=name, family=family, summary=summary, function=function)


def paper_effect(function: Function) -> Function:
    """Registers what paper, pen, scanner or phone does."""
    register(function, "paper and scanner")
    return function


def clouds(shape: tuple[int, ...], rng: np.random.Generator, scale: float) -> Float:
    """Smooth random (H,W) from 0 to 1, whose lumps are `scale` of the longer side wide."""
    noise = rng.standard_normal(shape, np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), max(scale * max(shape), 0.3))
    low, high = float(soft.min()), float(soft.max())
    return np.asarray((soft - low) / max(high - low, 1e-6), np.float32)


def to_uint8(picture: npt.NDArray[Any]) -> Picture:
    """Rounds to grey levels 0 to 255."""
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def paper_level(picture: Picture) -> float:
    """The grey level of the paper, which covers most of the picture."""
    return float(np.median(picture))


def ink_level(picture: Picture) -> float:
    """The grey level of the ink: the darkest there is."""
    return float(picture.min())
