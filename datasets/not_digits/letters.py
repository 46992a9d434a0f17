"""Letters of all scripts after the installed fonts, without those that look like a digit."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from indicdigits.data import faces
from indicdigits.data.faces import Face
from indicdigits.data.fonts import coverage
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.corpus import Sample
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import Shapes
from indicdigits.data.strokes.skeleton import strokes_of
from indicdigits.data.strokes.splines import lines_of
from indicdigits.datasets.fonts.request import Part, parted
from indicdigits.datasets.not_digits.likeness import (
    Likeness,
    shipped_digits,
    variants_of,
)
from indicdigits.datasets.not_digits.request import no_font
from indicdigits.scripts import SCRIPTS

MOST_FAMILIES = 5  # of a script, taken evenly from the list of its families
MOST_OWN = 12  # the same where the letters of the recipe's own scripts alone are drawn
LETTERS = frozenset({"Lo", "Ll", "Lu"})  # general categories: no marks, no modifiers
PER_WRITER = 16  # letters: 3,200 to train on, 800 to test on
SEED = 11


class Hand(NamedTuple):
    """A family that letters of a script are drawn after.

    Attributes:
        script: The script, such as "tamil".
        family: The family's name.
        letters: Letter -> its strokes.
    """

    script: str
    family: str
    letters: Shapes


def letters_of(face: Face, script: str) -> list[str]:
    """The letters of a script that a font has, in the order of their code points."""
    zero = SCRIPTS[script].digits[0]
    upper = map(chr, faces.letters(zero) & coverage(face.path))
    # only Latin's list is of capitals alone, and only its letters have another case
    both = {case for letter in upper for case in (letter, letter.lower())}
    return sorted(letter for letter in both if unicodedata.category(letter) in LETTERS)


def resolve(
    found: Mapping[str, Sequence[Face]], own: Shapes | None = None
) -> dict[Part, list[Hand]]:
    """For each part its families, apart as those of `fonts` are, and the letters to draw.

    A letter is left out when it looks like a digit in one of the families.

    Args:
        found: The families of each script, such as `families()`.
        own: The digits that no letter may look like, beside those of the families; by default
            those of every script.

    Raises:
        DataError: No family has plausible digits and a letter unlike all digits.
    """
    most = MOST_FAMILIES if own is None else MOST_OWN
    sides = {name: _chosen(listed, SCRIPTS[name].digits, most) for name, listed in found.items()}
    every = {name: list(dict.fromkeys((*s["train"], *s["test"]))) for name, s in sides.items()}
    drawn = [_shapes(face, SCRIPTS[name].digits) for name in every for face in every[name]]
    known = shipped_digits().values() if own is None else [own]
    likeness = Likeness(variants_of([*known, *drawn]))
    hands: dict[Part, list[Hand]] = {"train": [], "test": []}
    for name, parts in sides.items():
        letters = {face: _shapes(face, letters_of(face, name)) for face in every[name]}
        left_out = like_digits(letters.values(), likeness)
        for part, chosen in parts.items():
            for face in chosen:
                kept = {text: one for text, one in letters[face].items() if text not in left_out}
                if kept:
                    hands[part].append(Hand(name, face.family, kept))
    if not all(hands.values()):
        raise no_font()
    return hands


def like_digits(families: Iterable[Shapes], likeness: Likeness) -> set[str]:
    """The letters that look like a digit in one of the families or more."""
    found: set[str] = set()
    for letters in families:
        for text, ways in letters.items():
            if text not in found and any(likeness.is_digit(lines_of(way)) for way in ways):
                found.add(text)
    return found


def samples(hands: Sequence[Hand], part: Part, seed: int = SEED) -> Iterator[tuple[Sample, str]]:
    """Draws a part, writer by writer: each writes some letters of one family.

    Args:
        hands: The families of the part.
        part: Whose writers draw.
        seed: Of the writers.

    Yields:
        The picture, with the family as its `hand`, and the letter.
    """
    for number in corpus.WRITERS[part]:
        hand = hands[number % len(hands)]
        rng = np.random.default_rng([seed, number])
        drawer = Drawer(hand.letters, corpus.SIZE)
        writer = drawer.writer(rng)
        order = rng.permutation(len(drawer.classes))
        for place in np.resize(order, PER_WRITER):
            letter = drawer.classes[place]
            picture = drawer.draw(letter, writer, rng)
            yield Sample(picture, 0, f"writer-{number:03d}", hand.family), letter


def _chosen(found: Sequence[Face], digits: Sequence[str], most: int) -> dict[Part, list[Face]]:
    """For each part a few families, whose digits are plausible."""
    groups = faces.groups(found, digits)
    return parted(groups[:: max(1, math.ceil(len(groups) / most))])


def _shapes(face: Face, texts: Sequence[str]) -> Shapes:
    """The strokes of the texts that a font draws anything for."""
    strokes = {text: strokes_of(faces.glyph(face.path, text)) for text in texts}
    return {text: (lines,) for text, lines in strokes.items() if lines}
