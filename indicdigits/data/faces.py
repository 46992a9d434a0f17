"""The installed font families whose digits can be learnt from: found, and chosen by rule.

One face of each family is taken, upright and regular where there is one. A family is left out
when it cannot be what it claims: when it lacks most letters of the digits' script (Noto Kaithi,
Mahajani and others hold the digits of a neighbour for their own use), when two digits look the
same or nothing is drawn, or when its zero is no ring in a script whose zero is one (FreeSans has
an old fraction there in Malayalam). Families that copy each other's digits are one group.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.data.fonts import candidates, coverage
from indicdigits.errors import DataError, did_you_mean
from indicdigits.scripts import RING_ZERO, SCRIPTS

Bool = npt.NDArray[np.bool_]

SIDE = 160  # longer side of a rendered glyph's ink, pixels
LETTERS = 0.5  # of the script's letters, that a font of the script has
SAME = 0.9  # intersection over union, on the mean of the digits, of which two families are one
SOLID = 0.9  # of its convex hull, that a ring covers with its hole filled
MOST = 60  # families


@dataclass(frozen=True)
class Face:
    """A font file, one of its family.

    Attributes:
        family: Its name, such as "Noto Sans Tamil".
        path: The file.
    """

    family: str
    path: Path


def faces(texts: Sequence[str], families: Sequence[str] = ()) -> list[Face]:
    """One face of every family that has the texts, sorted by name; packaged before the system's.

    Args:
        texts: What must be there, a character each.
        families: Take these alone; without any every installed family.

    Raises:
        DataError: A family asked for is not installed, or lacks a character; or there is none.
    """
    wanted = {ord(char) for text in texts for char in text}
    best: dict[str, tuple[int, Path]] = {}
    lacking: dict[str, set[int]] = {}
    for family, rank, path in candidates(max(wanted), named=families):
        missing = wanted - coverage(path)
        if missing:
            lacking.setdefault(family, missing)
        elif family not in best or rank < best[family][0]:
            best[family] = (rank, path)  # of equals the first found, wherever either is installed
    for family in families:
        if family not in best:
            gaps = "".join(map(chr, sorted(lacking.get(family, ()))))
            raise DataError(
                f"font {family!r} has no glyph for {gaps}"
                if gaps
                else f"no font {family!r} with these glyphs",
                where="data.sources.families",
                allowed=", ".join(sorted({name for name, _, _ in candidates(max(wanted))}))
                or "a family with these glyphs; none is installed",
                hint=did_you_mean(family, best) or INSTALL,
            )
    found = [Face(family, path) for family, (_, path) in sorted(best.items())]
    if not families:
        found = [face for face in found if _is_of_script(face.path, texts)]
    if not found:
        nowhere = [text for text in texts if not _is_anywhere(text)] or texts
        what = "the digits " if len(nowhere) > 1 else ""
        raise DataError(
            f"no installed font has {what}{' '.join(nowhere)}",
            where="data set fonts",
            hint=INSTALL,
        )
    return found[:MOST]


def _is_anywhere(text: str) -> bool:
    """Whether an installed font has all characters of a text."""
    wanted = {ord(char) for char in text}
    return any(wanted <= coverage(path) for _, _, path in candidates(max(wanted)))


INSTALL = (
    "install one, such as Debian's fonts-indic and fonts-noto-core or PyPI's"
    " fontpkg-noto-sans-devanagari, or draw digits from strokes: strokes/…"
)


def glyph(path: Path, text: str) -> Bool:
    """The ink of a text in a font, cut to its box, SIDE pixels on its longer side."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(path), 2 * SIDE)
    page = Image.new("L", (8 * SIDE, 8 * SIDE))
    ImageDraw.Draw(page).text((3 * SIDE, 3 * SIDE), text, font=font, fill=255)
    ink = np.array(page)
    if not ink.any():
        return np.zeros((1, 1), bool)
    left, top, width, height = cv2.boundingRect(ink)
    ink = ink[top : top + height, left : left + width]
    scale = SIDE / max(ink.shape)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA) > 127)


def groups(found: Sequence[Face], texts: Sequence[str]) -> list[list[Face]]:
    """Families whose digits are drawn differently; those that copy each other stand together.

    Families that draw two of the texts alike, draw nothing, or draw an odd zero are left out.
    """
    kept: list[tuple[list[Face], npt.NDArray[np.bool_]]] = []
    for face in found:
        ink = np.stack([_squared(glyph(face.path, text)) for text in texts])
        if not _plausible(ink, texts):
            continue
        for members, other in kept:
            if _overlap(ink, other) > SAME:
                members.append(face)
                break
        else:
            kept.append(([face], ink))
    return [members for members, _ in kept]


def _is_of_script(path: Path, texts: Sequence[str]) -> bool:
    wanted = letters(texts[0])
    return len(wanted & coverage(path)) >= LETTERS * len(wanted)


@functools.lru_cache(maxsize=64)
def letters(digit: str) -> frozenset[int]:
    """The letters beside a digit that bear its script's name, as code points."""
    if ord(digit) < 128:
        return frozenset(map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    name = unicodedata.name(digit, "").partition(" DIGIT ")[0]
    name = name.removeprefix("EXTENDED ").removesuffix("-INDIC").removesuffix(" LITH")
    start = ord(digit) & ~0x7F
    return frozenset(
        point
        for point in range(start, start + 128)
        if unicodedata.name(chr(point), "").startswith(f"{name} LETTER ")
    )


def _plausible(ink: npt.NDArray[np.bool_], texts: Sequence[str]) -> bool:
    if not ink.any(axis=(1, 2)).all():
        return False
    for index, one in enumerate(ink):
        if any(np.array_equal(one, other) for other in ink[:index]):
            return False
    zeros = {SCRIPTS[name].digits[0] for name in RING_ZERO}
    return all(_is_ring(one) for one, text in zip(ink, texts, strict=True) if text in zeros)


def _is_ring(ink: Bool) -> bool:
    contours, tree = cv2.findContours(ink.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = [i for i in range(len(contours)) if tree[0, i, 3] < 0]
    if len(outer) != 1 or len(contours) != 2:
        return False
    contour = contours[outer[0]]
    return cv2.contourArea(contour) > SOLID * cv2.contourArea(cv2.convexHull(contour))


def _squared(ink: Bool) -> Bool:
    """A glyph in the middle of a square of SIDE pixels."""
    rows, columns = ((SIDE - extent) // 2 for extent in ink.shape)
    square = np.zeros((SIDE, SIDE), bool)
    square[rows : rows + ink.shape[0], columns : columns + ink.shape[1]] = ink
    return square


def _overlap(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    both = (one & other).sum(axis=(1, 2)) / np.maximum((one | other).sum(axis=(1, 2)), 1)
    return float(both.mean())
