"""A picture -> the numbers in it, line by line.

from indicdigits.reading.read import PageReader
page = PageReader(indicdigits.load("devanagari"))("register.jpg")
[line.text for line in page.lines]
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from indicdigits.imaging.decode import Source, read_picture
from indicdigits.reading.answer import Box, Character, LineReading, ReadLine
from indicdigits.reading.combs import fault_of, read_comb
from indicdigits.reading.files import load_page, page_of
from indicdigits.reading.page.layout import (
    Homography,
    Page,
    in_picture,
    quarter_turns,
    straighten,
)
from indicdigits.reading.page.lines import Line, find_lines
from indicdigits.reading.page.rules import without_rules
from indicdigits.reading.sequence import SequenceChoice, chosen
from indicdigits.reading.strings import LineReader
from indicdigits.runtime.reader import Reader, load

_LIKELY = 0.8  # mean probability of a page's digits, above which it stands the right way up
_SOME = 0.25  # of its lines that are accepted then
_LIKELIER = 0.08  # by how much a turned page must be more probable
_TRIED = 16  # lines that are read to find out whether a page stands the right way up
_LONG = 240  # heights of a line that these are long together, if there are several
_TURNS = {2: "upside down", 1: "on its left side", 3: "on its right side"}

BLANK = "no ink found: the page is blank"
FOREIGN = "hardly anything on this page reads as digits: letters, another script, or no writing?"
NO_FIT = "nothing on this page fits {what}; without it the page reads as numbers"


@dataclass(frozen=True, kw_only=True, slots=True)
class PageReading:
    """What was read in a picture.

    Attributes:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        lines: In reading order; their boxes are in pixels of the picture.
        notices: What a person should know: that the page is blank, stood upside down, ….
    """

    width: int
    height: int
    lines: tuple[LineReading, ...]
    notices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The reading as plain data, for `--json`; boxes are [left, top, width, height]."""
        return asdict(self)


