"""A font that really has the digits it is to show, wherever one is installed.

Looked for in this order: the font packages that come with the extra `train`, the system's fonts,
and at last Pillow's own font with the digits' values in ASCII. A box for "no such glyph" is never
drawn.
"""

from __future__ import annotations

import functools
import importlib.metadata
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indicdigits.scripts import zero_of

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

PACKAGES = "fontpkg-"
SUFFIXES = (".ttf", ".otf")
STYLES = ("bold", "black", "medium", "light", "thin", "italic", "oblique", "condensed", "mono")
FC_LIST_SECONDS = 10


def font_path_for(text: str) -> Path | None:
    """A font file that has a glyph for every character of `text`, or None."""
    return _path_for(frozenset(text) - {" "})


def font_for(text: str, size: int) -> FreeTypeFont | ImageFont:
    """A font that can show `text`, or Pillow's own where none is installed.

    Use `shown` for the text itself: it says what to draw when Pillow's own must do.

    Args:
        text: What is to be drawn.
        size: Height of the font in pixels.
    """
    from PIL import ImageFont

    path = font_path_for(text)
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(str(path), size)


def shown(text: str) -> str:
    """`text` if a font has it, else its digits' values and "?" for what has none."""
    if font_path_for(text) is not None:
        return text
    return "".join(char if char.isascii() else str(unicodedata.digit(char, "?")) for char in text)


def candidates(code_point: int, named: Sequence[str] = ()) -> Iterator[tuple[str, int, Path]]:
    """Installed fonts that may have a code point: family, rank (0 is a regular face), file.

    Args:
        code_point: What they must claim to have.
        named: Look at all faces of these families; without any, at regular faces only.
    """
    for path in (*_packaged(), *_on_system(code_point)):
        rank = _regular_first(path)[0]
        if rank and not named:
            continue
        family = family_of(path)
        if family and (not named or family in named):
            yield family, rank, path


@functools.lru_cache(maxsize=4096)
def family_of(path: Path) -> str:
    """The name of a font's family, "" for a file that is no readable font."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True) as font:
            names = font["name"]
            return str(names.getDebugName(16) or names.getDebugName(1) or "")
    except (OSError, TTLibError, KeyError):
        return ""


@functools.lru_cache(maxsize=256)
def _path_for(characters: frozenset[str]) -> Path | None:
    wanted = {ord(char) for char in characters}

    def first(paths: Iterable[Path]) -> Path | None:
        return next((path for path in paths if wanted <= coverage(path)), None)

    # To ask the system costs a process, and a page may show hundreds of digits: fonts that come
    # with the kit are looked through before, and the ten digits of a script ask with their zero.
    asked = chr(min(wanted - set(range(128)), default=ord("0")))
    zero = zero_of(asked) or asked
    return first(_packaged()) or first(_on_system(ord(zero))) or first(_on_system(ord(asked)))


@functools.lru_cache(maxsize=1)
def _packaged() -> tuple[Path, ...]:
    """The font files of the installed font packages, upright and regular ones first."""
    found: list[Path] = []
    for package in importlib.metadata.distributions():
        if (package.metadata["Name"] or "").startswith(PACKAGES):
            found += [
                Path(str(package.locate_file(file)))
                for file in package.files or ()
                if file.suffix.lower() in SUFFIXES
            ]
    return tuple(sorted(found, key=_regular_first))


@functools.lru_cache(maxsize=64)
def _on_system(code_point: int) -> tuple[Path, ...]:
    """Fonts of the system that claim to have a code point, as fontconfig knows them."""
    if shutil.which("fc-list") is None:
        return ()
    try:
        answer = subprocess.run(
            ["fc-list", f":charset={code_point:x}", "file"],
            capture_output=True, text=True, timeout=FC_LIST_SECONDS, check=False,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ()
    paths = [Path(line.strip().rstrip(":")) for line in answer.splitlines()]
    found = (path for path in paths if path.suffix.lower() in SUFFIXES)
    return tuple(sorted(found, key=_regular_first))


def _regular_first(path: Path) -> tuple[int, str]:
    name = path.stem.lower()
    return sum(style in name for style in STYLES), path.name


@functools.lru_cache(maxsize=4096)
def coverage(path: Path) -> frozenset[int]:
    """Code points with a glyph; empty for a file that is no readable font."""
    try:
        from fontTools.ttLib import TTFont, TTLibError
    except ImportError:
        return frozenset()
    try:
        with TTFont(path, lazy=True) as font:
            table: dict[int, Any] | None = font.getBestCmap()
    except (OSError, TTLibError):
        return frozenset()
    return frozenset(table or ())
