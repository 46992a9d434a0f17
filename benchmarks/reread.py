"""Numbers on pages as Tesseract reads them, and after `indicdigits reread`.

    python benchmarks/reread.py [--pages 10]

Pages of 24 Devanagari numbers of two to six digits: printed in the fonts that are installed, and
handwritten, put together of CMATERdb's test crops. Nothing is tuned here. Needs the program
tesseract with `hin`. Writes benchmarks/results/reread.json and prints the table of
docs/use-elsewhere.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import common
import numpy as np
import ocr
from PIL import Image, ImageDraw, ImageFont

from indicdigits import load
from indicdigits.reading.answer import Box
from indicdigits.reading.reread import reread
from indicdigits.reading.strings import LineReader
from indicdigits.reading.words import find_words
from indicdigits.scripts import SCRIPTS

SCRIPT, LANGUAGE = "devanagari", "hin"
ROWS, COLUMNS, CELL, HEIGHT = 8, 3, (420, 110), 48  # of a page; pixels
COLUMNS_OF_TABLE = (
    "of them", "found by Tesseract", "right before", "right after", "with --every-word", "spoilt",
)  # fmt: skip
PATH = common.RESULTS / "reread.json"

Digits = list[int]
Draw = Callable[[Digits, np.random.Generator], Image.Image]


class Page(NamedTuple):
    """A page, and what number stands in which cell."""

    picture: Image.Image
    numbers: list[tuple[Box, str]]


def page(draw: Draw, rng: np.random.Generator) -> Page:
    """A page of numbers, each somewhere in its cell."""
    width, height = CELL
    sheet = Image.new("L", (COLUMNS * width + 80, ROWS * height + 80), 245)
    numbers = []
    for cell in range(ROWS * COLUMNS):
        left, top = 40 + cell % COLUMNS * width, 40 + cell // COLUMNS * height
        digits = rng.integers(0, 10, int(rng.integers(2, 7))).tolist()
        drawn = draw(digits, rng)
        sheet.paste(drawn, (left + int(rng.integers(0, width - drawn.width)), top + 20))
        text = "".join(SCRIPTS[SCRIPT].digits[digit] for digit in digits)
        numbers.append((Box(left, top, width, height), text))
    return Page(sheet, numbers)


def printed(font: Path) -> Draw:
    """Draws numbers in a font."""
    face = ImageFont.truetype(str(font), HEIGHT)

    def draw(digits: Digits, _: np.random.Generator) -> Image.Image:
        text = "".join(SCRIPTS[SCRIPT].digits[digit] for digit in digits)
        left, top, right, bottom = map(int, face.getbbox(text))
        picture = Image.new("L", (right - left + 4, bottom - top + 4), 245)
        ImageDraw.Draw(picture).text((2 - left, 2 - top), text, font=face, fill=25)
        return picture

    return draw


def handwritten() -> Draw:
    """Draws numbers of test crops, dark on light, a pixel or two of paper between them."""
    crops, values = ocr.crops(SCRIPT, "test")
    of = {
        value: [c for c, v in zip(crops, values, strict=True) if v == value] for value in range(10)
    }

    def draw(digits: Digits, rng: np.random.Generator) -> Image.Image:
        chosen = [of[digit][int(rng.integers(len(of[digit])))] for digit in digits]
        scaled = [Image.fromarray(crop).resize((HEIGHT, HEIGHT)) for crop in chosen]
        joined = np.minimum(np.hstack([np.asarray(one) for one in scaled]), 245)
        return Image.fromarray(joined.astype(np.uint8))

    return draw


def texts(content: bytes, numbers: list[tuple[Box, str]]) -> Iterator[str]:
    """What a file says in each cell, from left to right."""
    words = find_words(content, where="page").words
    for cell, _ in numbers:
        inside = [word for word in words if _within(word.box, cell)]
        yield "".join(word.text for word in sorted(inside, key=lambda word: word.box.left))


def _within(box: Box, cell: Box) -> bool:
    x, y = box.left + box.width / 2, box.top + box.height / 2
    across = cell.left <= x < cell.left + cell.width
    return across and cell.top <= y < cell.top + cell.height


def measured(draw: Draw, pages: int) -> dict[str, int]:
    """Reads pages: how many numbers, and how many of them are right before and after."""
    rng, reader = np.random.default_rng(0), LineReader(load(SCRIPT))
    counts = dict.fromkeys(COLUMNS_OF_TABLE, 0)
    for _ in range(pages):
        sheet = page(draw, rng)
        before = tesseract(sheet.picture)
        picture = np.asarray(sheet.picture)
        after, words = reread(before, picture, reader)
        every, _ = reread(before, picture, reader, every=True)
        counts["found by Tesseract"] += len(words)
        cells = [texts(content, sheet.numbers) for content in (before, after, every)]
        for (_, truth), old, new, newest in zip(sheet.numbers, *cells, strict=True):
            counts["of them"] += 1
            counts["right before"] += old == truth
            counts["right after"] += new == truth
            counts["with --every-word"] += newest == truth
            counts["spoilt"] += old == truth and not new == newest == truth
    return counts


def tesseract(picture: Image.Image) -> bytes:
    """The hOCR file that Tesseract makes of a page."""
    with tempfile.TemporaryDirectory() as folder:
        picture.save(f"{folder}/page.png", dpi=(300, 300))
        words = ["tesseract", "page.png", "page", "-l", LANGUAGE, "--psm", "6", "hocr"]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        return Path(folder, "page.hocr").read_bytes()


def fonts() -> dict[str, Path]:
    """Installed fonts that have the digits, one face a family."""
    zero = f":charset={SCRIPTS[SCRIPT].zero:x}:style=Regular"
    lines = subprocess.run(
        ["fc-list", zero, "family", "file"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found: dict[str, Path] = {}
    for line in sorted(lines):
        file, _, family = line.partition(": ")
        found.setdefault(family.split(",")[0], Path(file))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10)
    pages = parser.parse_args().pages
    draws = {family: printed(path) for family, path in fonts().items()}
    draws["handwritten (CMATERdb, test)"] = handwritten()
    records: dict[str, Any] = {}
    print(f"| numbers | {' | '.join(COLUMNS_OF_TABLE)} |\n|{'---|' * (1 + len(COLUMNS_OF_TABLE))}")
    for name, draw in draws.items():
        records[name] = measured(draw, pages)
        print(f"| {name} | {' | '.join(map(str, records[name].values()))} |", flush=True)
    content = {"command": "python benchmarks/reread.py", "machine": common.machine()}
    content |= {"script": SCRIPT, "records": records}
    PATH.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
