"""Native digits as outlines, so that a page shows them on machines without their fonts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

from indicdigits.data.fonts import font_path_for
from indicdigits.scripts import zero_of

_COMMANDS = {
    Outline.MOVETO: "M",
    Outline.LINETO: "L",
    Outline.CURVE3: "Q",
    Outline.CURVE4: "C",
    Outline.CLOSEPOLY: "Z",
}
_EM = 100  # units of the outlines an em
_BEARING = 6  # room left and right of the ink, in the same units


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One text as the path of an SVG: its `viewBox` and `d` attributes."""

    view_box: str
    path: str
    aspect: float


def font_for_matplotlib(text: str) -> FontProperties | None:
    """The font that draws a text that is not ASCII, or None when there is none (or no need)."""
    path = None if text.isascii() else font_path_for(text)
    return None if path is None else FontProperties(fname=str(path))


def outline_glyphs(texts: Iterable[str]) -> Mapping[str, Glyph]:
    """Outlines of the texts that are not ASCII and that an installed font covers.

    Those of a script share one baseline and height, so that they keep their sizes beside each
    other; tall digits of one script make those of another no smaller.
    """
    outlines = {}
    for text in texts:
        font = font_for_matplotlib(text)
        if font is not None:
            outlines[text] = TextPath((0, 0), text, size=_EM, prop=font)
    outlines = {text: path for text, path in outlines.items() if len(path.vertices)}
    boxes = {text: path.get_extents() for text, path in outlines.items()}
    spans: dict[str | None, tuple[float, float]] = {}
    for text, box in boxes.items():
        low, high = spans.get(zero_of(text), (box.y0, box.y1))
        spans[zero_of(text)] = min(low, box.y0), max(high, box.y1)
    glyphs = {}
    for text, path in outlines.items():
        left = boxes[text].x0 - _BEARING
        bottom, top = spans[zero_of(text)]
        width, height = boxes[text].width + 2 * _BEARING, top - bottom
        glyphs[text] = Glyph(
            # SVG counts y downwards, fonts upwards
            view_box=f"{left:.1f} {-top:.1f} {width:.1f} {height:.1f}",
            path=_svg_path(path),
            aspect=width / height,
        )
    return glyphs


def _svg_path(outline: Outline) -> str:
    parts = []
    for vertices, code in outline.iter_segments(curves=True, simplify=False):
        points = vertices.reshape(-1, 2) * (1, -1)
        numbers = "" if code == Outline.CLOSEPOLY else " ".join(f"{v:.1f}" for v in points.flat)
        parts.append(_COMMANDS[code] + numbers)
    return "".join(parts)
