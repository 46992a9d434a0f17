"""Any picture of a digit -> the network's input: light ink on black, one size, centred.

Training sets and a user's photo pass through the same function, `normalise`, so that nothing
differs between training and reading. The usual small grey crop takes a short path of a dozen
OpenCV calls (some 50 µs); colour, shade and noise are handled by `paper` and only where cheap
statistics find them. Pictures this small are never split over threads by OpenCV, so its global
thread setting is left to the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.errors import PictureError, UsageError, did_you_mean
from indicdigits.imaging.paper import SPEC as PAPER_SPEC
from indicdigits.imaging.paper import even_out, has_colour

Picture = npt.NDArray[np.uint8]
Polarity = Literal["auto", "dark-on-light", "light-on-dark"]

_BOX = 20 / 28  # longer side of the ink box, as a part of the output's side
_WORK_SIDE = 320  # larger pictures are first shrunk to this longer side, pixels
_LEAST_CONTRAST = 16  # grey levels between darkest and lightest; below it is blank
_SPECK = 0.03  # parts of the ink below this fraction of the largest part are taken for dirt
_FRINGE = 0.15  # grey above this fraction of full ink still belongs to the ink box
_SCALE_TOLERANCE = 0.04  # a box this near to the right size is not resampled
_INK_QUANTILE = 0.95  # this quantile of the ink's grey becomes 255
_UNEVEN = 0.03  # spread of the paper, as a part of the contrast: above it, shade or noise
_SHADED = 0.15  # the same for the half of the paper that holds the strokes' soft edges
_TEXTURE = 0.15  # as _UNEVEN, after shade and noise were taken off: above it, nothing but noise
_NOISE_SPECK = 0.1  # as _SPECK, where there was noise
_MOST_PARTS = 12  # of a digit that was found in noise
_LONG = 2.5  # times as wide as high: a line
_LINE_PARTS = 4  # of ink, that a line has at least

# Everything that decides what the output looks like, as plain data. It goes into bundles and
# cache keys: whoever changes what `normalise` answers raises the version.
SPEC: dict[str, Any] = {
    "version": 1,
    "box": round(_BOX, 6),
    "work_side": _WORK_SIDE,
    "least_contrast": _LEAST_CONTRAST,
    "speck": _SPECK,
    "fringe": _FRINGE,
    "scale_tolerance": _SCALE_TOLERANCE,
    "ink_quantile": _INK_QUANTILE,
    "uneven": _UNEVEN,
    "shaded": _SHADED,
    "texture": _TEXTURE,
    "noise_speck": _NOISE_SPECK,
    "most_parts": _MOST_PARTS,
    "paper": PAPER_SPEC,
}

_AROUND = np.ones((3, 3), np.uint8)  # a pixel and its eight neighbours


class _Box(NamedTuple):
    """Pixels from `left`, `top` to before `right`, `bottom`."""

    left: int
    top: int
    right: int
    bottom: int


class _Ink(NamedTuple):
    """Light ink on dark paper.

    Attributes:
        grey: (H,W), light ink.
        mask: (H,W), 1 where Otsu's threshold finds ink, else 0.
        quarter: Grey level that a quarter of the paper does not exceed.
        median: Median grey level of the paper.
        three_quarters: Grey level that three quarters of the paper do not exceed.
        full: Grey level of full ink.
    """

    grey: Picture
    mask: Picture
    quarter: int
    median: int
    three_quarters: int
    full: int


def normalise(picture: Picture, size: int = 28, polarity: Polarity = "auto") -> Picture:
    """Turns a picture of one digit into the network's input.

    Args:
        picture: uint8, (H,W) grey or (H,W,3) RGB, any size, with ink and paper of any colour.
        size: Side of the output in pixels, at least 8.
        polarity: Whether the ink is darker or lighter than the paper, if that is known; "auto"
            decides by which side of Otsu's threshold holds more of area, border and corners.

    Returns:
        uint8 (size, size), light ink on black: paper 0, ink up to 255, the longer side of the
        ink box 20/28 of `size`, its centre of mass in the middle. All zero where the picture
        is blank (see `ink_found`).

    Raises:
        PictureError: The array is no uint8 picture.
        UsageError: `size` or `polarity` is not allowed.
    """
    _check(picture, size, polarity)
    if max(picture.shape[:2]) > _WORK_SIDE:
        picture = _shrink(picture, _WORK_SIDE)
    ink = _find(picture, polarity)
    if ink is None:
        return np.zeros((size, size), np.uint8)
    # The lower half of the paper is free of the strokes' soft edges, so it tells the noise.
    noise = 3 * (ink.median - ink.quarter)
    black = min(ink.median + noise, (ink.median + ink.full) // 2)
    grey = np.maximum(ink.grey, np.uint8(black)) - np.uint8(black) if black else ink.grey
    full = max(ink.full - black, 1)
    return _place(grey, _ink_box(grey, ink.mask, full), full, size)


def ink_found(normalised: Picture) -> bool:
    """Whether an output of `normalise` holds any ink (it is all zero for a blank picture)."""
    return bool(normalised.any())


def is_crowded(picture: Picture) -> bool:
    """Whether a large or long picture shows a page or a line where one digit was expected.

    Crops of the usual size are not looked at: that would cost as much as preparing them. Of 5,000
    training pictures of four scripts none has more than 8 parts.

    Args:
        picture: uint8, (H,W) grey or (H,W,3) RGB, that `normalise` takes.

    Returns:
        True where there are more parts of ink than a digit has, or four beside each other.
    """
    shorter, longer = sorted(picture.shape[:2])
    if longer <= _WORK_SIDE and longer <= _LONG * shorter:
        return False
    ink = _find(_shrink(picture, min(longer, _WORK_SIDE)), "auto")
    if ink is None:
        return False
    parts = len(_parts(ink.mask))
    _, _, width, height = cv2.boundingRect(ink.mask)
    return parts > _MOST_PARTS or (parts >= _LINE_PARTS and width > _LONG * height)


def _check(picture: Picture, size: int, polarity: str) -> None:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise PictureError(
            f"{kind} is no picture",
            allowed="a uint8 array, (H,W) grey or (H,W,3) RGB",
            hint="indicdigits.imaging.decode.read_picture(source) reads files, bytes and images",
        )
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise PictureError(
            f"an array of shape {picture.shape} is no picture",
            allowed="(H,W) grey or (H,W,3) RGB",
        )
    if picture.size == 0:
        raise PictureError("the picture has no pixels", allowed="at least 1x1 pixels")
    if size < 8:
        raise UsageError(f"a network input cannot be {size} pixels wide", allowed="8 or more")
    if polarity not in get_args(Polarity):
        raise UsageError(
            f"unknown polarity {polarity!r}",
            allowed=", ".join(get_args(Polarity)),
            hint=did_you_mean(str(polarity), get_args(Polarity)),
        )


def _shrink(picture: Picture, side: int) -> Picture:
    """The picture with its longer side at most `side` pixels, by area averaging."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    shape = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _find(picture: Picture, polarity: str) -> _Ink | None:
    """The ink of a picture; colour, shade and noise are taken off where there are any."""
    coloured = picture.ndim == 3 and has_colour(picture)
    if not coloured:
        ink = _otsu(picture if picture.ndim == 2 else picture[..., 1].copy(), polarity)
        if ink is None or _is_even(ink):
            return ink and _without_specks(ink, _SPECK)
    grey, ordered = even_out(picture)
    ink = _otsu(grey, polarity if ordered else "auto")
    if ink is None or ink.median - ink.quarter > _TEXTURE * (ink.full - ink.median):
        return None
    clean = _without_specks(ink, _NOISE_SPECK)
    # Noise that is left over falls into many parts, of which none is like a digit.
    return None if len(_parts(clean.mask)) > _MOST_PARTS else clean


