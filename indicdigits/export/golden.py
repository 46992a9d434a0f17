"""Golden vectors for a bundle: test pictures put back on paper of many kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.export.verify import Pixels, Predict
from indicdigits.imaging.normalise import normalise
from indicdigits.runtime.golden import Golden

Colour = int | tuple[int, int, int]


@dataclass(frozen=True)
class _Paper:
    """How a picture is put on paper: side of the digit, margins, colours; lengths in pixels."""

    side: int
    top: int
    right: int
    bottom: int
    left: int
    paper: Colour
    ink: Colour


# Small and large, both polarities, grey and coloured, with and without margins: 55 kB together.
_PAPERS = (
    _Paper(28, 0, 0, 0, 0, 0, 255),
    _Paper(28, 0, 0, 0, 0, 255, 0),
    _Paper(20, 0, 0, 0, 0, 240, 30),
    _Paper(32, 0, 0, 0, 0, 255, 0),
    _Paper(40, 6, 2, 3, 9, 225, 60),
    _Paper(64, 0, 0, 0, 0, 20, 230),
    _Paper(48, 4, 4, 4, 4, (250, 244, 220), (30, 40, 140)),
    _Paper(56, 0, 12, 0, 12, 200, 90),
    _Paper(36, 10, 0, 0, 10, (40, 70, 50), (240, 240, 235)),
    _Paper(80, 2, 2, 2, 2, 252, 12),
    _Paper(25, 3, 5, 7, 1, 180, 20),
)
_BLANK = (32, 24, 236)  # height, width, grey


def golden(images: Pixels, labels: npt.NDArray[np.integer[Any]], predict: Predict) -> Golden:
    """Makes the golden vectors of a bundle.

    Args:
        images: Test pictures, uint8 (N,S,S), light ink on black.
        labels: Their classes, (N,); as many classes as there is room for are shown.
        predict: The network: uint8 (N,S,S) -> probabilities (N,C).

    Returns:
        Eleven test pictures and a blank one, with inputs and probabilities.
    """
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    shown = [
        images[members[turn % len(members)]] for turn in range(len(_PAPERS)) for members in by_class
    ][: len(_PAPERS)]
    pictures = [_on_paper(image, paper) for image, paper in zip(shown, _PAPERS, strict=True)]
    height, width, grey = _BLANK
    pictures.append(np.full((height, width), grey, np.uint8))
    inputs = np.stack([normalise(picture, images.shape[1]) for picture in pictures])
    return Golden(
        pictures=tuple(pictures),
        inputs=inputs,
        probabilities=np.asarray(predict(inputs), np.float32),
    )


def _on_paper(image: Pixels, style: _Paper) -> Pixels:
    resized = cv2.resize(image, (style.side, style.side), interpolation=cv2.INTER_LINEAR)
    margins = ((style.top, style.bottom), (style.left, style.right))
    ink = np.pad(resized, margins).astype(np.float32) / 255
    if isinstance(style.paper, tuple):
        ink = ink[..., np.newaxis]
    paper, colour = np.array(style.paper, np.float32), np.array(style.ink, np.float32)
    return np.rint(paper * (1 - ink) + colour * ink).astype(np.uint8)
