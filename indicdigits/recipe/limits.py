"""Checks of single values: names and ranges."""

from __future__ import annotations

import re

from indicdigits.errors import RecipeError
from indicdigits.recipe.strict import shown

NAME = re.compile(r"\w[\w .+-]{0,79}")  # of recipes and phases: they name folders and files


def check_name(name: str, where: str) -> None:
    """Raises a RecipeError where a text cannot name a recipe or a phase."""
    if not NAME.fullmatch(name):
        raise RecipeError(
            f"{shown(name)} is no name",
            where=where,
            allowed="letters, digits, space, _ . + -, beginning with a letter or digit",
        )


def check_range(value: float, low: float, high: float, where: str) -> None:
    """Raises a RecipeError where a number lies outside a closed range."""
    if not low <= value <= high:  # NaN fails here too
        raise RecipeError(f"{value} is out of range", where=where, allowed=f"{low} to {high}")
