"""Whose strokes a recipe asks for: its own, or those of a shipped recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from indicdigits import recipe
from indicdigits.data.request import Request
from indicdigits.data.strokes.shapes import Shapes, parse

Strokes = Mapping[str, tuple[tuple[str, ...], ...]]


def resolve(request: Request) -> Shapes:
    """The shapes to draw.

    "strokes" draws the classes of the recipe from the recipe's own strokes. "strokes/tamil" draws
    the Tamil digits: from the recipe's own strokes where it has them (a copy of the shipped recipe
    that someone improved), otherwise from those of the shipped recipe.

    Raises:
        RecipeError: The strokes are missing or not as they must be.
    """
    texts, strokes, where = _chosen(request)
    return parse({text: strokes[text] for text in texts if text in strokes}, texts, where=where)


def fingerprint(request: Request) -> str:
    """Changes whenever the drawn digits would: a digest of the classes and their strokes.

    Raises:
        RecipeError: The strokes are missing or not as they must be.
    """
    return hashlib.sha256(repr(resolve(request)).encode()).hexdigest()[:20]


def _chosen(request: Request) -> tuple[tuple[str, ...], Strokes, str | None]:
    """Texts of the classes, their strokes, and the file these come from if it is known."""
    if not request.config:
        return request.written, request.strokes, None
    path = recipe.find(f"scripts/{request.config}")
    shipped = recipe.load(path)
    texts = shipped.written
    if all(text in request.strokes for text in texts):
        return texts, request.strokes, None
    return texts, shipped.strokes, str(path)
