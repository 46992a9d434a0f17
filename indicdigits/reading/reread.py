"""Reads the numeric words of an hOCR or ALTO file again, beside the picture of its page.

Whatever is no numeric word stays as it is, byte for byte; of a word that is read again only its
text, its confidence and, in hOCR, the places of its characters change, and where the reader
refuses a word it stays too. Nothing outside the file is ever fetched: expat resolves no external
entities here, and a file that declares entities of its own is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from indicdigits.errors import DataError
from indicdigits.reading.answer import Box, Ink, LineReading, ReadLine
from indicdigits.reading.crops import ink_of_crop, is_number
from indicdigits.reading.words import ALTO, Document, Word, find_words

Picture = npt.NDArray[np.uint8]

_MARGIN = 1 / 8  # of a word's height, of paper around it
_REACH = 2.0  # of its height, that a number may go on beyond its box
_GAP = 0.4  # of its height, at most between digits of one number
_STROKE = 96  # of 255, from which ink is more than an edge
_LEAST_SURE = 9  # in the CC of ALTO; 0 is the surest
_OUTSIDE = LineReading(
    text="", ascii="", probability=0.0, accepted=False, reason="outside the picture",
    box=Box(0, 0, 0, 0),
)  # fmt: skip
_WCONF = re.compile(r"\bx_wconf\s+[\d.]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reread:
    """What became of a word that was looked at.

    Attributes:
        before: Its text as the file had it.
        text: Its text as it is now.
        probability: Of the reading, in [0, 1].
        box: Where it stands on the page.
        reason: Why the file's text was kept, or None where it was read again.
    """

    before: str
    text: str
    probability: float
    box: Box
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for `--json`."""
        return asdict(self)


def reread(
    content: bytes,
    picture: Picture,
    read_line: ReadLine,
    *,
    native: bool = True,
    every: bool = False,
    where: object = "file",
) -> tuple[bytes, list[Reread]]:
    """Reads the numeric words of a file again.

    Args:
        content: An hOCR (XHTML) or ALTO file of one page.
        picture: uint8 (H,W) grey or (H,W,3) RGB, of that page.
        read_line: Reads the ink of a word.
        native: Whether to write the script's digits, or 0 to 9.
        every: Whether to read words again that the file does not take for numbers: for pages that
            hold nothing else.
        where: The file's name, for errors.

    Returns:
        The file with other texts and confidences, and what became of each word that was looked at.

    Raises:
        DataError: It is neither, is damaged, or is not of this page.
    """
    document = find_words(content, where=where)
    _check_size(document, picture, where)
    changes: list[tuple[int, int, bytes]] = []
    found = []
    for word in document.words:
        if not every and not is_number(word.text):
            continue
        ink, left, top = _ink(picture, word, document.words)
        reading = read_line(ink).moved(left, top) if ink.size else _OUTSIDE
        text = reading.text if native else reading.ascii
        if reading.accepted:
            changes += _changes(document, word, text, reading, native=native)
        found.append(
            Reread(
                before=word.text,
                text=text if reading.accepted else word.text,
                probability=reading.probability,
                box=word.box,
                reason=reading.reason,
            )
        )
    return _applied(content, changes), found


def _check_size(document: Document, picture: Picture, where: object) -> None:
    height, width = picture.shape[:2]
    if document.size is not None and document.size != (width, height):
        raise DataError(
            f"describes a page of {document.size[0]}x{document.size[1]} pixels, "
            f"and the picture has {width}x{height}",
            where=where,
            hint="name the picture that the OCR was given",
        )


def _ink(picture: Picture, word: Word, words: Sequence[Word]) -> tuple[Ink, int, int]:
    """The ink of a word: of its box, and of what stands so near that it belongs to it.

    And where it stands on the page: its left edge and its top.

    Boxes of Tesseract leave out a first or last digit at times. What is in another word's box, or
    further away than digits of a number are, does not belong.
    """
    box = word.box
    margin, reach = max(1, round(_MARGIN * box.height)), round(_REACH * box.height)
    end, top = box.left + box.width, max(box.top - margin, 0)
    left = min(max(box.left - reach, 0, *_ends(word, words)), box.left)
    right = max(min([end + reach, *_begins(word, words)]), end)
    cut = picture[top : box.top + box.height + margin, left:right]
    if not cut.size:
        return np.zeros((0, 0), np.uint8), left, top
    ink = ink_of_crop(np.ascontiguousarray(cut))
    columns = np.asarray((ink >= _STROKE).any(axis=0), np.bool_)
    gap = round(_GAP * box.height)
    first = _outermost(columns[::-1], len(columns) - (box.left - left), gap)
    last = _outermost(columns, end - left, gap)
    start = max(len(columns) - first - margin, 0)
    return ink[:, start : last + margin], left + start, top


