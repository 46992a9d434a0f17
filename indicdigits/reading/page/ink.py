"""A photo or scan of a page -> where its ink is, whatever the light, the paper and the pen.

Light multiplies what paper and ink reflect, so every channel is divided by the paper's own level,
which a grey-scale closing finds: it fills whatever is darker than its surroundings and narrower
than its window, and follows the edge of a shadow. Of the channels the one that shows the ink best
counts at each pixel, so that red, green and yellow ink stay. One threshold (Otsu, "A threshold
selection method from gray-level histograms", 1979) then tells ink from paper; where a page is
strongly shaded, noise is too, and the threshold follows the surroundings (Sauvola and Pietikäinen,
"Adaptive document image binarization", 2000).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.imaging.paper import has_colour
from indicdigits.reading.answer import Ink
from indicdigits.reading.page.morphology import dilated

Picture = npt.NDArray[np.uint8]

EDGE = 96  # level of the ink map from which a pixel is ink; softer edges lie below
PALE = EDGE // 2  # of what may be a ruled line: those are often paler than ink

_THUMBNAIL = 160  # longer side of the copy on which the paper is estimated, pixels
_CLOSING = 0.16  # window of the closing, as a part of the longer side: no stroke is as wide
_SAMPLE = 512  # longer side of the copy on which colour and polarity are told
_LEAST_INK = 24  # of 255; what shade and paper leave of blank paper is paler
_NOISES = 4.5  # standard deviations of the noise that ink must exceed
_SMOOTHED = 3.0  # noise from which a page is smoothed first, grey levels
_LEFT = 0.35  # part of the noise that smoothing leaves; of white noise 0.28
_BLOCKS = 4  # each way: noise is that of the noisiest, as where a page lies in the dark
_GRAINS = 300  # pixels of paper in a block, at least
_SHADED = 0.5  # darkest paper over lightest; below it the threshold follows the surroundings
_DARK_PAGE = 110  # median grey of a page that may be light ink on dark
_WINDOW = 1 / 8  # of Sauvola's window, as a part of the longer side: wider than any stroke
_SAUVOLA_K = 0.25  # Sauvola's k: how far below the mean a pixel of an even window must be
_SAUVOLA_PIXELS = 2_000_000  # the local threshold is found on a copy with no more


class _Paper(NamedTuple):
    levels: list[Picture]  # of each channel, as thumbnails
    shaded: bool


def ink_of(picture: Picture) -> Ink:
    """Finds the ink of a page.

    Args:
        picture: uint8 (H,W) grey or (H,W,3) RGB; most of it is paper.

    Returns:
        uint8 (H,W): 0 is paper, from `EDGE` on it is ink, from `PALE` on it may be a ruled line,
        and below lie the soft edges of strokes. All 0 where the page is blank.
    """
    channels, copies = _channels(picture)
    paper = _paper(copies)
    ink = _contrast(channels, paper)
    noise = _noise(ink)
    if noise > _SMOOTHED:
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), 1.0), np.uint8)
        noise *= _LEFT
    least = max(_LEAST_INK, round(_NOISES * noise))
    threshold = _otsu(ink, least)
    if threshold is None:
        return np.zeros_like(ink)
    scaled = np.asarray(cv2.convertScaleAbs(ink, alpha=EDGE / threshold), np.uint8)
    if paper.shaded:
        dark = ink >= np.maximum(_sauvola(ink), np.uint8(least))
        scaled = np.where(dark, np.maximum(scaled, EDGE), np.minimum(scaled, EDGE - 1))
        scaled = scaled.astype(np.uint8)
    kept = dilated((scaled >= EDGE).astype(np.uint8), 3, 3) | (scaled >= PALE).astype(np.uint8)
    return scaled * kept


def shrunk(picture: Picture, longer_side: int) -> Picture:
    """The picture with its longer side at most so many pixels, by area averaging."""
    height, width = picture.shape[:2]
    factor = longer_side / max(height, width)
    if factor >= 1:
        return picture
    shape = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _channels(picture: Picture) -> tuple[list[Picture], list[Picture]]:
    """One grey channel, or three where there is colour; dark ink on light paper.

    Returns:
        The channels, and small copies of them.
    """
    small = shrunk(picture, _SAMPLE)
    if picture.ndim == 3 and has_colour(small):
        channels, copies = _split(picture), _split(small)
    elif picture.ndim == 3:
        channels, copies = [_grey(picture)], [_grey(small)]
    else:
        channels, copies = [picture], [small]
    if _light_on_dark(np.mean(copies, axis=0).astype(np.uint8)):
        channels, copies = [~one for one in channels], [~one for one in copies]
    return channels, copies


def _split(picture: Picture) -> list[Picture]:
    return [np.asarray(channel, np.uint8) for channel in cv2.split(picture)]


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _light_on_dark(grey: npt.NDArray[np.uint8]) -> bool:
    """Whether a small page is chalk on a board: dark, and what stands out of it is light."""
    if np.median(grey) > _DARK_PAGE:
        return False
    side = max(3, int(_CLOSING * max(grey.shape)) | 1)
    away = grey.astype(np.int16) - cv2.medianBlur(grey, side)
    return int(np.maximum(away - 16, 0).sum()) > 2 * int(np.maximum(-away - 16, 0).sum())


def _paper(copies: list[Picture]) -> _Paper:
    """The level of the paper in every channel, from small copies of them."""
    levels = []
    for copy in copies:
        small = shrunk(copy, _THUMBNAIL)
        side = max(3, int(_CLOSING * max(small.shape)) | 1)
        window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, window, borderType=cv2.BORDER_REPLICATE)
        smooth = cv2.GaussianBlur(closed, (0, 0), 1.5)
        levels.append(np.maximum(np.asarray(smooth, np.uint8), 8))
    low, high = np.quantile(np.maximum.reduce(levels), (0.02, 0.98))
    return _Paper(levels, bool(low < _SHADED * high))


def _contrast(channels: list[Picture], paper: _Paper) -> Ink:
    """255 minus what is reflected in parts of the paper, of the channel that shows it best."""
    height, width = channels[0].shape
    darkest: Picture | None = None
    for channel, level in zip(channels, paper.levels, strict=True):
        full = cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)
        reflected = np.asarray(cv2.divide(channel, full, scale=255), np.uint8)
        darkest = reflected if darkest is None else np.minimum(darkest, reflected)
    assert darkest is not None
    return ~darkest


def _noise(ink: Ink) -> float:
    """Standard deviation of the paper's grain, from second differences along rows."""
    rows = ink[:: max(1, ink.shape[0] // 256)].astype(np.int16)
    steps = np.abs(np.diff(rows, 2, axis=1))
    inside = (rows[:, 1:-1] > 0) & (rows[:, 1:-1] < 4 * _LEAST_INK)
    found = [0.0]
    for band in range(_BLOCKS):
        for column in range(_BLOCKS):
            block = np.s_[
                band * len(steps) // _BLOCKS : (band + 1) * len(steps) // _BLOCKS,
                column * steps.shape[1] // _BLOCKS : (column + 1) * steps.shape[1] // _BLOCKS,
            ]
            grain = steps[block][inside[block]]
            # of little paper, the soft edges of strokes would be taken for grain
            if grain.size > max(_GRAINS, 0.1 * steps[block].size):
                found.append(float(np.median(grain)) / 0.6745 / 6**0.5)
    return max(found)


def _otsu(ink: Ink, least: int) -> int | None:
    """Otsu's threshold among the pixels around whatever is darker than noise; None if none is."""
    candidates = (ink > least).astype(np.uint8)
    if not candidates.any():
        return None
    around = dilated(candidates, 5, 5)
    counts = cv2.calcHist([ink], [0], around, [256], [0, 256]).ravel().astype(np.float64)
    weight = counts.cumsum()
    total = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (total[-1] * weight - total * weight[-1]) ** 2 / (weight * (weight[-1] - weight))
    if np.isnan(between[:-1]).all():  # a single level: nothing to part
        return least
    return max(least, int(np.nanargmax(between[:-1])))


def _sauvola(ink: Ink) -> Picture:
    """The local threshold (H,W) in levels of ink, by Sauvola's formula on a smaller copy."""
    height, width = ink.shape
    factor = min(1.0, (_SAUVOLA_PIXELS / ink.size) ** 0.5)
    shape = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = 255 - cv2.resize(ink, shape, interpolation=cv2.INTER_AREA).astype(np.float32)
    side = max(9, int(_WINDOW * max(small.shape)) | 1)
    mean = cv2.blur(small, (side, side))
    square = cv2.sqrBoxFilter(small, cv2.CV_32F, (side, side))
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    threshold = 255 - mean * (1 + _SAUVOLA_K * (spread / 128 - 1))
    local = np.clip(threshold, 1, 255).astype(np.uint8)
    return np.asarray(cv2.resize(local, (width, height)), np.uint8)
