"""Runs of neighbouring pieces that may be one character: all that are not too wide."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.segment import Pieces

Int = npt.NDArray[np.int32]

_MOST_PIECES = 8
_WIDEST = 1.7  # of the line's height: a character of several pieces is no wider
_WIDEST_GAP = 0.4  # of the line's height, between the parts of a character


class Runs(NamedTuple):
    """Runs of pieces.

    Attributes:
        first: int32 (E,), the first piece of each.
        last: int32 (E,), the piece after its last.
        boxes: int32 (E,4), left, top, right and bottom of each.
    """

    first: Int
    last: Int
    boxes: Int


def runs_of(pieces: Pieces) -> Runs:
    """The runs of a line; every piece alone is one of them."""
    count = len(pieces)
    found: list[Runs] = []
    boxes, gap = pieces.boxes, np.zeros(count, np.int32)
    for length in range(1, min(_MOST_PIECES, count) + 1):
        first = np.arange(count - length + 1, dtype=np.int32)
        if length > 1:
            added = pieces.boxes[length - 1 :]
            gap = np.maximum(gap[:-1], added[:, 0] - boxes[:-1, 2])
            boxes = np.concatenate(
                [
                    np.minimum(boxes[:-1, :2], added[:, :2]),
                    np.maximum(boxes[:-1, 2:], added[:, 2:]),
                ],
                axis=1,
            )
        narrow = boxes[:, 2] - boxes[:, 0] <= _WIDEST * pieces.height
        kept = (narrow & (gap <= _WIDEST_GAP * pieces.height)) | (length == 1)
        found.append(Runs(first[kept], first[kept] + np.int32(length), boxes[kept]))
    first, last, boxes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((last, first))
    return Runs(first[order], last[order], boxes[order])
