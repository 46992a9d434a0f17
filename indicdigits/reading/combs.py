"""Reads a comb, a digit a cell: where the next digit begins is known from the form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from indicdigits.reading.answer import Box, Candidate, Character, LineReading
from indicdigits.reading.page.lines import Line
from indicdigits.runtime.reader import Reader, Reading


def read_comb(reader: Reader, line: Line) -> LineReading:
    """Reads the cells of a line one by one.

    Args:
        reader: Reads single digits.
        line: Has cells.

    Returns:
        What they say one after the other; accepted if every digit is.
    """
    height, width = line.ink.shape
    cuts = [line.ink[:, start:end] for start, end in line.cells]
    readings = list(reader.many(cuts))
    digits = tuple(
        Character(
            text=reading.text,
            ascii=_ascii(reading.text, reading.value),
            probability=reading.probability,
            box=Box(start, 0, end - start, height),
        )
        for reading, (start, end) in zip(readings, line.cells, strict=True)
    )
    refused = next((reading.reason for reading in readings if not reading.accepted), None)
    return LineReading(
        text="".join(digit.text for digit in digits),
        ascii="".join(digit.ascii for digit in digits),
        probability=math.prod(digit.probability for digit in digits),
        accepted=refused is None,
        reason=refused,
        box=Box(0, 0, width, height),
        digits=digits,
        alternatives=_alternatives(digits, readings),
    )


def _alternatives(
    digits: Sequence[Character], readings: Sequence[Reading]
) -> tuple[Candidate, ...]:
    """The readings that differ in one digit, the likeliest two."""
    whole = math.prod(digit.probability for digit in digits)
    found = []
    for place, reading in enumerate(readings):
        for other in reading.alternatives:
            if other.value is None or not reading.probability:
                continue
            changed = replace(digits[place], text=other.text, ascii=_ascii(other.text, other.value))
            string = [*digits[:place], changed, *digits[place + 1 :]]
            found.append(
                Candidate(
                    text="".join(digit.text for digit in string),
                    ascii="".join(digit.ascii for digit in string),
                    probability=whole * other.probability / reading.probability,
                )
            )
    return tuple(sorted(found, key=lambda one: -one.probability)[:2])


def _ascii(text: str, value: int | None) -> str:
    return text if value is None else str(value)
