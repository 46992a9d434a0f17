"""Scribbles, two digits in one place, and digits struck out: drawn without any font."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.corpus import Sample
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import Shapes, Variant
from indicdigits.data.strokes.skeleton import in_square
from indicdigits.data.strokes.splines import FloatArray, lines_of
from indicdigits.datasets.fonts.request import Part
from indicdigits.datasets.not_digits.likeness import (
    PLAIN,
    Likeness,
    Lines,
    length,
    shipped_digits,
    variants_of,
)

PER_WRITER = {"scribble": 6, "two digits": 5, "struck out": 5}  # 3,200 to train on, 800 to test on
SEED = 10
# The digit that turns most in the shipped recipes, Sinhala Lith's nine, makes 4.4 whole turns.
LEAST_TURNS = 5.0
MOST_LENGTH = 9.0  # over the longer side: a denser scribble is a blot, and a blot is a zero
LEAST_BREADTH = 0.4  # spread across a scribble over that along it: a narrower one inks to a bar
# Two digits or a spoilt one must be further from every digit than a letter: it costs nothing, and
# contact sheets showed crosses like a hasty ४ below. No digit's line is longer than 5.4 sides.
FAR = 0.06
STRUCK_LENGTH = 4.8  # of a digit with what strikes it out: less is a cross or a few bars
NARROW = 0.35  # of the longer side: a narrower digit is a bar, and beside another a smudge
TOUCH = 0.03  # of a digit's height, from line to line, at which two digits touch
OVERLAP = 0.2  # of the narrower digit's width, by which two overlap at most

Line = tuple[FloatArray, list[bool], bool]
Generator = np.random.Generator


def samples(
    part: Part, digits: Mapping[str, Shapes] | None = None, seed: int = SEED
) -> Iterator[Sample]:
    """Draws a part, writer by writer; every picture has a shape of its own.

    Args:
        part: Whose writers draw.
        digits: Recipe -> its digits' strokes; by default those of the shipped recipes.
        seed: Of the writers and their shapes.

    Yields:
        Pictures whose `hand` is their kind, a key of `PER_WRITER`.
    """
    digits = shipped_digits() if digits is None else digits
    likeness = Likeness(variants_of(digits.values()))
    digits = substantial(digits)
    for number in corpus.WRITERS[part]:
        rng = np.random.default_rng([seed, number])
        drawer = Drawer(shapes(digits, likeness, rng), corpus.SIZE)
        writer = drawer.writer(rng)
        for text in drawer.classes:
            kind = text.rpartition(" ")[0]
            picture = drawer.draw(text, writer, rng)
            yield Sample(picture, 0, f"writer-{number:03d}", kind)


def substantial(digits: Mapping[str, Shapes]) -> dict[str, Shapes]:
    """The digits without ways of writing that are bars, dots or other plain lines.

    A bar or a dot beside a digit is what a smudge is, and a bar struck out is a few bars.
    """
    found = {}
    for name, of_script in digits.items():
        kept = {text: tuple(filter(_is_broad, ways)) for text, ways in of_script.items()}
        found[name] = {text: ways for text, ways in kept.items() if ways}
    return {name: of_script for name, of_script in found.items() if len(of_script) > 1}


def shapes(digits: Mapping[str, Shapes], likeness: Likeness, rng: Generator) -> Shapes:
    """What one writer draws: "scribble 0", "scribble 1" and so on, none of which is a digit."""
    makers: dict[str, Callable[[], Variant]] = {
        "scribble": lambda: scribble(rng),
        "two digits": lambda: _no_digit(lambda: two_digits(digits, rng), likeness, PLAIN),
        "struck out": lambda: _no_digit(lambda: struck_out(digits, rng), likeness, STRUCK_LENGTH),
    }
    return {
        f"{kind} {number}": (makers[kind](),)
        for kind, count in PER_WRITER.items()
        for number in range(count)
    }


def scribble(rng: Generator) -> Variant:
    """One to three strokes that turn more than any digit does."""
    ways = (_knot, _loops, _zigzag)
    while True:
        strokes = [ways[rng.integers(3)](rng) for _ in range(rng.integers(1, 4))]
        lines = [points for points, _, _ in strokes]  # their curves turn as much, or more
        if turns(lines) < LEAST_TURNS or length(lines) > MOST_LENGTH:
            continue
        along, across = np.linalg.eigvalsh(np.cov(np.concatenate(lines).T))[::-1]
        if across >= LEAST_BREADTH**2 * along:
            return in_square(strokes)


def turns(lines: Lines) -> float:
    """How many whole turns the pen makes, to either side, in all strokes together."""
    total = 0.0
    for line in lines:
        step = np.diff(line, axis=0)
        turn = np.diff(np.arctan2(step[:, 1], step[:, 0]))
        total += float(np.abs((turn + np.pi) % (2 * np.pi) - np.pi).sum())
    return total / (2 * np.pi)


def two_digits(digits: Mapping[str, Shapes], rng: Generator) -> Variant:
    """Two different digits of a script side by side, so close that their lines meet."""
    names = sorted(digits)
    of_script = digits[names[rng.integers(len(names))]]
    texts = sorted(of_script)
    first, second = rng.choice(len(texts), 2, replace=False)
    left = _digit(of_script, texts[first], rng)
    right = _resized(_digit(of_script, texts[second], rng), rng.uniform(0.85, 1.15))
    right = _moved(right, (0.0, rng.uniform(-0.12, 0.12)))
    one, other = _points(left), _points(right)
    apart = one[:, 0].max() - other[:, 0].min()
    while _gap(one, other + np.array([apart, 0.0])) > TOUCH:
        apart -= TOUCH / 2
        if apart < one[:, 0].min() - other[:, 0].min():  # the one passes beside the other
            break
    narrower = min(np.ptp(one[:, 0]), np.ptp(other[:, 0]))
    apart -= rng.uniform(0.0, OVERLAP) * narrower
    return in_square([*left, *_moved(right, (apart, 0.0))])


def struck_out(digits: Mapping[str, Shapes], rng: Generator) -> Variant:
    """A digit under a zigzag, a cross or two to four lines; one line could be a smudge."""
    names = sorted(digits)
    of_script = digits[names[rng.integers(len(names))]]
    texts = sorted(of_script)
    digit = _digit(of_script, texts[rng.integers(len(texts))], rng)
    points = _points(digit)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 0.3)
    way = rng.integers(3)
    if way == 0:
        zigzag = _resized([_zigzag(rng, legs=(4, 8))], 2.2)
        return in_square([*digit, *_moved(zigzag, middle, half)])
    if way == 1:
        ends = [((-1, -1), (1, 1)), ((1, -1), (-1, 1))]
    else:
        tilt = rng.uniform(-0.9, 0.9)
        places = np.linspace(-0.5, 0.5, rng.integers(2, 5)) * rng.uniform(0.6, 1.3)
        ends = [((-1, at + tilt), (1, at - tilt)) for at in places.tolist()]
    bars = [_bar(np.array(pair) * rng.uniform(1.0, 1.3), rng) for pair in ends]
    return in_square([*digit, *_moved(bars, middle, half)])


def _no_digit(make: Callable[[], Variant], likeness: Likeness, least: float) -> Variant:
    """The first drawing that is at least so long and looks like no digit."""
    while True:
        drawing = make()
        lines = lines_of(drawing)
        if length(lines) >= least and not likeness.is_digit(lines, FAR):
            return drawing


def _is_broad(way: Variant) -> bool:
    lines = lines_of(way)
    short, long = sorted(np.ptp(np.concatenate(lines), axis=0).tolist())
    return length(lines) >= PLAIN and short >= NARROW * long


def _digit(of_script: Shapes, text: str, rng: Generator) -> list[Line]:
    """A way of writing a digit, its longer side 1 and its middle at 0, 0."""
    variant = of_script[text][rng.integers(len(of_script[text]))]
    lines = [(np.array(s.points), list(s.corners), s.closed) for s in variant]
    return _resized(lines, 1.0 / float(np.ptp(_points(lines), axis=0).max()))


def _resized(lines: list[Line], factor: float) -> list[Line]:
    """About the middle of their box, which comes to 0, 0."""
    points = _points(lines)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return _moved(lines, -middle * factor, factor)


def _moved(lines: list[Line], by: npt.ArrayLike, factor: npt.ArrayLike = 1.0) -> list[Line]:
    """Scaled about 0, 0 by one factor or one for each axis, then moved."""
    return [
        (line * np.asarray(factor) + np.asarray(by), corners, closed)
        for line, corners, closed in lines
    ]


def _points(lines: list[Line]) -> FloatArray:
    """(N, 2) of the curves through the lines, near enough: each leg cut into eight."""
    at = np.linspace(0.0, 1.0, 8)[:, None, None]
    legs = []
    for line, _, closed in lines:
        path = np.concatenate([line, line[:1]]) if closed else line
        legs.append((path[:-1] * (1 - at) + path[1:] * at).reshape(-1, 2))
    return np.concatenate(legs)


def _gap(one: FloatArray, other: FloatArray) -> float:
    """The least distance between two sets of points."""
    return float(np.hypot(*(one[:, None] - other[None]).T).min())


def _knot(rng: Generator) -> Line:
    """A line to and fro between far points of the square: it crosses itself again and again."""
    points = [rng.random(2)]
    for _ in range(int(rng.integers(6, 12))):
        while np.hypot(*((point := rng.random(2)) - points[-1])) < 0.4:
            pass
        points.append(point)
    return np.array(points), [False] * len(points), False


def _loops(rng: Generator) -> Line:
    """A row of loops, as of someone who tries a pen."""
    count = int(rng.integers(4, 9))
    at = np.linspace(0.0, 2 * np.pi * count, 6 * count)
    radius = rng.uniform(0.1, 0.25) * (1 + 0.3 * rng.standard_normal(len(at)).clip(-2, 2))
    x = np.linspace(-0.5, 0.5, len(at)) + radius * np.cos(at)
    y = rng.uniform(1.0, 2.0) * radius * np.sin(at)
    return _turned(np.stack([x, y], axis=1), rng), [False] * len(at), False


def _zigzag(rng: Generator, legs: tuple[int, int] = (6, 14)) -> Line:
    """To and fro across the square, sharply or roundly."""
    count = int(rng.integers(*legs)) + 1
    x = np.linspace(-0.5, 0.5, count) + rng.normal(0.0, 0.04, count)
    y = np.where(np.arange(count) % 2, 0.4, -0.4) * rng.uniform(0.6, 1.2, count)
    return _turned(np.stack([x, y], axis=1), rng), [bool(rng.random() < 0.5)] * count, False


def _bar(ends: FloatArray, rng: Generator) -> Line:
    """A nearly straight line between two ends."""
    middle = ends.mean(axis=0) + rng.normal(0.0, 0.05, 2)
    line = np.stack([ends[0], middle, ends[1]])
    return line + rng.normal(0.0, 0.06, (3, 2)), [False] * 3, False


def _turned(points: FloatArray, rng: Generator) -> FloatArray:
    """Points about 0, 0 turned by any angle, about the middle of the unit square."""
    angle = rng.uniform(0.0, 2 * np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cosine, -sine], [sine, cosine]]) + 0.5)
