"""Contact sheets: a picture of the data that a person can check at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from indicdigits.data.audit import leaked
from indicdigits.data.fonts import font_for, shown
from indicdigits.data.source import Part, Split, Strokes, load_split, raw_pictures
from indicdigits.data.split import first_of_each
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source

View = Literal["both", "raw", "network"]
Pictures = Sequence[npt.NDArray[np.uint8]]

CELL, GAP, BLOCK_GAP, MARGIN = 56, 4, 28, 24  # pixels
LABEL_WIDTH, TITLE_HEIGHT, HEADING_HEIGHT, LINE_HEIGHT = 132, 36, 30, 20
PAPER, INK, FAINT, FRAME = (246, 246, 244), (24, 24, 24), (110, 110, 110), (190, 190, 188)
LONG_TEXT = 3  # characters; a longer class text stands among the small lines
HEADINGS = {"raw": "as they come", "network": "as the network sees them"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One class on a sheet.

    Attributes:
        entry: The class.
        count: How many pictures it has in all.
        raw: Some of them as they come, uint8 (H,W) or (H,W,3).
        network: The same after normalisation, uint8 (S,S).
    """

    entry: ClassEntry
    count: int
    raw: Pictures
    network: Pictures


def contact_sheet(
    source: Source,
    part: Part,
    *,
    classes: tuple[ClassEntry, ...],
    root: Path,
    reporter: Reporter,
    samples: int = 12,
    size: int = 28,
    view: View = "both",
    strokes: Strokes | None = None,
) -> Image.Image:
    """Draws a sheet of one source: a row a class, some pictures each, always the same ones.

    Args:
        source: The recipe's entry.
        part: "train" or "test".
        classes: The recipe's classes.
        root: The folder that relative paths start from.
        reporter: Where progress is shown.
        samples: Pictures a class.
        size: Side of the network's input in pixels.
        view: Pictures as they come, as the network sees them, or both side by side.
        strokes: The recipe's strokes.

    Raises:
        DataError: The data cannot be had.
    """

    def load(name: Part) -> Split:
        return load_split(
            source, name, size=size, classes=classes, root=root, reporter=reporter, strokes=strokes
        )

    split = load(part)
    chosen = np.flatnonzero(first_of_each(split.labels, split.keys, samples, seed=0))
    raw = raw_pictures(
        source, part, chosen, classes=classes, root=root, reporter=reporter, strokes=strokes
    )
    counts = np.bincount(split.labels, minlength=len(classes))
    rows = []
    for label, entry in enumerate(classes):
        mine = np.flatnonzero(split.labels[chosen] == label)
        rows.append(
            Row(
                entry=entry,
                count=int(counts[label]),
                raw=[raw[number] for number in mine],
                network=[split.images[chosen[number]] for number in mine],
            )
        )
    twice = int(leaked(load("train"), load("test")).sum())
    title = " ".join(filter(None, (source.dataset, source.train, part)))
    few, many = int(counts.min()), int(counts.max())
    lines = [f"{len(split):,} pictures, " + (f"{few:,} to " * (few < many)) + f"{many:,} a class"]
    if any(shown(entry.text) != entry.text for entry in classes):
        lines.append("no font here has these digits: their values stand in their place")
    if twice:
        lines.append(f"{twice} pictures of its test part stand in its training part too")
    return draw(rows, title=title, lines=lines, samples=samples, view=view)


