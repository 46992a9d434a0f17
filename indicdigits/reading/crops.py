"""Cut-outs of words and lines, as other programs hand them over: their ink, and what they say.

    from indicdigits.reading.crops import NumberRecogniser

    recogniser = NumberRecogniser(LineReader(indicdigits.load("devanagari")))
    recogniser([crop, crop])  # [("१२३", 0.98), ("", 0.0)]

A `NumberRecogniser` is called as a recognition predictor of docTR and OnnxTR is, and may stand in
its place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.imaging.decode import Source, read_picture
from indicdigits.reading.answer import Ink, ReadLine

Recogniser = Callable[..., Sequence[tuple[str, float]]]

_MARKS = frozenset(",.-/:")  # that a number may hold beside its digits
_LEAST_CONTRAST = 16  # grey levels between darkest and lightest; below it is blank
_INK_QUANTILE = 0.95  # of the ink's grey, that becomes 255
_NOISES = 3  # distances from quarter to median of the paper, that ink must exceed


def ink_of_crop(picture: npt.NDArray[np.uint8]) -> Ink:
    """The ink of a cut-out of a word or line, dark on light or light on dark.

    Otsu's threshold (1979) tells ink from paper; the levels between that of the paper and that of
    most of the ink become 0 to 255, so that edges stay soft.

    Args:
        picture: uint8 (H,W) grey or (H,W,3) RGB; paper covers most of it.

    Returns:
        uint8 (H,W), 0 paper, 255 full ink; all 0 where there is none.
    """
    colour = picture.ndim == 3
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if colour else picture, np.uint8)
    if np.ptp(grey) < _LEAST_CONTRAST:
        return np.zeros(grey.shape, np.uint8)
    mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    if 2 * cv2.countNonZero(mask) > mask.size:
        grey, mask = ~grey, 1 - mask
    quarter, median = np.quantile(grey[mask == 0], (0.25, 0.5))
    full = np.quantile(grey[mask == 1], _INK_QUANTILE)
    black = min(median + _NOISES * (median - quarter), (median + full) / 2)
    return np.clip((grey - black) * (255 / max(full - black, 1)), 0, 255).astype(np.uint8)


def is_number(text: str) -> bool:
    """Whether a word is digits, of any script, and the marks between them."""
    digits = [char for char in text if unicodedata.decimal(char, None) is not None]
    return bool(digits) and all(char in digits or char in _MARKS for char in text)


class NumberRecogniser:
    """Crops of words in, text and probability out.

    Args:
        read_line: Reads the ink of a line.
        native: Whether to answer with the script's digits, or with 0 to 9.
        other: A recogniser of all words. It is asked first, and what it takes for a number is
            read again; without one, every crop is read, and what is refused becomes "".
    """

    def __init__(
        self, read_line: ReadLine, *, native: bool = True, other: Recogniser | None = None
    ) -> None:
        self._read_line, self._native, self._other = read_line, native, other

    def __call__(self, crops: Iterable[Source], **options: Any) -> list[tuple[str, float]]:
        """Reads crops, in order.

        Args:
            crops: What `read_picture` takes; of arrays, RGB where they have colour.
            options: Handed on to the other recogniser.

        Returns:
            Of each its text and the probability that all of it is right, in [0, 1].

        Raises:
            PictureError: A crop is no usable picture.
        """
        if self._other is None:
            return [self._read(crop) or ("", 0.0) for crop in crops]
        crops = list(crops)
        theirs = self._other(crops, **options)
        return [
            (self._read(crop) if is_number(text) else None) or (text, sure)
            for crop, (text, sure) in zip(crops, theirs, strict=True)
        ]

    def _read(self, crop: Source) -> tuple[str, float] | None:
        reading = self._read_line(ink_of_crop(read_picture(crop)))
        if not reading.accepted:
            return None
        return (reading.text if self._native else reading.ascii), reading.probability
