"""Augmentations by name; the only file that imports albumentations.

albumentations 2.0.8 is pinned: it is the last release under the MIT licence.
"""

from __future__ import annotations

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its version

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from indicdigits.registry import AUGMENTATIONS


@contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Makes an import do without modules that are not imported yet."""
    hidden = [module for module in modules if module not in sys.modules]
    for module in hidden:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in hidden:
            del sys.modules[module]


# It imports both where they are installed, which takes four seconds, for what is not used here.
with _without("torch", "huggingface_hub"):
    import albumentations as A


def affine(shift: float, zoom: float, rotate: float, shear: float, probability: float) -> Any:
    """Shift (fraction of the side), zoom, rotation and shear (degrees) in one warp."""
    return A.Affine(
        translate_percent=(-shift, shift),
        scale=(1 - zoom, 1 + zoom),
        keep_ratio=False,  # writers differ in aspect as well
        rotate=(-rotate, rotate),
        shear=(-shear, shear),
        p=probability,
    )


def elastic(alpha: float, sigma: float, probability: float) -> Any:
    """A smooth random displacement field (Simard et al. 2003)."""
    return A.ElasticTransform(alpha=alpha, sigma=sigma, p=probability)


def thickness(width: float, probability: float) -> Any:
    """Thicker strokes by dilation or thinner ones by erosion, with equal chance."""
    side = (2, round(width))
    return A.OneOf(
        [
            A.Morphological(scale=side, operation="dilation", p=1.0),
            A.Morphological(scale=side, operation="erosion", p=1.0),
        ],
        p=probability,
    )


def noise(std: float, grain: float, probability: float) -> Any:
    """Additive Gaussian noise, its deviation drawn from [0, std] of full white.

    It is drawn every `grain` pixels, and what lies between is interpolated.
    """
    return A.GaussNoise(std_range=(0.0, std), noise_scale_factor=1 / grain, p=probability)


class Augmenter:
    """The recipe's transforms as one function. Not shared between threads: it has state."""

    def __init__(self, transforms: Iterable[Mapping[str, Any]]) -> None:
        self._compose = A.Compose([_build(transform) for transform in transforms])

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Transforms a block of pictures.

        One seed serves the whole block: seeding albumentations costs as much as the transforms.

        Args:
            images: (N, S, S) uint8, light ink on black.
            rng: Decides everything.

        Returns:
            (N, S, S) uint8, new memory.
        """
        cv2.setNumThreads(0)  # this runs beside training; grain's workers are the parallelism
        self._compose.set_random_seed(int(rng.integers(2**31)))
        result = np.empty_like(images)
        for index, image in enumerate(images):
            result[index] = self._compose(image=image[:, :, None])["image"][:, :, 0]
        return result


def _build(transform: Mapping[str, Any]) -> Any:
    entry = AUGMENTATIONS.get(transform["name"])
    options = {name: option.default for name, option in entry.options.items()}
    return entry.build()(**(options | {k: v for k, v in transform.items() if k != "name"}))
