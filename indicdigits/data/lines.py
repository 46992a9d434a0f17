"""The lines that sequence readers learn from and are chosen on: composed anew for every batch.

What a batch holds follows from the seed and its number alone, which is what makes resuming exact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.data.marks import MARKS
from indicdigits.data.source import load_split, raw_pictures
from indicdigits.data.split import chosen_of_each
from indicdigits.data.strings import Pool, Style, compose
from indicdigits.errors import DataError
from indicdigits.imaging.strip import ROWS, strip_of
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe, Source
from indicdigits.recipe.negatives import NAME

Ink = npt.NDArray[np.uint8]
Part = Literal["learn", "fit", "test"]

MOST = 20000  # digits that a pool takes of a data set
WIDTH = 96  # a batch is as wide as a multiple of this, so that few programs are compiled
WIDEST = 4 * WIDTH  # columns of a strip that is trained on
LONGEST = 14  # characters of a line that is trained on
_SORTED = 8  # batches that are composed at once, and parted by width
_SPACINGS = {"apart": 0.25, "touching": 0.35, "overlapping": 0.15, "mixed": 0.25}


class Symbol(NamedTuple):
    """A character that a sequence reader tells apart: as it is written, and for machines."""

    text: str
    ascii: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Hand:
    """Digits of one data set to write lines with.

    Attributes:
        dataset: Its name.
        pool: The digits.
        symbols: Character of a composed line, a digit "0" to "9" or a mark -> number of its symbol.
        weight: How many lines are written with it, for one of the others.
    """

    dataset: str
    pool: Pool
    symbols: Mapping[str, int]
    weight: float


class Batch(NamedTuple):
    """Strips and what they say.

    Attributes:
        strips: uint8 (N,ROWS,W), padded with paper on the right.
        labels: int32 (N,LONGEST), symbols counted from 1; 0 behind the last.
    """

    strips: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]


def symbols_of(recipe: Recipe) -> tuple[Symbol, ...]:
    """The digits among a recipe's classes, then the marks of numbers."""
    digits = [Symbol(e.text, str(e.value)) for e in recipe.labels if _is_digit(e.value)]
    return (*digits, *(Symbol(mark, mark) for mark in MARKS))


def _is_digit(value: int | None) -> bool:
    return value is not None and 0 <= value <= 9


def hands_of(recipe: Recipe, root: Path, part: Part, reporter: Reporter) -> list[Hand]:
    """The hands of a recipe: one of every source that has all ten digits.

    Args:
        recipe: Of a reader of single digits.
        root: The recipe's folder, to which its paths are relative.
        part: "fit" is the validation part of the training split, which its readers have not been
            trained on; "learn" the rest of it; "test" the test split.
        reporter: Where progress goes.

    Raises:
        DataError: The data cannot be had, or no source has all ten digits.
    """
    sources = [source for source in recipe.data.sources if not source.dataset.startswith(NAME)]
    found = [hand_of(recipe, source, root, part, reporter) for source in sources]
    hands = [hand for hand in found if hand is not None]
    if not hands:
        raise DataError(
            "no data set of the recipe has pictures of all ten digits to compose lines of",
            where=recipe.name,
            allowed="digits 0 to 9, each a class with its value",
        )
    return hands


def hand_of(
    recipe: Recipe, source: Source, root: Path, part: Part, reporter: Reporter
) -> Hand | None:
    """The hand of one source, as in `hands_of`; None where a digit is missing."""
    of: Literal["train", "test"] = "test" if part == "test" else "train"
    classes, strokes = recipe.labels, recipe.strokes
    kwargs = {"classes": classes, "root": root, "reporter": reporter, "strokes": strokes}
    split = load_split(source, of, size=recipe.data.input_size, **kwargs)  # type: ignore[arg-type]
    rows = np.arange(len(split))
    if part != "test":
        held_out = chosen_of_each(
            split.labels, split.keys, recipe.data.validation_fraction, seed=recipe.data.seed
        )
        rows = np.flatnonzero(held_out == (part == "fit"))
    digits = {n: e.value for n, e in enumerate(classes) if _is_digit(e.value)}
    rows = rows[np.isin(split.labels[rows], list(digits))]
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST])
    labels = np.unique(split.labels[rows]).tolist()
    if len({digits[label] for label in labels}) < 10 or len(labels) > 10:
        return None
    order = {str(digits[label]): list(digits).index(label) for label in labels}
    marks = {mark: len(digits) + number for number, mark in enumerate(MARKS)}
    pictures = raw_pictures(source, of, rows.tolist(), **kwargs)  # type: ignore[arg-type]
    writers = split.groups["writer"][rows] if "writer" in split.groups else None
    values = [digits[label] for label in split.labels[rows].tolist()]
    return Hand(
        dataset=source.dataset,
        pool=Pool.of(pictures, np.array(values, np.int64), writers),
        symbols=order | marks,
        weight=float(np.sqrt(source.weight * len(split))),
    )


