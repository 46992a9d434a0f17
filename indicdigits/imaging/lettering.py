"""Draws digits of every script on pictures, on machines without any of their fonts.

The shapes are the project's own, from `recipes/scripts`; `tools/lettering.py` writes them down.
Whatever else a text holds is drawn with the font that comes with Pillow, which has ASCII.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_UNITS = 100  # of the shapes' square
_PEN = 0.09  # width of the pen, in heights of a digit
_GAP = 0.22  # between characters, in heights of a digit
_FRAME = 0.12  # free room above and below, in heights of a digit

Line = list[tuple[float, float]]


def lettered(
    text: str,
    height: int,
    *,
    ink: tuple[int, int, int] = (0, 0, 0),
    paper: tuple[int, int, int] = (255, 255, 255),
) -> Image.Image:
    """A label with a text.

    Args:
        text: Digits of any script of `SCRIPTS`, and ASCII.
        height: Of a digit in pixels.
        ink: RGB.
        paper: RGB.

    Returns:
        RGB, a little higher than its digits.
    """
    scale = 4  # drawn that much larger, then averaged
    size = max(height, 4) * scale
    parts = [_part(char, size) for char in text] or [Image.new("L", (1, size))]
    gap, frame = round(_GAP * size), round(_FRAME * size)
    width = sum(part.width for part in parts) + gap * (len(parts) + 1)
    mask = Image.new("L", (width, size + 2 * frame))
    left = gap
    for part in parts:
        mask.paste(part, (left, frame))
        left += part.width + gap
    small = mask.resize((max(1, mask.width // scale), max(1, mask.height // scale)))
    label = Image.new("RGB", small.size, paper)
    label.paste(ink, mask=small)
    return label


def _part(char: str, size: int) -> Image.Image:
    """One character as light ink on black, cut to its width."""
    lines = _shapes().get(char)
    if lines is None or char.isascii():
        return _typed(char, size)
    points = np.array([point for line in lines for point in line], np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    pen = round(_PEN * size)
    # digits differ in height little; each one fills it, but a ring stays as small as it is
    factor = (size - pen) / max(float((high - low).max()), 0.6 * _UNITS)
    part = Image.new("L", (round((high[0] - low[0]) * factor) + pen, size))
    draw = ImageDraw.Draw(part)
    down = (size - (high[1] - low[1]) * factor) / 2
    for line in lines:
        places = [((x - low[0]) * factor + pen / 2, (y - low[1]) * factor + down) for x, y in line]
        draw.line(places, fill=255, width=pen, joint="curve")
        for x, y in (places[0], places[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return part


def _typed(char: str, size: int) -> Image.Image:
    font = ImageFont.load_default(round(size * 1.35))
    shown = char if char.isascii() else "?"
    left, _, right, _ = font.getbbox(shown)
    # tails of commas hang below the line that digits stand on
    part = Image.new("L", (max(1, round(right - left)), round((1 + _FRAME) * size)))
    ImageDraw.Draw(part).text((-left, size), shown, fill=255, font=font, anchor="ls")
    return part


@lru_cache(maxsize=1)
def _shapes() -> dict[str, list[Line]]:
    file = files("indicdigits.imaging").joinpath("lettering.json")
    shapes: dict[str, list[Line]] = json.loads(file.read_text(encoding="utf-8"))
    return shapes
