"""Why a reader answers what it does, by covering parts of the picture. Needs no gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

PATCH = 6 / 28  # side of what is covered, as a part of the picture's
STRIDE = 2  # pixels from one covering to the next
_BATCH = 512
_FLOOR = 1e-12  # below it a probability says no more

Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def occlusion(
    probabilities: Probabilities,
    images: NDArray[np.uint8],
    classes: NDArray[np.integer],
    *,
    heads: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """Occlusion sensitivity (Zeiler and Fergus 2014) with blank paper as the cover.

    A square of 6 in 28 pixels is laid on every second pixel, also over the edge. What covers no
    ink changes nothing and is not asked about.

    Args:
        probabilities: uint8 (N, S, S), light ink on black -> float32 (N, C).
        images: The pictures (N, S, S).
        classes: (N,), the class to explain for each.
        heads: The head of each class, where the probabilities of each head sum to one.

    Returns:
        float32 (N, S, S): by how much the class's log-odds fall, on average over the squares that
        cover a pixel. Negative where the class gains.
    """
    squares = list(_squares(images.shape[1]))
    jobs = [
        (number, square)
        for number, image in enumerate(images)
        for square in squares
        if image[square].any()
    ]
    whole = _log_odds(probabilities(images), classes, heads)
    falls = np.zeros(images.shape, np.float64)
    for start in range(0, len(jobs), _BATCH):
        part = jobs[start : start + _BATCH]
        numbers = np.array([number for number, _ in part])
        covered = images[numbers]
        for picture, (_, square) in zip(covered, part, strict=True):
            picture[square] = 0
        fall = whole[numbers] - _log_odds(probabilities(covered), classes[numbers], heads)
        for (number, square), value in zip(part, fall, strict=True):
            falls[number][square] += value
    times = np.zeros(images.shape[1:])
    for square in squares:
        times[square] += 1
    return np.asarray(falls / times, np.float32)


def _squares(size: int) -> Iterator[tuple[slice, slice]]:
    """The squares that are covered, cut at the edges of the picture."""
    side = max(2, round(PATCH * size))
    starts = range(STRIDE - side, size, STRIDE)
    spans = [slice(max(start, 0), min(start + side, size)) for start in starts]
    return ((rows, columns) for rows in spans for columns in spans)


def _log_odds(
    probabilities: NDArray[np.float32],
    classes: NDArray[np.integer],
    heads: Sequence[int] | None,
) -> NDArray[np.float64]:
    """log(p / the sum of the others of its head), (N,): where p rounds to 1 it still says more."""
    head = np.zeros(probabilities.shape[1]) if heads is None else np.asarray(heads)
    own = np.arange(len(head)) == classes[:, None]
    beside = (head == head[classes][:, None]) & ~own
    one = np.where(own, probabilities, 0).sum(axis=1, dtype=np.float64)
    others = np.where(beside, probabilities, 0).sum(axis=1, dtype=np.float64)
    return np.log(np.maximum(one, _FLOOR)) - np.log(np.maximum(others, _FLOOR))
