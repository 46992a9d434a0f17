"""A picture with its readings drawn in: what was read where, at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from indicdigits.imaging.lettering import lettered

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

ACCEPTED: Colour = (0, 116, 56)
REFUSED: Colour = (200, 40, 20)
_MOST = 2400  # pixels of the longer side; larger pictures are drawn on smaller
_HEIGHT = 0.6  # of a label's digits, in heights of the line
_LEAST, _LARGEST = 11, 44  # of the same, in pixels
_FRAME = 4  # pixels between ink and frame


def annotate(picture: Picture, lines: Sequence[Mapping[str, Any]], *, native: bool) -> Image.Image:
    """Draws a frame around each line and its reading beside it: green accepted, red refused.

    Args:
        picture: uint8 (H,W) or (H,W,3).
        lines: Readings as plain data, boxes in pixels of the picture.
        native: Whether the digits are the script's or those of ASCII.

    Returns:
        RGB, its longer side at most 2400 pixels.
    """
    sheet = Image.fromarray(picture).convert("RGB")
    factor = min(1.0, _MOST / max(sheet.size))
    if factor < 1:
        sheet = sheet.resize((round(sheet.width * factor), round(sheet.height * factor)))
    draw = ImageDraw.Draw(sheet)
    heights = [line["box"][3] * factor for line in lines] or [0]
    size = round(min(max(_HEIGHT * float(np.median(heights)), _LEAST), _LARGEST))
    for line in lines:
        _draw_line(sheet, draw, line, factor, size, native)
    return sheet


def _draw_line(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    line: Mapping[str, Any],
    factor: float,
    size: int,
    native: bool,
) -> None:
    colour = ACCEPTED if line["accepted"] else REFUSED
    left, top, width, height = (round(value * factor) for value in line["box"])
    frame = (left - _FRAME, top - _FRAME, left + width + _FRAME, top + height + _FRAME)
    draw.rectangle(frame, outline=colour, width=max(1, size // 10))
    text = line["text"] if native else line["ascii"]
    label = lettered(
        (text or "-") if line["accepted"] else f"{text}?", size, ink=(255, 255, 255), paper=colour
    )
    if label.width > sheet.width:
        label = label.resize((sheet.width, max(1, label.height * sheet.width // label.width)))
    x = min(max(frame[0], 0), sheet.width - label.width)
    above = frame[1] - label.height
    sheet.paste(label, (x, above if above >= 0 else min(frame[3], sheet.height - label.height)))
