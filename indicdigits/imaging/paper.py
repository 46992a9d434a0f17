"""Coloured, unevenly lit or noisy paper -> grey with flat paper.

Light falls on ink and paper alike and multiplies what they reflect, in all three channels by the
same factor. In logarithms it is a sum, so the paper's level, found as a running median, can be
taken off channel by channel; what is left is zero on paper and one constant colour on ink. This
costs a millisecond or more, so `normalise` takes it only where a picture needs it.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]

_COLOUR = 24  # channels that differ by no more are a camera's or JPEG's noise, not colour
_THUMBNAIL = 48  # longer side of the copy on which the paper is estimated, pixels
_WINDOW = 0.42  # side of the running median, as a part of the longer side
_SOFTENING = 32  # added before the logarithm, so that noise in the dark stays small
_BLUR = 1 / 160  # standard deviation that takes a camera's noise off, as a part of the side
_LEAST_INK = 0.002  # of the area, that ink must cover
_LEAST_PEAK = 0.15  # logarithmic contrast; what shade and noise leave of blank paper is below
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_LOGARITHM = np.log(np.arange(256, dtype=np.float32) + _SOFTENING)

# What decides the answer, as plain data; part of `normalise.SPEC`.
SPEC = {
    "colour": _COLOUR,
    "thumbnail": _THUMBNAIL,
    "window": _WINDOW,
    "softening": _SOFTENING,
    "blur": _BLUR,
    "least_ink": _LEAST_INK,
    "least_peak": _LEAST_PEAK,
}


def has_colour(picture: Picture) -> bool:
    """Whether the channels of a uint8 RGB picture (H,W,3) differ by more than noise."""
    red, green, blue = cv2.split(picture)
    return (
        cv2.norm(red, green, cv2.NORM_INF) > _COLOUR
        or cv2.norm(green, blue, cv2.NORM_INF) > _COLOUR
    )


def even_out(picture: Picture) -> tuple[Picture, bool]:
    """Takes shade and colour off a picture, and most of the noise.

    Args:
        picture: uint8, (H,W) grey or (H,W,3) RGB; paper covers most of it.

    Returns:
        The picture as uint8 (H,W), paper at 128 and ink as far from it as can be (all 128 if
        there is none); and whether darker there is darker in the picture. Ink may have the
        luminance of the paper and differ in hue alone; then it is not.
    """
    height, width = picture.shape[:2]
    logarithms = _LOGARITHM[picture].reshape(height, width, -1)
    reflected = logarithms - _paper(logarithms)
    sigma = _BLUR * max(height, width)
    if sigma > 0.5:
        blurred = cv2.GaussianBlur(reflected, (0, 0), sigma)
        reflected = np.asarray(blurred, np.float32).reshape(reflected.shape)
    single, ordered = _single_channel(reflected)
    noise = 1.5 * float(np.median(np.abs(single)))  # standard deviation, were it all paper
    single = np.asarray(cv2.bilateralFilter(single, 5, 3 * noise, 1.5), np.float32)
    peak = float(np.quantile(np.abs(single), 1 - _LEAST_INK))
    if peak < _LEAST_PEAK:
        return np.full((height, width), 128, np.uint8), ordered
    return np.clip(128 + single * (127 / peak), 0, 255).astype(np.uint8), ordered


def _paper(logarithms: Float) -> Float:
    """The paper's level at every pixel of (H,W,C): a wide running median, channel by channel."""
    height, width, channels = logarithms.shape
    factor = min(1.0, _THUMBNAIL / max(height, width))
    shape = (max(1, round(width * factor)), max(1, round(height * factor)))
    low, high = float(logarithms.min()), float(logarithms.max())
    step = max(high - low, 1e-6) / 255
    levels = np.empty_like(logarithms)
    side = int(_WINDOW * max(shape)) | 1
    for channel in range(channels):
        small = cv2.resize(logarithms[..., channel], shape, interpolation=cv2.INTER_AREA)
        coded = ((small - low) / step).round().astype(np.uint8)
        median = cv2.medianBlur(coded, side).astype(np.float32) * step + low
        levels[..., channel] = cv2.resize(median, (width, height))
    return levels


def _single_channel(reflected: Float) -> tuple[Float, bool]:
    """Projects (H,W,C) with paper at zero on the colour of the ink; whether light stays light."""
    height, width, channels = reflected.shape
    if channels == 1:
        return np.ascontiguousarray(reflected[..., 0]), True
    pixels = reflected.reshape(-1, channels)
    _, axes = np.linalg.eigh(pixels.T @ pixels)
    axis = axes[:, -1]  # the axis of the greatest distance from the paper
    brightness = float(axis @ _LUMINANCE)
    axis = axis if brightness >= 0 else -axis
    return (pixels @ axis).reshape(height, width), abs(brightness) > 0.2
