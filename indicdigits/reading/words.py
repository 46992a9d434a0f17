"""Where the words of an hOCR or ALTO file stand: on the page, and in the file's bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from indicdigits.errors import DataError
from indicdigits.reading.answer import Box

HOCR, ALTO = "hOCR", "ALTO"
MAX_BYTES = 64 << 20
_MOST_PIXELS = 1_000_000
_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_RUN = re.compile(rb"(?<=>)[^<]*[^<\s][^<]*")  # of text after a tag
_BBOX = re.compile(r"\bbbox\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})")
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?")
_ENCODINGS = {"utf-8", "us-ascii", "ascii", "iso-8859-1"}  # in which a tag's bytes are its text


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of a file.

    Attributes:
        text: What it says.
        box: On the page, in pixels.
        start: Where its start tag begins in the file, in bytes.
        tag: The start tag.
        inside: Where its text, or what stands for it, begins and ends; None where nothing does.
        character: Of hOCR that says where each character stands, the tag's name that does; then
            `inside` is from the first of them to the last. Else "".
    """

    text: str
    box: Box
    start: int
    tag: bytes
    inside: tuple[int, int] | None
    character: str = ""


@dataclass(kw_only=True)
class Document:
    """A file of one page.

    Attributes:
        form: "hOCR" or "ALTO".
        encoding: Of its text.
        size: Width and height of its page in pixels, or None where it does not say.
        words: In the order of the file.
    """

    form: str = ""
    encoding: str = "utf-8"
    size: tuple[int, int] | None = None
    words: list[Word] = field(default_factory=list)


def find_words(content: bytes, *, where: object) -> Document:
    """Finds the words of a file.

    Args:
        content: The file.
        where: Its name, for errors.

    Raises:
        DataError: It is no hOCR or ALTO file of one page in pixels, is damaged, or declares
            entities.
    """
    if len(content) > MAX_BYTES:
        raise DataError("is too large", where=where, allowed=f"at most {MAX_BYTES >> 20} MiB")
    parser = _Parser(content, where)
    try:
        parser.run()
    except expat.ExpatError as error:
        raise DataError(
            f"is no well-formed XML: {error}", where=where, allowed="ALTO, or hOCR as XHTML"
        ) from error
    if not parser.document.form:
        raise DataError("is neither hOCR nor ALTO", where=where, allowed="ALTO, or hOCR as XHTML")
    return parser.document


@dataclass
class _Open:
    """A word whose end has not come yet."""

    start: int
    tag: bytes
    box: Box
    text: str
    depth: int
    character: str = ""
    characters: tuple[int, int] = (0, 0)
    level: int = 0  # depth of those