def _is_even(ink: _Ink) -> bool:
    """Whether paper has one grey level; the soft edges of strokes leave most of it alone."""
    contrast = ink.full - ink.median
    return (
        ink.median - ink.quarter <= _UNEVEN * contrast
        and ink.three_quarters - ink.median <= _SHADED * contrast
    )


def _without_specks(ink: _Ink, least: float) -> _Ink:
    """Puts paper in place of parts with less than `least` of the area of the largest part."""
    if len(_parts(ink.mask)) == 1:
        return ink  # the usual case, told sooner than by counting every part's pixels
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = areas >= least * areas.max()
    if kept.all():
        return ink
    mask = np.append(np.uint8(0), kept.astype(np.uint8))[labels]
    specks = cv2.dilate(ink.mask ^ mask, _AROUND) > cv2.dilate(mask, _AROUND)
    return ink._replace(grey=np.where(specks, np.uint8(ink.median), ink.grey), mask=mask)


def _parts(mask: Picture) -> Sequence[Any]:
    """The outlines of the connected parts of a mask."""
    return cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]


def _otsu(grey: Picture, polarity: str) -> _Ink | None:
    """Tells ink from paper; None where the picture is blank."""
    low, high, _, _ = cv2.minMaxLoc(grey)
    if high - low < _LEAST_CONTRAST:
        return None
    mask = np.asarray(cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1], np.uint8)
    light_ink = _light_is_ink(mask) if polarity == "auto" else polarity == "light-on-dark"
    if not light_ink:
        grey, mask = ~grey, mask ^ np.uint8(1)
    cumulative = np.bincount(grey.ravel(), minlength=256).cumsum()
    area = cv2.countNonZero(mask)
    paper = grey.size - area
    ranks = (0.25 * paper, 0.5 * paper, 0.75 * paper, paper + _INK_QUANTILE * area)
    return _Ink(grey, mask, *cumulative.searchsorted(ranks).tolist())


