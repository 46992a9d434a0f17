"""The digits that string benchmarks compose lines of, and the lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.source import load_split, raw_pictures
from indicdigits.data.split import chosen_of_each
from indicdigits.data.strings import Pool
from indicdigits.progress import Reporter
from indicdigits.reading.numbers import grouped
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
Part = Literal["learn", "fit", "test"]
MOST = 3000  # digits of a pool
QUIET = Reporter(quiet=True)


def text_of(rng: np.random.Generator, *, longest: int, kinds: int) -> str:
    """A number to compose a line of: digits, or an amount, a decimal, a date.

    Args:
        rng: Draws it.
        longest: Most digits, before the marks.
        kinds: Six of so many numbers have marks.
    """
    digits = "".join(map(str, rng.integers(0, 10, rng.integers(2, longest + 1))))
    marked = {
        0: lambda: grouped(int(digits)),
        1: lambda: f"{digits}.{rng.integers(0, 100):02d}",
        2: lambda: f"{digits[:2]}/{rng.integers(1, 13):02d}/{rng.integers(1950, 2030)}",
        3: lambda: f"₹{digits}",
        4: lambda: f"{digits}/-",
        5: lambda: f"-{digits}",
    }
    return marked.get(int(rng.integers(kinds)), lambda: digits)()


@cache
def pool_of(dataset: str, part: Part) -> Pool:
    """The digits of a data set.

    Args:
        dataset: One of `SETS` or `DRAWN`.
        part: "fit" is the validation part of the training split, which shipped weights have not
            seen and everything is tuned on; "learn" the rest of it; "test" the test split.
    """
    script = (SETS | DRAWN)[dataset]
    recipe = recipes.load(recipes.find(f"scripts/{script}{'-all' if dataset in SETS else ''}"))
    of: Literal["train", "test"] = "test" if part == "test" else "train"
    kwargs = {
        "classes": recipe.labels,
        "root": Path(),
        "reporter": QUIET,
        "strokes": recipe.strokes,
    }
    source = Source(dataset=dataset)
    split = load_split(source, of, size=recipe.data.input_size, **kwargs)
    rows = np.arange(len(split))
    if part != "test":
        held_out = chosen_of_each(
            split.labels, split.keys, recipe.data.validation_fraction, seed=recipe.data.seed
        )
        rows = np.flatnonzero(held_out == (part == "fit"))
    rows = rows[split.labels[rows] < 10]
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST])
    pictures = raw_pictures(source, of, rows, **kwargs)
    values = [recipe.labels[int(label)].value for label in split.labels[rows]]
    writers = split.groups["writer"][rows] if "writer" in split.groups else None
    return Pool.of(pictures, values, writers)
