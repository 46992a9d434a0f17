"""Draws docs/pictures/scripts.png: drawn digits of every script, beside real ones if there are any.

    python tools/scripts_picture.py

Real ones come from training parts, so that no test picture is looked at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from indicdigits import recipe as recipes
from indicdigits.data.fonts import font_for
from indicdigits.data.source import load_split
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import parse
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe, Source

REAL = {
    "arabic-indic": "arabic_indic",
    "bengali": "cmaterdb/bengali",
    "devanagari": "cmaterdb/devanagari",
    "gujarati": "gujarati",
    "kannada": "kannada",
    "latin": "mnist",
    "telugu": "cmaterdb/telugu",
}
OUT = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "scripts.png"
SIDE, ROW, LEFT, GAP = 40, 46, 190, 24
WRITERS = 40  # the first that is taken; nobody who is trained on or tested on


def drawn(recipe: Recipe) -> list[npt.NDArray[np.uint8]]:
    """A digit of every class, each by another writer, as the network sees it."""
    drawer = Drawer(parse(recipe.strokes, recipe.written))
    pictures = []
    for number, text in enumerate(drawer.classes[:10]):
        rng = np.random.default_rng([WRITERS, number])
        pictures.append(normalise(drawer.draw(text, drawer.writer(rng), rng), 28))
    return pictures


def real(recipe: Recipe, dataset: str) -> list[npt.NDArray[np.uint8]]:
    """The first training picture of every class."""
    split = load_split(
        Source(dataset=dataset), "train", size=28, classes=recipe.labels, root=Path(),
        reporter=Reporter(quiet=True),
    )  # fmt: skip
    return [split.images[np.flatnonzero(split.labels == label)[3]] for label in range(10)]


def main() -> None:
    """Draws the picture."""
    shipped = {name: recipes.load(path) for name, path in recipes.shipped().items()}
    rows = [
        recipe
        for name, recipe in shipped.items()
        if name == f"scripts/{recipe.script}" and recipe.strokes
    ]
    page = Image.new("L", (LEFT + 20 * SIDE + GAP + 8, ROW * len(rows) + 30), 255)
    pen, font = ImageDraw.Draw(page), font_for("A", 15)
    pen.text((LEFT, 6), "drawn by the project", font=font, fill=0)
    pen.text((LEFT + 10 * SIDE + GAP, 6), "written by people", font=font, fill=0)
    for index, recipe in enumerate(rows):
        top = 30 + index * ROW
        pen.text((8, top + 10), recipe.script.replace("-", " ").title(), font=font, fill=0)
        sides = [drawn(recipe)]
        if recipe.script in REAL:
            sides.append(real(recipe, REAL[recipe.script]))
        else:
            pen.text((LEFT + 10 * SIDE + GAP, top + 10), "none at hand", font=font, fill=130)
        for side, pictures in enumerate(sides):
            for place, picture in enumerate(pictures):
                tile = Image.fromarray(255 - picture).resize((SIDE - 4, SIDE - 4), Image.LANCZOS)
                page.paste(tile, (LEFT + side * (10 * SIDE + GAP) + place * SIDE, top))
    page.save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
