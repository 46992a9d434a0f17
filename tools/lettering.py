"""Writes indicdigits/imaging/lettering.json: the digits of every script as lines to be drawn.

    python tools/lettering.py

They are the first variant of each digit in recipes/scripts, which is as printed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.strokes.shapes import parse
from indicdigits.data.strokes.splines import lines_of
from indicdigits.scripts import SCRIPTS

TARGET = Path(__file__).parent.parent / "indicdigits" / "imaging" / "lettering.json"
UNITS = 100  # a square's side


def shapes() -> dict[str, list[list[list[int]]]]:
    """Digit -> lines -> points [x, y], in hundredths of its square."""
    found = {}
    for name, script in SCRIPTS.items():
        strokes = recipes.load(recipes.find(f"scripts/{name}")).strokes
        for digit in script.digits:
            variant = parse({digit: strokes[digit]}, [digit])[digit][0]
            found[digit] = [
                np.rint(UNITS * line).astype(int).tolist() for line in lines_of(variant)
            ]
    return found


def text() -> str:
    """The content of the file: a digit a row."""
    rows = [
        f"{json.dumps(digit, ensure_ascii=False)}: {json.dumps(lines, separators=(',', ':'))}"
        for digit, lines in shapes().items()
    ]
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
