"""The segmentation-free way to read a line: a strip, what stands at each place, strings of it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from indicdigits.errors import UsageError
from indicdigits.imaging.strip import Strip, strip_of
from indicdigits.reading.answer import Box, Ink
from indicdigits.reading.ctc import Places, Symbols, placed
from indicdigits.runtime import line_bundle
from indicdigits.runtime.line_bundle import LineBundle
from indicdigits.runtime.reader import Reader
from indicdigits.runtime.shipped import LINES, shipped_lines

PLACE = 2  # columns of a strip for one place


class Looked(NamedTuple):
    """A line as a sequence reader sees it: the strip, and what stands at each place of it."""

    strip: Strip
    places: Places


class SequenceReader:
    """Looks at whole lines; may be shared between threads.

    Args:
        bundle: What to read with.
        where: Its file, named in errors; its name by default.

    Raises:
        VerificationError: Its graph is not what the bundle says.
    """

    def __init__(self, bundle: LineBundle, *, where: object = None) -> None:
        self.bundle = bundle
        self._session = line_bundle.session_of(bundle.graph, where=where or bundle.name)
        self.texts = "".join(symbol.text for symbol in bundle.symbols)
        self.ascii = "".join(symbol.ascii for symbol in bundle.symbols)

    def look(self, line: Ink) -> Looked | None:
        """What stands where in a line uint8 (H,W), 255 full ink; None where there is no ink."""
        strip = strip_of(line)
        if strip is None:
            return None
        (found,) = line_bundle.answer(self._session, strip.ink[np.newaxis])
        return Looked(strip, Places.of(found))

    @property
    def sha256(self) -> str:
        """Of its graph."""
        return self.bundle.parity.graph_sha256

    def suits(self, reader: Reader) -> bool:
        """Whether it reads the same digits as a reader of single ones."""
        theirs = {entry.text for entry in reader.bundle.classes if entry.value is not None}
        return theirs == {s.text for s in self.bundle.symbols if s.ascii.isdigit()}


# A sequence reader, the one that ships for the reader's digits, or none.
SequenceChoice = SequenceReader | Literal["shipped"] | None


def boxes_of(looked: Looked, symbols: Symbols) -> list[Box]:
    """Where each character of a string stands, as far as a strip tells: columns, and all rows."""
    strip, result = looked.strip, []
    top, bottom = max(strip.top, 0.0), strip.top + strip.ink.shape[0] * strip.scale
    for first, last in placed(looked.places, symbols):
        # A character is seen in the middle of its strokes, a place or two wide.
        left = strip.left + (first - 1) * PLACE * strip.scale
        right = strip.left + (last + 1) * PLACE * strip.scale
        left = max(left, 0.0)
        result.append(Box(round(left), round(top), round(right - left), round(bottom - top)))
    return result


def certainties(looked: Looked, symbols: Symbols) -> list[float]:
    """How sure the reader is of each character of a string where it stands."""
    places = looked.places
    index = {int(place): row for row, place in enumerate(places.number)}
    rows = [[index[n] for n in range(*span) if n in index] for span in placed(places, symbols)]
    return [
        float(places.probabilities[there, symbol + 1].max())
        for there, symbol in zip(rows, symbols, strict=True)
    ]


def chosen(lines: str | os.PathLike[str] | None) -> SequenceChoice:
    """What a user has said of the sequence reader: None for what ships, "none", or a bundle.

    The name of a script means the bundle that ships for it.

    Raises:
        UsageError: There is no such file.
        VerificationError: It is not what it claims to be.
    """
    if lines is None:
        return "shipped"
    if lines == "none":
        return None
    known = shipped_lines()
    if str(lines) not in known and not Path(lines).exists():
        raise UsageError(
            "no such reader of lines",
            where=lines,
            allowed=", ".join(["none", *known, f"the path of a {LINES} file"]),
            hint="indicdigits lines --script NAME makes one",
        )
    return load_sequence(known.get(str(lines), Path(lines)))


def load_sequence(path: str | os.PathLike[str]) -> SequenceReader:
    """A sequence reader from its bundle.

    Raises:
        UsageError: There is no such file.
        VerificationError: It is not what it claims to be.
    """
    return SequenceReader(line_bundle.read(Path(path)), where=path)


def sequence_for(reader: Reader) -> SequenceReader | None:
    """The sequence reader that ships for the script of a reader and reads its digits, if any."""
    path = shipped_lines().get(reader.script)
    found = None if path is None else _shipped(path)
    return found if found is not None and found.suits(reader) else None


@cache
def _shipped(path: Path) -> SequenceReader:
    return load_sequence(path)
