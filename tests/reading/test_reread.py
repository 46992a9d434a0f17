"""Numeric words of hOCR and ALTO files, read again."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from indicdigits.errors import DataError
from indicdigits.reading.answer import Box, Character, Ink, LineReading
from indicdigits.reading.crops import is_number
from indicdigits.reading.reread import reread

HOCR = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://127.0.0.1:9/x.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
 <!-- १ stays -->
 <body><div class='ocr_page' title='image "pg.png"; bbox 0 0 90 30; ppageno 0'>
  <span class='ocrx_word' id='w1' title='bbox 4 5 14 9; x_wconf 95'>Total</span>
  <span class='ocrx_word' id='w2' title='bbox 17 4 28 8; x_wconf 31; x_fsize 9' >12 &amp;</span>
  <span class='ocrx_word' id='w3' title='bbox 30 4 40 8; x_wconf 31; x_fsize 9'><em>1234</em></span>
  <span class="ocrx_word" id="w4" title="bbox 50 4 60 8"> 5,6 </span>
 </div></body>
</html>
"""
ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v3#"><Description>
<MeasurementUnit>pixel</MeasurementUnit></Description>
 <Layout><Page WIDTH="90" HEIGHT="30" ID="p"><PrintSpace HPOS="0" VPOS="0">
  <String ID="s1" HPOS="4" VPOS="5" WIDTH="10" HEIGHT="4" WC="0.95" CONTENT="Total"/><SP/>
  <String ID='s2' HPOS='30' VPOS='4' WIDTH='10' HEIGHT='4' CC='1 1 1 1' CONTENT='1234'/>
  <String ID="s3" HPOS="50" VPOS="4" WIDTH="10" HEIGHT="4" WC="0.3" CONTENT="5,6"
  ><Glyph CONTENT="5"/></String>
 </PrintSpace></Page></Layout>
</alto>
"""
PAGE = np.full((30, 90), 240, np.uint8)


def answer(text: str, ascii_: str, *, reason: str | None = None) -> LineReading:
    """What a line reader says, nearly sure of it."""
    box = Box(0, 0, 1, 1)
    digits = tuple(
        Character(text=t, ascii=a, probability=0.98, box=box)
        for t, a in zip(text, ascii_, strict=True)
    )
    return LineReading(
        text=text, ascii=ascii_, probability=0.97, accepted=reason is None, reason=reason,
        box=box, digits=digits,
    )  # fmt: skip


def says_two_hundred(_: Ink) -> LineReading:
    return answer("२००", "200")


def test_hocr() -> None:
    """Text and x_wconf of numeric words change, in their own markup; all other bytes stay."""
    content, found = reread(HOCR.encode(), PAGE, says_two_hundred)
    expected = (
        HOCR.replace("x_wconf 31; x_fsize 9'><em>1234<", "x_wconf 97; x_fsize 9'><em>२००<")
        .replace('60 8"> 5,6 <', '60 8; x_wconf 97">२००<')
    )  # fmt: skip
    assert content.decode() == expected
    assert [(one.before, one.text, one.reason) for one in found] == [
        ("1234", "२००", None),
        ("5,6", "२००", None),
    ]


CHARACTERS = """<span class='ocrx_cinfo' title='x_bboxes 30 4 32 8; x_conf 91.2'>1</span>
   <span class='ocrx_cinfo' title='x_bboxes 35 4 40 8; x_conf 80'>7</span>"""


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("<strong>", "</strong>"), (" <em>\n", "\n</em> ")]
)
def test_characters_of_hocr(before: str, after: str) -> None:
    """Where a file says where each character stands it does so of the new ones, on the page."""

    def read(ink: Ink) -> LineReading:
        found = answer("२०", "20")
        boxes = (Box(1, 1, 3, 4), Box(5, 2, 3, 3))
        digits = zip(found.digits, boxes, strict=True)
        return replace(found, digits=tuple(replace(digit, box=box) for digit, box in digits))

    page = PAGE.copy()
    page[5:7, 32:38] = 20
    text = HOCR.replace("<em>1234</em>", before + CHARACTERS + after)
    content, found = reread(text.encode(), page, read)
    new = (
        "<span class='ocrx_cinfo' title='x_bboxes 30 4 33 8; x_conf 98.00'>२</span>"
        "<span class='ocrx_cinfo' title='x_bboxes 34 5 37 8; x_conf 98.00'>०</span>"
    )
    assert [one.before for one in found] == ["17", "5,6"]
    assert f"x_wconf 97; x_fsize 9'>{before}{new}{after}</span>" in content.decode()
    kept, _ = reread(text.encode(), page, lambda _: answer("२", "2", reason="not a digit"))
    assert kept == text.encode()


def test_alto() -> None:
    """CONTENT, WC and CC of numeric words change; glyphs of the old text go; the rest stays."""
    content, found = reread(ALTO.encode(), PAGE, says_two_hundred, native=False)
    expected = (
        ALTO.replace("CC='1 1 1 1' CONTENT='1234'/>", "CC='0 0 0' CONTENT='200' WC=\"0.97\"/>")
        .replace('WC="0.3" CONTENT="5,6"\n  ><Glyph CONTENT="5"/>', 'WC="0.97" CONTENT="200"\n  >')
    )  # fmt: skip
    assert content.decode() == expected
    assert [one.box for one in found] == [Box(30, 4, 10, 4), Box(50, 4, 10, 4)]


def test_every_word() -> None:
    """Where asked for, words are read too that the file takes for letters; refused ones stay."""

    def read(ink: Ink) -> LineReading:
        reason = "not a digit" if ink.shape[1] > 12 else None
        return answer("२", "2", reason=reason)

    content, found = reread(HOCR.encode(), PAGE, read, every=True)
    assert [one.before for one in found] == ["Total", "12 &", "1234", "5,6"]
    assert [one.text for one in found] == ["२", "12 &", "२", "२"]
    assert content.count("२".encode()) == 3


@pytest.mark.parametrize("document", [HOCR, ALTO])
def test_refused_words_stay(document: str) -> None:
    """Where the reader refuses every word the file is what it was, and the reason is told."""
    content, found = reread(
        document.encode(), PAGE, lambda _: answer("२", "2", reason="below threshold")
    )
    assert content == document.encode()
    assert {one.reason for one in found} == {"below threshold"}
    assert [one.text for one in found] == ["1234", "5,6"]


def test_where_words_are_cut() -> None:
    """What is read is the ink of a word's box and what stands near it, and no other word."""
    page = PAGE.copy()
    page[5:7, 32:38] = 20  # in the box of the first, from 30 to 40
    page[5:7, 41:43] = 20  # a digit that its box leaves out
    page[5:7, 46:47] = 20  # too far from both
    page[5:7, 26:28] = 20  # near, but in another word's box
    seen = []

    def read(ink: Ink) -> LineReading:
        seen.append(ink)
        return answer("२", "2")

    reread(HOCR.encode(), page, read)
    strokes = (seen[0] > 128).any(axis=0)
    assert int(strokes.sum()) == 8
    assert seen[0].shape == (6, 15)  # 29 to 44: nothing before, a pixel of paper around
    assert not seen[1].any()