class PageReader:
    """Reads the numbers of whole pictures; may be shared between threads.

    Args:
        reader: Reads single digits.
        pattern: What a line may say, as `LineReader` takes it.
        validator: What checks a line, as `LineReader` takes it.
        sequence: What sees whole lines, as `LineReader` takes it.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        pattern: str | None = None,
        validator: str | None = None,
        sequence: SequenceChoice = "shipped",
    ) -> None:
        self.reader = reader
        line_reader = LineReader(reader, pattern=pattern, validator=validator, sequence=sequence)
        self.sequence = line_reader.sequence
        self._read_line: ReadLine = line_reader
        self._fault = fault_of(pattern, validator)
        given = (("the pattern", pattern), ("the validator", validator))
        self._held_to = " and ".join(f"{kind} '{name}'" for kind, name in given if name)
        # Which way up a page stands, a pattern that nothing fits cannot say.
        self._free = PageReader(reader, sequence=self.sequence) if self._held_to else self

    @property
    def models(self) -> dict[str, str]:
        """What reads, by name: SHA-256 of the graph."""
        found = {self.reader.name: self.reader.bundle.parity.graph_sha256}
        if self.sequence is not None:
            found[f"{self.sequence.bundle.name} lines"] = self.sequence.sha256
        return found

    def __call__(self, source: Source) -> PageReading:
        """Reads a picture.

        Args:
            source: A path, the bytes of an image file, a PIL image, or a uint8 array (H,W),
                (H,W,3) RGB or (H,W,4) RGBA, of at most 64 million pixels.

        Raises:
            PictureError: It is no usable picture.
        """
        picture = read_picture(source)
        height, width = picture.shape[:2]
        page = straighten(picture)
        del picture  # 40 million pixels are 120 MB
        lines, notices = self._best_way_up(page)
        return PageReading(width=width, height=height, lines=lines, notices=notices)

    def read(self, line: Line) -> LineReading:
        """Reads one line; boxes are in pixels of the page that the line was found in."""
        if line.cells:
            reading = read_comb(self.reader, line, self._fault, self._read_line)
        else:
            reading = self._read_line(line.ink)
        return reading.moved(line.box.left, line.box.top)

    def _best_way_up(self, page: Page) -> tuple[tuple[LineReading, ...], tuple[str, ...]]:
        """The lines as they stand, or of the turned page where only that reads as numbers."""
        found = _found(page)
        some = self._some(found)
        told = list(some.values())
        if not _stands(told) and self._free is not self:
            told = list(self._free._some(found).values())
        likely = _likelihood(told)
        notices: list[str] = []
        if not _stands(told) and (turns := self._free._turns(page, likely)):
            notices = [f"the page stands {_TURNS[turns]}; it was read turned"]
            page, likely = quarter_turns(page, turns), _LIKELY
            found, some = _found(page), {}
        readings = [some[n] if n in some else self.read(line) for n, line in enumerate(found)]
        lines = tuple(placed(line, page.to_picture) for line in readings if _is_number(line))
        if not any(line.accepted for line in lines):
            notices += self._why_nothing(lines, likely)
        return lines, tuple(notices)

    def _some(self, found: Sequence[Line]) -> dict[int, LineReading]:
        """Some lines from all over a page, read, by their places among all."""
        long = sum(line.box.width / line.box.height for line in found)
        step = max(1, math.ceil(len(found) / _TRIED), math.ceil(long / _LONG))
        return {n: self.read(found[n]) for n in range(0, len(found), step)}

    def _turns(self, page: Page, likely: float) -> int:
        """By how many right angles a page must be turned to read as numbers; 0 if by none."""
        best, threshold = 0, max(_LIKELY, likely + _LIKELIER)
        for turns in _TURNS:
            told = list(self._some(_found(quarter_turns(page, turns))).values())
            if _stands(told) and _likelihood(told) > threshold:
                best, threshold = turns, _likelihood(told)
        return best

    def _why_nothing(self, lines: Sequence[LineReading], likely: float) -> list[str]:
        """What is to be said where no line is accepted, if it is not said of each line.

        Args:
            lines: Those that are numbers.
            likely: How much the page reads as numbers where nothing says which.
        """
        if not lines and not likely:
            return [BLANK]
        if _likelihood(lines) >= _LIKELY:
            return []
        if likely < _LIKELY:
            return [FOREIGN]
        return [NO_FIT.format(what=self._held_to)] if self._held_to else []


def read(
    picture: Source,
    script: str | os.PathLike[str] = "devanagari",
    *,
    pattern: str | None = None,
    validator: str | None = None,
    error_rate: float | None = None,
    lines: str | os.PathLike[str] | None = None,
    page: int = 1,
) -> dict[str, Any]:
    r"""Reads the numbers in a picture, or a page of a file, as `indicdigits read --json` does.

    Args:
        picture: A path (also of a PDF, with the extra `pdf`), the bytes of an image file, a PIL
            image, or a uint8 array.
        script: A script whose reader ships, or the path of a bundle.
        pattern: What every line may say, as `LineReader` takes it: "digits", r"\d{6}", ….
        validator: What every line is checked by: "pin-code", "aadhaar", ….
        error_rate: Part of the accepted digits that may be wrong, as for `load`.
        lines: The bundle of a sequence reader, which sees whole lines, or "none"; None is the one
            that ships for the script, if there is one.
        page: Of a TIFF or PDF file, from 1 on. A notice says how many more there are.

    Returns:
        `{"lines": [{"text", "ascii", "probability", "accepted", "reason", "box", "digits",
        "alternatives", "threshold"}, …], "notices": […], "width", "height", "page", "pages"}`;
        boxes are [left, top, width, height] in pixels of the picture.

    Raises:
        PictureError: It is no usable picture, or has no such page.
        UsageError: No such reader, pattern or validator.
    """
    reader = load(script, error_rate=error_rate)
    sequence = chosen(lines)
    page_reader = PageReader(reader, pattern=pattern, validator=validator, sequence=sequence)
    file = page_of(picture, page)
    answer = page_reader(picture if file is None else load_page(file)).as_dict()
    pages = 1 if file is None else file.of
    if pages > 1:
        others = f"read(…, page={page % pages + 1}) reads another"
        answer["notices"] = (f"this is page {page} of {pages}: {others}", *answer["notices"])
    return answer | {"page": page, "pages": pages}


def placed(line: LineReading, to_picture: Homography) -> LineReading:
    """A line found on a page, with the boxes it has in the picture."""
    digits = tuple(_placed(digit, to_picture) for digit in line.digits)
    return replace(line, box=in_picture(line.box, to_picture), digits=digits)


def _placed(digit: Character, to_picture: Homography) -> Character:
    box: Box = in_picture(digit.box, to_picture)
    return replace(digit, box=box)


def _is_number(line: LineReading) -> bool:
    """Whether there is a digit in a line; strokes and dots alone are none, nor is what is empty."""
    return any(char.isdecimal() for char in line.ascii)


def _found(page: Page) -> list[Line]:
    """What stands in lines on a page."""
    return find_lines(*without_rules(page.ink))


def _stands(lines: Sequence[LineReading]) -> bool:
    """Whether a page stands the right way up, by some of its lines.

    Digits on their head are often read as others, with some certainty, but hardly a line of them
    is accepted.
    """
    accepted = sum(line.accepted for line in lines)
    return _likelihood(lines) >= _LIKELY and accepted >= _SOME * len(lines)


def _likelihood(lines: Iterable[LineReading]) -> float:
    """The mean probability of the digits of what is a number; 0 where nothing is."""
    found = [digit.probability for line in lines if _is_number(line) for digit in line.digits]
    return float(np.mean(found)) if found else 0.0
