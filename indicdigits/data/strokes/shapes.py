"""Centre lines of digits as a recipe gives them, parsed and checked.

A class has one or more variants (ways of writing it), a variant one or more strokes, and a stroke
is a text of points through which a smooth curve goes:

    [strokes]
    "१" = [["0.5,0.4 0.3,0.2 0.7,0.2 0.4,0.6! 0.6,0.9"], ["0.5,0.1 0.5,0.9"]]

Points are "x,y" in the unit square, x to the right and y down. "x,y!" is a corner: the curve is
not smoothed there. A stroke that ends at the point where it began is closed. Every variant is
drawn equally often; one that stands twice is drawn twice as often.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from indicdigits.errors import RecipeError

FORMAT = 'points "x,y x,y! …" with x and y from 0 to 1, at least two of them; "!" marks a corner'


@dataclass(frozen=True)
class Stroke:
    """One movement of the pen.

    Attributes:
        points: (x, y) in the unit square, y down; a closed stroke's last point is left out, as
            it is the first.
        corners: For each point, whether the curve turns sharply there.
        closed: Whether the stroke returns to its first point.
    """

    points: tuple[tuple[float, float], ...]
    corners: tuple[bool, ...]
    closed: bool


Variant = tuple[Stroke, ...]
Shapes = dict[str, tuple[Variant, ...]]


def parse(
    strokes: Mapping[str, Sequence[Sequence[str]]], classes: Iterable[str], *, where: object = None
) -> Shapes:
    """Parses and checks a `[strokes]` table.

    Args:
        strokes: Class text -> variants -> strokes, each a text of points.
        classes: The texts of the recipe's classes; each must have strokes.
        where: The recipe's file, named in errors.

    Returns:
        The parsed strokes of every class, in the order of `classes`.

    Raises:
        RecipeError: A class without strokes, a stroke with too few points, or a point that is
            none or lies outside the square. Class, variant and stroke are named, from 1.
    """
    shapes: Shapes = {}
    for text in classes:
        key = f"{where}, key strokes.{text}" if where is not None else f"strokes.{text}"
        variants = strokes.get(text, ())
        if not variants:
            raise RecipeError(
                f"class {text!r} has no strokes",
                where=key,
                allowed="at least one variant for every class",
                hint=f'add "{text}" = [["0.2,0.2 0.8,0.8"]] under [strokes]',
            )
        shapes[text] = tuple(
            _variant(strokes_of_variant, f"{key}, variant {index}")
            for index, strokes_of_variant in enumerate(variants, start=1)
        )
    unknown = [text for text in strokes if text not in shapes]
    if unknown:
        raise RecipeError(
            f"strokes for {unknown[0]!r}, which is no class",
            where=f"{where}, key strokes" if where is not None else "strokes",
            allowed=", ".join(shapes),
        )
    return shapes


def _variant(strokes: Sequence[str], where: str) -> Variant:
    if not strokes:
        raise RecipeError("the variant has no strokes", where=where, allowed=FORMAT)
    return tuple(
        _stroke(text, f"{where}, stroke {index}") for index, text in enumerate(strokes, start=1)
    )


def _stroke(text: str, where: str) -> Stroke:
    points = [_point(part, where) for part in text.split()]
    if len(points) < 2:
        raise RecipeError(
            f"too few points: {len(points)}",
            where=where,
            allowed=FORMAT,
            hint="draw a dot as a short stroke or a small closed one",
        )
    for (here, _), (following, _) in pairwise(points):
        if here == following:
            raise RecipeError(
                f"point {here[0]:g},{here[1]:g} stands twice in a row",
                where=where,
                hint='leave one out; "x,y!" marks a corner',
            )
    closed = points[0][0] == points[-1][0]
    if closed:
        if len(points) < 4:
            raise RecipeError(
                f"too few points for a closed stroke: {len(points) - 1}",
                where=where,
                allowed="three or more points before the return to the first",
            )
        last = points.pop()
        points[0] = (points[0][0], points[0][1] or last[1])  # "!" at either end counts
    places, corners = zip(*points, strict=True)
    return Stroke(points=places, corners=corners, closed=closed)


def _point(text: str, where: str) -> tuple[tuple[float, float], bool]:
    corner = text.endswith("!")
    try:
        x, y = (float(number) for number in text.removesuffix("!").split(","))
    except ValueError as error:
        raise RecipeError(f"{text!r} is no point", where=where, allowed=FORMAT) from error
    for value in (x, y):
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            raise RecipeError(
                f"point {text!r} lies outside the unit square", where=where, allowed=FORMAT
            )
    return (x, y), corner