def test_words_outside() -> None:
    """A word beyond the picture's edge stays, and is said to be there."""
    content = HOCR.replace("bbox 0 0 90 30", "").replace("bbox 30 4 40 8", "bbox 300 4 310 8")
    _, found = reread(content.encode(), PAGE, says_two_hundred)
    assert [one.reason for one in found] == ["outside the picture", None]


def test_latin_1() -> None:
    """In a file that cannot hold the script's digits they are written as references."""
    content, _ = reread(
        ALTO.replace("UTF-8", "ISO-8859-1").encode("latin-1"), PAGE, says_two_hundred
    )
    assert b"CONTENT='&#2408;&#2406;&#2406;'" in content
    strings = ElementTree.fromstring(content).iter(
        "{http://www.loc.gov/standards/alto/ns-v3#}String"
    )
    assert [one.get("CONTENT") for one in strings] == ["Total", "२००", "२००"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1234", True), ("१२.५", True), ("7,890", True), ("12/3-4", True), ("a1", False),
     ("", False), ("-", False), ("½", False), ("²", False)],
)  # fmt: skip
def test_numeric_words(text: str, number: bool) -> None:
    """A numeric word is digits of any script and the marks between them."""
    assert is_number(text) is number


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-40], "no well-formed XML"),
        (lambda text: "<html>" + text, "no well-formed XML"),
        (lambda text: text.replace("UTF-8", "UTF-16"), "(?i)utf-16|encoding"),
        (lambda text: "<a>12</a>", "neither hOCR nor ALTO"),
        (lambda text: BOMB + "<a>&b;</a>", "declares entities"),
        (lambda text: OUTSIDE + "<a>&x;</a>", "declares entities"),
        (lambda text: text.replace("pixel", "mm10"), "measured in mm10"),
        (lambda text: text.replace('WIDTH="90"', 'WIDTH="91"'), "91x30 pixels"),
        (lambda text: text.replace("HPOS='30'", "HPOS='x'"), "coordinate 'x'"),
        (lambda text: text.replace("HPOS='30'", "HPOS='-30'"), "a box at -30"),
        (lambda text: text.replace("<PrintSpace", '<Page ID="q"/><PrintSpace'), "several pages"),
    ],
)
def test_bad_files(change: Callable[[str], str], message: str) -> None:
    """What is no such file, declares entities, or is of another page is refused by name."""
    with pytest.raises(DataError, match=message) as caught:
        reread(change(ALTO).encode(), PAGE, says_two_hundred, where="x.xml")
    assert caught.value.where == "x.xml"


@given(
    document=st.sampled_from([HOCR, ALTO]),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=20)),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_altered_files(document: str, changes: list[tuple[float, int, bytes]]) -> None:
    """A file that was altered anywhere is read again or refused, with no other exception."""
    content = document.encode()
    for where, length, piece in changes:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + length :]
    with suppress(DataError):
        _, found = reread(content, PAGE, says_two_hundred)
        assert len(found) <= 3


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract is not installed")
@pytest.mark.parametrize("form", ["hocr", "alto"])
def test_after_tesseract(form: str, tmp_path: Path) -> None:
    """Files as Tesseract makes them: numbers are read again where it found them, words stay."""
    page = Image.new("L", (900, 160), 240)
    font = ImageFont.load_default(48)
    ImageDraw.Draw(page).text((40, 40), "Total 1234 rupees 56", font=font, fill=20)
    page.save(tmp_path / "page.png")
    subprocess.run(
        ["tesseract", "page.png", "page", form], cwd=tmp_path, check=True, capture_output=True
    )
    (file,) = (path for path in tmp_path.glob("page.*") if path.suffix != ".png")
    before = file.read_bytes()
    content, found = reread(before, np.asarray(page), says_two_hundred)
    assert [one.before for one in found] == ["1234", "56"]
    assert all(one.box.width > 20 for one in found)
    pattern = re.compile(rb"x_wconf \d+'>\S+</span>|WC=\"[\d.]+\" CONTENT=\"\S+\"")
    old, new = pattern.findall(before), pattern.findall(content)
    assert [a == b for a, b in zip(old, new, strict=True)] == [True, False, True, False]
    assert pattern.sub(b"", before) == pattern.sub(b"", content)
    assert content.count("२००".encode()) == 2