def _light_is_ink(light: Picture) -> bool:
    """Whether the light pixels are the ink: paper holds most of the area, border and corners.

    Each of the three misleads somewhere: bold digits fill the area, digits cut to their ink fill
    the border, and some digits reach into corners. Their mean was right on every image of the
    training sets except for blobs that fill the whole square.
    """
    height, width = light.shape
    area = cv2.countNonZero(light) / (height * width)
    border = cv2.countNonZero(light[0]) + cv2.countNonZero(light[-1])
    border += cv2.countNonZero(light[:, 0]) + cv2.countNonZero(light[:, -1])
    corners = light.item(0, 0) + light.item(0, -1) + light.item(-1, 0) + light.item(-1, -1)
    return bool(area + border / (2 * (height + width)) + corners / 4 <= 1.5)


def _ink_box(grey: Picture, mask: Picture, full: float) -> _Box:
    """The box of the ink with the strokes' soft edges, which the threshold cut off."""
    left, top, width, height = cv2.boundingRect(mask)
    grow = 1 + max(width, height) // 20
    right, bottom = left + width + grow, top + height + grow
    left, top = max(left - grow, 0), max(top - grow, 0)
    _, soft = cv2.threshold(grey[top:bottom, left:right], _FRINGE * full, 1, cv2.THRESH_BINARY)
    x, y, width, height = cv2.boundingRect(soft)
    if not width:  # the brightest ink was specks, and what is left is pale beside them
        return _Box(left, top, right, bottom)
    return _Box(left + x, top + y, left + x + width, top + y + height)


def _place(grey: Picture, box: _Box, full: float, size: int) -> Picture:
    """Scales the ink box to its size, the ink to 255, and puts its centre of mass amidst."""
    ink = grey[box.top : box.bottom, box.left : box.right]
    wanted = round(_BOX * size)
    longer = max(ink.shape)
    if abs(longer - wanted) > _SCALE_TOLERANCE * wanted:
        factor = wanted / longer
        shape = (max(1, round(ink.shape[1] * factor)), max(1, round(ink.shape[0] * factor)))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        ink = np.asarray(cv2.resize(ink, shape, interpolation=how), np.uint8)
        if factor < 1:  # averaging dims strokes that are thinner than a pixel of the output
            full = min(full, max(cv2.minMaxLoc(ink)[1], 1.0))
    ink = np.asarray(cv2.convertScaleAbs(ink, alpha=255 / full), np.uint8)
    output = np.zeros((size, size), np.uint8)
    moments = cv2.moments(ink)
    if not moments["m00"]:  # hair lines so faint that averaging left nothing
        return output
    height, width = ink.shape
    # Pixel 14 of 0 to 27 is where MNIST has its centres of mass, half a pixel off the middle.
    x = round(size / 2 - moments["m10"] / moments["m00"])
    y = round(size / 2 - moments["m01"] / moments["m00"])
    x, y = min(max(x, 0), size - width), min(max(y, 0), size - height)
    output[y : y + height, x : x + width] = ink
    return output