def _ends(word: Word, words: Sequence[Word]) -> list[int]:
    """Where the words before it in its row end."""
    rights = (other.box.left + other.box.width for other in words if _in_row(other, word))
    return [right for right in rights if right <= word.box.left + word.box.width // 2]


def _begins(word: Word, words: Sequence[Word]) -> list[int]:
    """Where the words behind it in its row begin."""
    lefts = (other.box.left for other in words if _in_row(other, word))
    return [left for left in lefts if left >= word.box.left + word.box.width // 2]


def _in_row(other: Word, word: Word) -> bool:
    a, b = other.box, word.box
    return other is not word and a.top < b.top + b.height and b.top < a.top + a.height


def _outermost(columns: npt.NDArray[np.bool_], edge: int, gap: int) -> int:
    """Behind the last column with ink that follows an edge without a gap between."""
    last, at = edge, edge
    while at < len(columns) and at - last <= gap:
        if columns[at]:
            last = at + 1
        at += 1
    return last


def _changes(
    document: Document, word: Word, text: str, reading: LineReading, *, native: bool
) -> list[tuple[int, int, bytes]]:
    """What to put in place of which bytes, so that a word says something else."""
    tag = word.tag.decode(document.encoding)
    if document.form == ALTO:
        tag = _with_attribute(tag, "CONTENT", escape(text, {'"': "&quot;", "'": "&apos;"}))
        tag = _with_attribute(tag, "WC", f"{reading.probability:.2f}")
        if _attribute("CC").search(tag):
            sure = (round(_LEAST_SURE * (1 - digit.probability)) for digit in reading.digits)
            tag = _with_attribute(tag, "CC", " ".join(map(str, sure)))
        inside = "" if text != word.text else None  # its glyphs are of another text
    else:
        tag = _with_confidence(tag, f"x_wconf {round(100 * reading.probability)}")
        inside = _characters(word, reading, native=native) if word.character else escape(text)
    changes = [(word.start, word.start + len(word.tag), _encoded(tag, document))]
    if inside is not None and word.inside is not None:
        changes.append((*word.inside, _encoded(inside, document)))
    return changes


def _characters(word: Word, reading: LineReading, *, native: bool) -> str:
    """The characters of a word of hOCR, each with its place; in the quotes of the word's tag."""
    quote = "'" if b"'" in word.tag else '"'
    return "".join(
        f"<{word.character} class={quote}ocrx_cinfo{quote} title={quote}"
        f"x_bboxes {left} {top} {left + width} {top + height}; x_conf {100 * one.probability:.2f}"
        f"{quote}>{escape(one.text if native else one.ascii)}</{word.character}>"
        for one in reading.digits
        for left, top, width, height in (one.box,)
    )


def _attribute(name: str) -> re.Pattern[str]:
    """Finds an attribute of a start tag: what stands before its value, the quote, the value."""
    return re.compile(rf"""(\s{name}\s*=\s*)(["'])(.*?)\2""", re.DOTALL)


def _with_attribute(tag: str, name: str, value: str) -> str:
    """A start tag with another value, in the quotes it has, or with one attribute more."""
    found = _attribute(name).search(tag)
    if found:
        return f"{tag[: found.start(3)]}{value}{tag[found.end(3) :]}"
    end = len(tag) - (2 if tag.endswith("/>") else 1)
    return f'{tag[:end].rstrip()} {name}="{value}"{tag[end:]}'


def _with_confidence(tag: str, confidence: str) -> str:
    """The start tag of a word of hOCR, whose title says how sure it is."""
    found = _attribute("title").search(tag)
    title = found[3] if found else ""
    if _WCONF.search(title):
        return _with_attribute(tag, "title", _WCONF.sub(confidence, title, count=1))
    return _with_attribute(tag, "title", f"{title.rstrip(' ;')}; {confidence}")


def _encoded(text: str, document: Document) -> bytes:
    return text.encode(document.encoding, "xmlcharrefreplace")


def _applied(content: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    pieces, at = [], 0
    for start, end, piece in sorted(changes):
        pieces += [content[at:start], piece]
        at = end
    return b"".join([*pieces, content[at:]])
