"""A line of ink becomes the number that is written in it."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.imaging.normalise import normalise
from indicdigits.reading import validators
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


def test_a_wrong_checksum_is_not_accepted(reader: Reader) -> None:
    """What fails its validator says why, and the likeliest reading that passes is offered."""
    texts, pictures = zip(*digits(reader)[:6], strict=True)
    shown = "".join(texts)
    fewer = validators.Validator(
        name="other",
        summary="",
        pattern="digits",
        check=lambda text: "checksum" if text == shown else None,
    )
    reading = LineReader(reader, validator=fewer)(line(list(pictures), gap=5))
    assert (reading.ascii, reading.accepted, reading.reason) == (shown, False, "checksum")
    assert shown not in [other.ascii for other in reading.alternatives]


def test_a_pattern_holds_the_reading(reader: Reader) -> None:
    """A line says nothing that its pattern does not allow, and says so where nothing fits."""
    pictures = [picture for _, picture in digits(reader)[:6]]
    ink = line(pictures, gap=5)
    assert LineReader(reader, pattern=r"9\d{5}")(ink).ascii.startswith("9")
    assert LineReader(reader, pattern=r"\d{60}")(ink).reason == "does not fit the pattern"


def test_blank_paper_is_no_number(reader: Reader) -> None:
    """A line without ink says so instead of guessing."""
    reading = LineReader(reader)(np.zeros((40, 200), np.uint8))
    assert (reading.text, reading.accepted, reading.reason) == ("", False, "no ink found")


def test_a_line_of_another_length_than_asked_for_is_refused(reader: Reader) -> None:
    """No digit is invented to fill a pattern, nor left out; what was seen reads well without it."""
    texts, pictures = zip(*digits(reader)[:5], strict=True)
    ink = line(list(pictures), gap=5)
    assert LineReader(reader)(ink).ascii == "".join(texts)
    for pattern in (r"\d{6}", r"\d{4}", "pin-code"):
        reading = LineReader(reader, pattern=pattern)(ink)
        assert (reading.accepted, reading.reason) == (False, "does not fit the pattern"), pattern


def test_valid_readings_come_first_with_their_probability_among_valid_ones(
    reader: Reader,
) -> None:
    texts, pictures = zip(*digits(reader)[:6], strict=True)
    shown = "".join(texts)
    odd = validators.Validator(
        name="other",
        summary="",
        pattern="digits",
        check=lambda text: "checksum" if text == shown else None,
    )
    others = LineReader(reader, validator=odd)(line(list(pictures), gap=5)).alternatives
    assert others
    valid = [other.probability for other in others]
    assert sum(valid) > 0.9
