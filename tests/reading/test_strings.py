"""A line of ink becomes the number that is written in it."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.imaging.normalise import normalise
from indicdigits.reading.answer import Ink
from indicdigits.reading.strings import LineReader
from indicdigits.runtime.reader import Reader, load


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load("devanagari")


def digits(reader: Reader) -> list[tuple[str, Ink]]:
    """Ten of the bundle's golden pictures as ink, and what they show."""
    found = {}
    for picture in reader.bundle.golden.pictures:
        ink = normalise(picture)
        reading = reader(picture)
        if reading.accepted:
            columns = np.flatnonzero(ink.max(axis=0) > 0)
            found[str(reading.value)] = ink[:, columns[0] : columns[-1] + 1]
    return sorted(found.items())


def line(pictures: list[Ink], gap: int) -> Ink:
    """Digits side by side; a negative gap lets them overlap."""
    canvas = np.zeros((40, 40 * len(pictures)), np.uint8)
    x = 6
    for picture in pictures:
        height, width = picture.shape
        part = canvas[6 : 6 + height, x : x + width]
        np.maximum(part, picture, out=part)
        x += width + gap
    return canvas


def test_reads_digits_side_by_side(reader: Reader) -> None:
    """Digits that stand apart are read in order, each with its box."""
    texts, pictures = zip(*digits(reader)[:6], strict=True)
    reading = LineReader(reader)(line(list(pictures), gap=5))
    assert reading.ascii == "".join(texts)
    assert (reading.accepted, reading.reason) == (True, None)
    lefts = [character.box.left for character in reading.digits]
    assert lefts == sorted(lefts)


def test_blank_paper_is_no_number(reader: Reader) -> None:
    """A line without ink says so instead of guessing."""
    reading = LineReader(reader)(np.zeros((40, 200), np.uint8))
    assert (reading.text, reading.accepted, reading.reason) == ("", False, "no ink found")
