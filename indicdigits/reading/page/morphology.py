"""Masks of 0 and 1 that grow, and lose or close what is smaller than a window."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]  # (H,W) of 0 and 1


def dilated(mask: Mask, height: int, width: int) -> Mask:
    """Everything within a window of this size around what is set."""
    return np.asarray(cv2.dilate(mask, np.ones((height, width), np.uint8)), np.uint8)


def opened(mask: Mask, height: int, width: int) -> Mask:
    """What holds a whole window of this size."""
    window = np.ones((height, width), np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, window), np.uint8)


def closed(mask: Mask, height: int, width: int) -> Mask:
    """With the gaps filled that hold no whole window of this size."""
    window = np.ones((height, width), np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, window), np.uint8)


def flipped(mask: Mask) -> Mask:
    """Rows as columns."""
    return np.ascontiguousarray(mask.T)
