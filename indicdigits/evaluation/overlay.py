"""A picture with what an answer rests on laid over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_HEAT = np.array((210, 60, 20), np.float64)  # full saliency
_STRONGEST = 0.72  # of the heat, so that the ink stays to be seen


def overlay(
    image: NDArray[np.uint8], saliency: NDArray[np.floating], side: int
) -> NDArray[np.uint8]:
    """Dark ink on white, redder where the answer depends on it more.

    Args:
        image: uint8 (S, S), light ink on black.
        saliency: float (S, S), at least 0; scaled by its largest value.
        side: Side of the result in pixels.

    Returns:
        uint8 (side, side, 3), RGB.
    """
    paper = cv2.resize(255 - np.asarray(image), (side, side), interpolation=cv2.INTER_CUBIC)
    largest = float(saliency.max())
    strength = np.asarray(saliency, np.float32) / (largest if largest > 0 else 1.0)
    heat = cv2.resize(strength, (side, side), interpolation=cv2.INTER_LINEAR)
    share = _STRONGEST * np.clip(np.asarray(heat, np.float64), 0, 1)[..., None]
    grey = np.asarray(paper, np.float64)[..., None]
    mixed = (1 - share) * grey + share * _HEAT * (0.35 + 0.65 * grey / 255)
    return np.clip(mixed, 0, 255).round().astype(np.uint8)
