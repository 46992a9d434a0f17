"""The digits that string benchmarks compose lines of."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from indicdigits import recipe as recipes
from indicdigits.data.lines import Hand, Part, hand_of
from indicdigits.data.strings import Pool
from indicdigits.progress import Reporter
from indicdigits.recipe import Source

# data set -> the script whose shipped reader reads it
SETS = {
    "dhcd": "devanagari",
    "cmaterdb/devanagari": "devanagari",
    "cmaterdb/bengali": "bengali",
    "cmaterdb/telugu": "telugu",
    "kannada": "kannada",
    "mnist": "latin",
}
# The same of what the project draws, for scripts of which it has no handwriting.
DRAWN = {
    f"strokes/{script}": script
    for script in ("gujarati", "gurmukhi", "odia", "tamil", "malayalam", "arabic-indic")
}
QUIET = Reporter(quiet=True)


@cache
def hand(dataset: str, part: Part) -> Hand:
    """The digits of a data set, as the shipped reader of its script labels them.

    Args:
        dataset: One of `SETS` or `DRAWN`.
        part: "fit" is the validation part of the training split, which shipped weights have not
            seen and everything is tuned on; "learn" the rest of it; "test" the test split.
    """
    script = (SETS | DRAWN)[dataset]
    recipe = recipes.load(recipes.find(f"scripts/{script}{'-all' if dataset in SETS else ''}"))
    found = hand_of(recipe, Source(dataset=dataset), Path(), part, QUIET)
    assert found is not None
    return found


def pool_of(dataset: str, part: Part) -> Pool:
    """The same without labels."""
    return hand(dataset, part).pool
