"""Cells with nothing written in them: specks, ruling lines, edges of boxes and smudges.

An empty cell of a form is seldom clean, and normalising makes whatever stands in it as large as a
digit. What is drawn has ink after normalising; a cell without any is refused before a network
sees it. A closed box is not drawn (it is a square zero), and neither is what the recipe's own
digits look like: no upright bar where one is a bar, no speck or smudge where one is a dot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.corpus import Sample
from indicdigits.data.strokes.shapes import Shapes, Variant
from indicdigits.data.strokes.splines import FloatArray, lines_of
from indicdigits.datasets.fonts.request import Part
from indicdigits.datasets.not_digits.likeness import DIGIT_LIKE, Likeness, variants_of
from indicdigits.imaging.normalise import ink_found, normalise

PER_WRITER = 8  # cells: 1,600 to train on, 400 to test on
SEED = 13
DOT = 0.4  # of the unit square: a digit whose strokes stay within that is a dot
UNIT = 4  # sub-pixels a pixel: drawn that much larger, then averaged
SMUDGE = 16  # pixels a side, of the noise that a smudge is made of

Generator = np.random.Generator
Ink = npt.NDArray[np.float32]  # (SIZE, SIZE), 0 paper to 1 ink


def samples(own: Shapes, part: Part, seed: int = SEED) -> Iterator[Sample]:
    """Draws a part; each writer is another sheet, with its paper, ruling and pen.

    Args:
        own: The recipe's digits.
        part: Whose sheets.
        seed: Of the sheets.

    Yields:
        Pictures whose `hand` is what stands in the cell.
    """
    kinds = makers(own)
    names = sorted(kinds)
    for number in corpus.WRITERS[part]:
        rng = np.random.default_rng([seed, number])
        paper, tone = rng.uniform(215.0, 255.0), rng.uniform(0.0, 150.0)
        pen, grain = rng.uniform(0.6, 4.0), rng.uniform(0.0, 4.0)
        for cell in range(PER_WRITER):
            name = names[cell % len(names)]
            picture = None
            while picture is None or not ink_found(normalise(picture)):
                ink = kinds[name](rng, pen)
                grey = paper + (tone - paper) * ink + grain * rng.standard_normal(ink.shape)
                picture = np.asarray(grey.clip(0, 255), np.uint8)
            yield Sample(picture, 0, f"writer-{number:03d}", name)


def makers(own: Shapes) -> dict[str, Callable[[Generator, float], Ink]]:
    """Name -> what draws such a cell with a pen of some pixels, unlike all of these digits."""
    likeness = Likeness(variants_of([own]))
    kinds: dict[str, Callable[[Generator, float], Ink]] = {
        "ruling": lambda rng, pen: _unlike(_ruling, likeness, rng, pen),
        "edges": lambda rng, pen: _unlike(_edges, likeness, rng, pen),
    }
    if not any(map(is_dot, variants_of([own]))):
        kinds |= {"specks": _specks, "smudge": _smudge}
    return kinds


def is_dot(way: Variant) -> bool:
    """Whether a way of writing a digit is a dot."""
    points = np.concatenate(lines_of(way))
    return bool(np.ptp(points, axis=0).max() < DOT)


def _unlike(
    make: Callable[[Generator], list[FloatArray]], likeness: Likeness, rng: Generator, pen: float
) -> Ink:
    """The first lines that are like no digit, drawn by a ruler."""
    while True:
        lines = make(rng)
        if likeness.distance(lines) >= DIGIT_LIKE:
            return _drawn(lines, pen * np.exp(rng.normal(0.0, 0.2)))


def _ruling(rng: Generator) -> list[FloatArray]:
    """One to three parallel lines, across the cell or along it."""
    tilt, reach = rng.normal(0.0, 0.04), rng.uniform(0.25, 0.5, 2)
    places = rng.uniform(0.15, 0.85, rng.integers(1, 4))
    lines = [np.array([[0.5 - reach[0], y - tilt], [0.5 + reach[1], y + tilt]]) for y in places]
    return [line[:, ::-1] for line in lines] if rng.random() < 0.3 else lines


def _edges(rng: Generator) -> list[FloatArray]:
    """Two or three sides of a box, which may pass their corner."""
    low, high = rng.uniform(0.0, 0.25, 2), rng.uniform(0.75, 1.0, 2)
    over = rng.uniform(0.0, 0.15) * (rng.random() < 0.5)
    left, top, right, bottom = *low, *high
    sides = [
        [[left - over, top], [right, top]],
        [[right, top - over], [right, bottom]],
        [[right + over, bottom], [left, bottom]],
        [[left, bottom + over], [left, top]],
    ]
    first, count = int(rng.integers(4)), int(rng.integers(2, 4))
    return [np.array(sides[(first + step) % 4]).clip(0.0, 1.0) for step in range(count)]


def _specks(rng: Generator, pen: float) -> Ink:
    """One to five blots of dirt, of whatever size."""
    page = _page()
    for _ in range(int(rng.integers(1, 6))):
        middle = rng.integers(8 * UNIT, len(page) - 8 * UNIT, 2).tolist()
        axes = np.maximum(rng.uniform(0.6, 2.4, 2) * pen * UNIT / 2, 1).astype(int).tolist()
        cv2.ellipse(page, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return _averaged(page)


def _smudge(rng: Generator, pen: float) -> Ink:
    """A soft blot without an outline."""
    del pen  # it was a thumb
    noise = rng.standard_normal((SMUDGE, SMUDGE)).astype(np.float32)
    cloud = cv2.resize(noise, (corpus.SIZE, corpus.SIZE), interpolation=cv2.INTER_CUBIC)
    cloud = cv2.GaussianBlur(cloud, (0, 0), float(rng.uniform(2.0, 6.0)))
    y, x = np.mgrid[-1 : 1 : corpus.SIZE * 1j, -1 : 1 : corpus.SIZE * 1j]
    at, spread = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.15, 0.5, 2)
    round_it = np.exp(-0.5 * (((x - at[0]) / spread[0]) ** 2 + ((y - at[1]) / spread[1]) ** 2))
    soft = round_it * (1.0 + cloud / max(float(np.abs(cloud).max()), 1e-6))
    return np.asarray(rng.uniform(0.4, 1.0) * soft / soft.max(), np.float32)


def _drawn(lines: list[FloatArray], pen: float) -> Ink:
    page = _page()
    for line in lines:
        ends = np.rint(line * (len(page) - 1)).astype(int).tolist()
        cv2.line(page, ends[0], ends[1], 255, max(1, round(pen * UNIT)))
    return _averaged(page)


def _page() -> npt.NDArray[np.uint8]:
    return np.zeros((corpus.SIZE * UNIT, corpus.SIZE * UNIT), np.uint8)


def _averaged(page: npt.NDArray[np.uint8]) -> Ink:
    small = cv2.resize(page, (corpus.SIZE, corpus.SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255.0, np.float32)