def number_of(rng: np.random.Generator, *, longest: int, marked: float) -> str:
    """A number to compose a line of: digits, or an amount, a decimal, a date.

    Args:
        rng: Draws it.
        longest: Most digits, before the marks.
        marked: Part of the numbers that have marks, 0 to 1.
    """
    digits = "".join(map(str, rng.integers(0, 10, rng.integers(1, longest + 1))))
    if rng.random() >= marked:
        return digits
    kinds = (
        _grouped(digits),
        f"{digits}.{rng.integers(0, 100):02d}",
        f"{rng.integers(1, 32):02d}/{rng.integers(1, 13):02d}/{rng.integers(1950, 2030)}",
        f"{rng.integers(1, 32):02d}-{rng.integers(1, 13):02d}-{rng.integers(0, 100):02d}",
        f"₹{_grouped(digits)}",
        f"{digits}/-",
        f"-{digits}",
        " ".join(digits[n : n + 4] for n in range(0, len(digits), 4)),
    )
    return str(kinds[int(rng.integers(len(kinds)))])


def _grouped(digits: str) -> str:
    """Commas after lakhs and crores: 12,34,567."""
    return re.sub(r"(?<=\d)(?=(?:\d\d)*\d{3}$)", ",", digits)


class LineBatches:
    """Batches of composed lines, by number.

    Args:
        hands: What to write with.
        size: Lines of a batch.
        seed: Of everything.
    """

    def __init__(self, hands: Sequence[Hand], *, size: int, seed: int) -> None:
        self._hands, self._size, self._seed = hands, size, seed
        weights = np.array([hand.weight for hand in hands])
        self._shares = weights / weights.sum()
        self._group: tuple[int, list[Batch]] = (-1, [])

    def get(self, number: int) -> Batch:
        """The batch of that number; neighbouring numbers are composed together."""
        group, place = divmod(number, _SORTED)
        if self._group[0] != group:
            self._group = (group, self._composed(group))
        return self._group[1][place]

    def _composed(self, group: int) -> list[Batch]:
        rng = np.random.default_rng((self._seed, group))
        lines = [self._line(rng) for _ in range(_SORTED * self._size)]
        lines.sort(key=lambda pair: pair[0].shape[1])
        parts = [lines[n : n + self._size] for n in range(0, len(lines), self._size)]
        return [packed(parts[n]) for n in rng.permutation(_SORTED)]

    def _line(self, rng: np.random.Generator) -> tuple[Ink, list[int]]:
        """A strip that is not too wide, and its symbols."""
        while True:
            hand = self._hands[int(rng.choice(len(self._hands), p=self._shares))]
            spacing = str(rng.choice(list(_SPACINGS), p=list(_SPACINGS.values())))
            style = Style(spacing=spacing, pen_change=0.1, slope=0.03)  # type: ignore[arg-type]
            line = compose(number_of(rng, longest=9, marked=0.4), hand.pool, rng, style)
            strip = strip_of(worn(line.ink, rng))
            if strip is None or strip.ink.shape[1] > WIDEST or len(line.text) > LONGEST:
                continue
            return strip.ink, [hand.symbols[symbol] for symbol in line.text]


def packed(lines: Sequence[tuple[Ink, list[int]]]) -> Batch:
    """Some strips as one array, as wide as the widest, rounded up."""
    widest = max(ink.shape[1] for ink, _ in lines)
    strips = np.zeros((len(lines), ROWS, -(-widest // WIDTH) * WIDTH), np.uint8)
    labels = np.zeros((len(lines), LONGEST), np.int32)
    for row, (ink, symbols) in enumerate(lines):
        strips[row, :, : ink.shape[1]] = ink
        labels[row, : len(symbols)] = np.asarray(symbols) + 1
    return Batch(strips, labels)


def worn(ink: Ink, rng: np.random.Generator) -> Ink:
    """A line as it comes from paper: slanted, stretched, out of focus, pale, grainy."""
    height, width = ink.shape
    slant, stretch = rng.uniform(-0.2, 0.2), rng.uniform(0.85, 1.18)
    reach = abs(slant) * height
    move = np.array([[stretch, slant, max(0.0, -slant * height)], [0, 1, 0]])
    size = (int(np.ceil(width * stretch + reach)), height)
    ink = np.asarray(cv2.warpAffine(ink, move, size, flags=cv2.INTER_LINEAR), np.uint8)
    kind = rng.random()
    if kind < 0.3:
        blur = rng.uniform(0.3, 0.045 * height / 1.5)
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), max(blur, 0.3)), np.uint8)
    elif kind < 0.45:
        ink = np.asarray(cv2.dilate(ink, np.ones((2, 2), np.uint8)), np.uint8)
    if rng.random() < 0.25:
        grain = rng.normal(0, rng.uniform(5, 30), ink.shape)
        faint = ink * rng.uniform(0.6, 1.0) + grain * (ink > 20)
        ink = np.clip(faint, 0, 255).astype(np.uint8)
    return ink