def draw(
    rows: Sequence[Row], *, title: str, lines: Sequence[str], samples: int, view: View = "both"
) -> Image.Image:
    """Draws a sheet.

    Args:
        rows: The classes, top to bottom.
        title: Stands above them.
        lines: Stand below the title, in small letters.
        samples: Columns of each block; a class with fewer pictures leaves the rest empty.
        view: Which blocks are drawn.

    Returns:
        An RGB picture; `sheet_size` tells its width and height.
    """
    sheet = Image.new("RGB", sheet_size(len(rows), samples, len(lines), view), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 6), shown(title), INK, font_for(title, 26))
    for number, line in enumerate(lines):
        at = (MARGIN, MARGIN + TITLE_HEIGHT + number * LINE_HEIGHT)
        pen.text(at, line, FAINT, font_for(line, 15))
    top = MARGIN + TITLE_HEIGHT + len(lines) * LINE_HEIGHT + HEADING_HEIGHT
    blocks = [block for block in HEADINGS if view in ("both", block)]
    for number, block in enumerate(blocks):
        left = MARGIN + LABEL_WIDTH + number * (_block_width(samples) + BLOCK_GAP)
        pen.text((left, top - 24), HEADINGS[block], FAINT, font_for(HEADINGS[block], 15))
        for position, row in enumerate(rows):
            _draw_pictures(
                sheet,
                getattr(row, block),
                (left, top + position * (CELL + GAP)),
                smooth=block == "raw",
            )
    height = _text_height(pen, [shown(row.entry.text) for row in rows])
    for position, row in enumerate(rows):
        at = (MARGIN, top + position * (CELL + GAP))
        _draw_label(pen, row.entry, row.count, at, height)
    return sheet


def stacked(sheets: Sequence[Image.Image]) -> Image.Image:
    """Several sheets as one, from top to bottom."""
    width = max(sheet.width for sheet in sheets)
    whole = Image.new("RGB", (width, sum(sheet.height for sheet in sheets)), PAPER)
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole


def sheet_size(rows: int, samples: int, lines: int, view: View) -> tuple[int, int]:
    """Width and height in pixels of a sheet."""
    blocks = 2 if view == "both" else 1
    width = LABEL_WIDTH + blocks * _block_width(samples) + (blocks - 1) * BLOCK_GAP
    height = TITLE_HEIGHT + lines * LINE_HEIGHT + HEADING_HEIGHT + rows * (CELL + GAP) - GAP
    return 2 * MARGIN + width, 2 * MARGIN + height


def _block_width(samples: int) -> int:
    return samples * (CELL + GAP) - GAP


def _draw_label(
    pen: ImageDraw.ImageDraw, entry: ClassEntry, count: int, at: tuple[int, int], height: int
) -> None:
    """The class's text, and beside it its value and how many pictures it has."""
    text, middle = shown(entry.text), at[1] + CELL // 2
    small = [] if entry.value is None else [f"value {entry.value}"]
    small.append(f"{count:,}")
    if len(text) <= LONG_TEXT:
        left, top, right, bottom = pen.textbbox((0, 0), text, font_for(text, height))
        corner = (at[0] + 24 - (left + right) / 2, middle - (top + bottom) / 2)
        pen.text(corner, text, INK, font_for(text, height))
    else:
        small.insert(0, text)
    for number, line in enumerate(small):
        place = (
            at[0] + (56 if len(text) <= LONG_TEXT else 0),
            middle + round((number - (len(small) - 1) / 2) * 18),
        )
        pen.text(place, line, FAINT, font_for(line, 14), anchor="lm")


def _text_height(pen: ImageDraw.ImageDraw, texts: Sequence[str]) -> int:
    """The font height at which the largest of these texts just fits its place."""
    trial, largest = 100, 1.0
    for text in texts:
        if len(text) <= LONG_TEXT:
            left, top, right, bottom = pen.textbbox((0, 0), text, font_for(text, trial))
            largest = max(largest, bottom - top, right - left)
    return min(60, int(trial * (CELL - 14) / largest))


def _draw_pictures(
    sheet: Image.Image, pictures: Pictures, at: tuple[int, int], *, smooth: bool
) -> None:
    pen = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        left, top = at[0] + number * (CELL + GAP), at[1]
        image = _fitted(picture, smooth=smooth)
        offset = (left + (CELL - image.width) // 2, top + (CELL - image.height) // 2)
        sheet.paste(image, offset)
        pen.rectangle((left - 1, top - 1, left + CELL, top + CELL), outline=FRAME)


def _fitted(picture: npt.NDArray[np.uint8], *, smooth: bool) -> Image.Image:
    """The picture in a cell, aspect kept; the network's pixels stay visible as pixels."""
    image = Image.fromarray(picture).convert("RGB")
    factor = CELL / max(image.size)
    shape = tuple(max(1, round(side * factor)) for side in image.size)
    how = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return image.resize((shape[0], shape[1]), how)