class _Parser:
    """Walks through a file once; expat tells at which byte each tag begins."""

    def __init__(self, content: bytes, where: object) -> None:
        self.document = Document()
        self._content, self._where = content, where
        self._word: _Open | None = None
        self._unit: str | None = None
        self._depth = 0
        self._expat = expat.ParserCreate()
        self._expat.StartElementHandler = self._begin
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.EntityDeclHandler = self._entity
        self._expat.XmlDeclHandler = self._declaration

    def run(self) -> None:
        """Reads the whole file."""
        self._expat.Parse(self._content, True)

    def _refusal(self, message: str, allowed: str) -> DataError:
        return DataError(message, where=self._where, allowed=allowed)

    def _entity(self, *_: Any) -> None:
        raise self._refusal("declares entities", "a file without any")

    def _declaration(self, _: str, encoding: str | None, __: int) -> None:
        self.document.encoding = (encoding or "utf-8").lower()
        if self.document.encoding not in _ENCODINGS:
            raise self._refusal(f"is in {encoding}", ", ".join(sorted(_ENCODINGS)))

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        kind, classes = name.rpartition(":")[2], attributes.get("class", "").split()
        if kind == "Page" or "ocr_page" in classes:
            self._begin_page(ALTO if kind == "Page" else HOCR, attributes)
        elif kind == "MeasurementUnit":
            self._unit = ""
        elif self._word is None and self.document.form:
            if kind == "String" and self.document.form == ALTO:
                self._begin_word(attributes.get("CONTENT", ""), self._alto_box(attributes))
            elif "ocrx_word" in classes and self.document.form == HOCR:
                self._begin_word("", self._hocr_box(attributes))
        elif self._word is not None and "ocrx_cinfo" in classes and not self._word.character:
            at = self._expat.CurrentByteIndex
            self._word.character, self._word.characters = name, (at, at)
            self._word.level = self._depth

    def _begin_page(self, form: str, attributes: Mapping[str, str]) -> None:
        if self.document.form:
            raise self._refusal("describes several pages", "a file a page")
        self.document.form = form
        if form == HOCR:
            box = self._hocr_box(attributes)
            self.document.size = box and (box.left + box.width, box.top + box.height)
        elif {"WIDTH", "HEIGHT"} <= set(attributes):
            width, height = (self._pixels(attributes[key]) for key in ("WIDTH", "HEIGHT"))
            self.document.size = (width, height)

    def _begin_word(self, text: str, box: Box | None) -> None:
        start = self._expat.CurrentByteIndex
        tag = _TAG.match(self._content, start)
        if box is not None and tag is not None:
            self._word = _Open(start, tag[0], box, text, self._depth)

    def _text(self, text: str) -> None:
        if self._unit is not None:
            self._unit += text
        elif self._word is not None and self.document.form == HOCR:
            self._word.text += text

    def _end(self, _: str) -> None:
        word = self._word
        if word is not None and word.depth == self._depth:
            self.document.words.append(self._ended(word))
            self._word = None
        elif word is not None and word.level == self._depth:
            end = _TAG.match(self._content, self._expat.CurrentByteIndex)
            if end is not None:
                word.characters = (word.characters[0], end.end())
        if self._unit is not None:
            if self._unit.strip() != "pixel":
                raise self._refusal(f"is measured in {self._unit.strip()}", "pixel")
            self._unit = None
        self._depth -= 1

    def _ended(self, word: _Open) -> Word:
        """A word whose end tag comes now."""
        inside = word.characters if word.character else None
        if inside is None and not word.tag.endswith(b"/>"):
            end = self._expat.CurrentByteIndex
            inside = _inside(self._content, word.start + len(word.tag), end)
        return Word(
            text="".join(word.text.split()) if word.character else word.text.strip(),
            box=word.box,
            start=word.start,
            tag=word.tag,
            inside=inside,
            character=word.character,
        )

    def _alto_box(self, attributes: Mapping[str, str]) -> Box | None:
        keys = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
        if not set(keys) <= set(attributes):
            return None
        return self._checked(*(self._pixels(attributes[key]) for key in keys))

    def _hocr_box(self, attributes: Mapping[str, str]) -> Box | None:
        found = _BBOX.search(attributes.get("title", ""))
        if found is None:
            return None
        left, top, right, bottom = (int(number) for number in found.groups())
        return self._checked(left, top, right - left, bottom - top)

    def _pixels(self, text: str) -> int:
        if not _NUMBER.fullmatch(text):
            raise self._refusal(f"has a coordinate {text[:40]!r}", "numbers of pixels")
        return round(float(text))

    def _checked(self, left: int, top: int, width: int, height: int) -> Box:
        if min(left, top, width, height) < 0 or max(left, top, width, height) > _MOST_PIXELS:
            raise self._refusal(
                f"has a box at {left}, {top} of {width}x{height}", f"0 to {_MOST_PIXELS} pixels"
            )
        return Box(left, top, width, height)


def _inside(content: bytes, start: int, end: int) -> tuple[int, int]:
    """Where a word's text stands between its tags: within markup of its own, if it is one piece."""
    runs = [run.span() for run in _RUN.finditer(content, start, end)]
    return runs[0] if len(runs) == 1 else (start, end)
