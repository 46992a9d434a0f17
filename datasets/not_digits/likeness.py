"""How far a drawing is from every digit of every script."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits import recipe
from indicdigits.data.strokes.shapes import Shapes, Variant, parse
from indicdigits.data.strokes.splines import FloatArray, lines_of

Lines = list[FloatArray]
Float32 = npt.NDArray[np.float32]

SIDE = 20  # pixels of a drawing's longer side, as it is compared
EDGE = 6  # of paper around
STRETCHES = (0.8, 1.0, 1.25)  # of the width, that a drawing is compared in
SLANTS = (-0.25, 0.0, 0.25)  # a slanted b is a 6
MOVES = ((0.0, 0.0), (1.5, 0.0), (-1.5, 0.0), (0.0, 1.5), (0.0, -1.5))  # pixels

# Both thresholds were chosen by looking at contact sheets of letters of 16 scripts in 73 families,
# each beside the digit nearest to it, in bands of 0.01. Below 0.04 nearly all are the digit's
# shape (O, S and 5, க, ર), up to 0.05 a few still are (g and 9), and above 0.06 shapes differ
# (p, क, অ). Between lie b, a slanted 6 (0.054), U (0.054) and ठ beside ૪. A short line has no
# shape to tell: at any distance the arc ر is some digit.
DIGIT_LIKE = 0.055  # distance below which a drawing looks like a digit
PLAIN = 2.0  # length, over the longer side, up to which a line is a bar, tick, hook or arc


class Likeness:
    """Compares drawings with digits by their centre lines, however broad a pen drew them.

    Args:
        digits: Strokes of the digits, at least one.
    """

    def __init__(self, digits: Iterable[Variant]) -> None:
        traces = [_trace(lines_of(digit), MOVES[0]) for digit in digits]
        self._ink = np.stack([ink for ink, _ in traces]).T  # (P, N)
        self._far = np.stack([far for _, far in traces]).T  # (P, N)

    def is_digit(self, lines: Lines, below: float = DIGIT_LIKE) -> bool:
        """Whether a drawing looks like a digit, or is so plain that it could be one.

        Args:
            lines: The drawing's lines, of `lines_of`.
            below: The distance below which it does.
        """
        return length(lines) < PLAIN or self.distance(lines) < below

    def distance(self, lines: Lines) -> float:
        """How far a drawing is from the digit most like it, as a part of its longer side.

        The distance of two drawings is the root mean square of how far each pixel of the one's
        line is from the other's line, and the same the other way round; the greater counts. Both
        have one size, and of all ways to stretch, slant and move the drawing a little the best
        counts.

        Returns:
            0 for a digit itself; 0.02 is the same shape by another hand, 0.1 another shape.
        """
        return float(self._distances(lines).min())

    def _distances(self, lines: Lines) -> Float32:
        """(N,) the distance from every digit."""
        views = [
            _trace([line @ np.array([[stretch, 0.0], [slant, 1.0]]) for line in lines], move)
            for stretch in STRETCHES
            for slant in SLANTS
            for move in MOVES
        ]
        ink, far = (np.stack(kind) for kind in zip(*views, strict=True))  # (V, P) each
        square = np.maximum(ink @ self._far, far @ self._ink).min(axis=0)
        return np.asarray(np.sqrt(np.maximum(square, 0.0)), np.float32)


def shipped_digits() -> dict[str, Shapes]:
    """The strokes of every shipped recipe that has some: recipe -> class -> ways of writing it."""
    found = {}
    for name, path in recipe.shipped().items():
        loaded = recipe.load(path)
        if loaded.strokes:
            found[name] = parse(loaded.strokes, loaded.written, where=path)
    return found


def variants_of(sets: Iterable[Shapes]) -> list[Variant]:
    """All ways of writing all classes of some sets of shapes, each once."""
    every = (way for shapes in sets for ways in shapes.values() for way in ways)
    return list(dict.fromkeys(every))


def length(lines: Lines) -> float:
    """How long all strokes of a drawing are together, over the longer side of their box."""
    walked = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)
    return walked / max(float(np.ptp(np.concatenate(lines), axis=0).max()), 1e-9)


def _trace(lines: Lines, move: tuple[float, float]) -> tuple[Float32, Float32]:
    """A drawing's pixels, (P,) that sum to 1, and the squared distance from them, (P,)."""
    points = np.concatenate(lines)
    scale = SIDE / max(float(np.ptp(points, axis=0).max()), 1e-9)
    whole = SIDE + 2 * EDGE
    page = np.full((whole, whole), 255, np.uint8)
    middle = points.mean(axis=0)
    for line in lines:
        places = (line - middle) * scale + whole / 2 + move
        cv2.polylines(page, [np.rint(places).astype(np.int32)], False, 0)
    far = cv2.distanceTransform(page, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / SIDE
    ink = (page == 0).astype(np.float32).ravel()
    return ink / ink.sum(), np.square(far, dtype=np.float32).ravel()
