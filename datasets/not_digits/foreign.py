"""Digits of other scripts, without those that look like a digit of the recipe's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from indicdigits import recipe
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.corpus import Sample
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import Shapes, parse
from indicdigits.data.strokes.splines import lines_of
from indicdigits.datasets.fonts.request import Part
from indicdigits.datasets.not_digits.likeness import DIGIT_LIKE, Likeness, variants_of
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS, look_alikes, script_of

PER_WRITER = 32  # digits, of some hundred: 6,400 to train on, 1,600 to test on
SEED = 12


def unlike(own: Shapes) -> dict[str, Shapes]:
    """Script -> its digits that look like none of these, and how they are written.

    A digit is left out whole when `scripts.look_alikes` says so, or when the centre line of one
    way of writing it is like that of an own digit. How short a line is does not count here: a bar
    is no digit where none of the own digits is one.

    Args:
        own: The recipe's digits.

    Raises:
        DataError: No digit is left.
    """
    likeness = Likeness(variants_of([own]))
    alike = {other for text in own for other in look_alikes(text)} | set(own)
    mine = {script for text in own if (script := script_of(text))}
    found = {}
    for name, script in SCRIPTS.items():
        if script in mine:
            continue
        shipped = recipe.load(recipe.find(f"scripts/{name}")).strokes
        digits = parse({text: shipped[text] for text in script.digits}, script.digits)
        found[name] = {
            text: ways
            for text, ways in digits.items()
            if text not in alike
            and min(likeness.distance(lines_of(way)) for way in ways) >= DIGIT_LIKE
        }
    found = {name: digits for name, digits in found.items() if digits}
    if not found:
        raise DataError(
            "every digit of another script is one of the classes, or looks like one",
            where="data set not_digits/foreign",
            hint="leave it out of data.sources",
        )
    return found


def samples(
    digits: dict[str, Shapes], part: Part, seed: int = SEED
) -> Iterator[tuple[Sample, str]]:
    """Draws a part, writer by writer: each writes some digits of one script.

    Args:
        digits: From `unlike`.
        part: Whose writers draw.
        seed: Of the writers.

    Yields:
        The picture, with the script as its `hand`, and the digit.
    """
    names = sorted(digits)
    drawers = {name: Drawer(digits[name], corpus.SIZE) for name in names}
    for number in corpus.WRITERS[part]:
        name = names[number % len(names)]
        drawer, rng = drawers[name], np.random.default_rng([seed, number])
        writer = drawer.writer(rng)
        order = rng.permutation(len(drawer.classes))
        for place in np.resize(order, PER_WRITER):
            text = drawer.classes[place]
            picture = drawer.draw(text, writer, rng)
            yield Sample(picture, 0, f"writer-{number:03d}", name), text
