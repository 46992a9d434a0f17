"""Which digits are drawn for the train and the test part, and by whom.

The writers of the two parts are different people. Each has a generator of their own, so that a
digit does not depend on what others wrote before. Where there are several sets of shapes, as of
several font families, the writers share them out in turn: each writes the digits of one set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import Shapes

WRITERS = {"train": range(200), "test": range(200, 250)}
REPEATS = 2  # how often a writer writes each digit: 400 of each to train on, 100 to test on
SIZE = 64  # side of the pictures in pixels
SEED = 2


class Sample(NamedTuple):
    """A drawn digit.

    Attributes:
        picture: uint8 (SIZE, SIZE), dark ink on light paper.
        label: Place of its class in the shapes.
        writer: Who wrote it, such as "writer-007".
        hand: The name of the set of shapes it was written after.
    """

    picture: npt.NDArray[np.uint8]
    label: int
    writer: str
    hand: str


def count(classes: int, part: Literal["train", "test"]) -> int:
    """How many samples a part with so many classes has."""
    return len(WRITERS[part]) * REPEATS * classes


def samples(hands: Mapping[str, Shapes], part: Literal["train", "test"]) -> Iterator[Sample]:
    """Draws a part, writer by writer; the same shapes always give the same bytes.

    Args:
        hands: Name -> the shapes of the same classes.
        part: Whose writers draw.
    """
    drawers = [(name, Drawer(shapes, SIZE)) for name, shapes in hands.items()]
    for number in WRITERS[part]:
        hand, drawer = drawers[number % len(drawers)]
        rng = np.random.default_rng([SEED, number])
        writer = drawer.writer(rng)
        for _ in range(REPEATS):
            for label, text in enumerate(drawer.classes):
                picture = drawer.draw(text, writer, rng)
                yield Sample(picture, label, f"writer-{number:03d}", hand)
