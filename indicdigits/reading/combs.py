"""Reads a comb, a digit a cell: where the next digit begins is known from the form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from indicdigits.reading import patterns, validators
from indicdigits.reading.answer import Box, Candidate, Character, LineReading, ReadLine
from indicdigits.reading.page.lines import Line
from indicdigits.reading.validators import VALIDATORS
from indicdigits.runtime.doubt import BELOW
from indicdigits.runtime.reader import Reader, Reading

_NO_FIT = "does not fit the pattern"


Fault = Callable[[str], str | None]  # why a number in ASCII cannot be right, or None


def fault_of(pattern: str | None, validator: str | None) -> Fault:
    """What says why a number does not fit a pattern, or a validator.

    Args:
        pattern: As `LineReader` takes it; None allows anything.
        validator: The name of one, or None.

    Raises:
        UsageError: There is no such pattern or validator.
    """
    checks: list[Fault] = []
    if pattern in VALIDATORS and pattern not in patterns.PATTERNS:
        checks.append(VALIDATORS[pattern])
    elif pattern is not None:
        allowed = patterns.pattern(pattern)
        checks.append(lambda text: None if allowed.accepts(text) else _NO_FIT)
    if validator is not None:
        checks.append(validators.validator(validator))
    return lambda text: next((fault for check in checks if (fault := check(text))), None)


def read_comb(reader: Reader, line: Line, fault: Fault, read_line: ReadLine) -> LineReading:
    """Reads the cells of a line one by one.

    Args:
        reader: Reads single digits.
        line: Has cells.
        fault: Says why what they say together cannot be right.
        read_line: Finds the best reading that can, where that is not so.

    Returns:
        What they say one after the other; accepted if every digit is and the whole has no fault.
    """
    reading = _cell_by_cell(reader, line)
    found = fault(reading.ascii)
    if found is None:
        return reading
    other = read_line(line.ink)
    valid = Candidate(text=other.text, ascii=other.ascii, probability=other.probability)
    offered = (valid,) if fault(other.ascii) is None else ()
    return replace(
        reading,
        accepted=False,
        reason=found,
        alternatives=(*offered, *reading.alternatives),
    )


def _cell_by_cell(reader: Reader, line: Line) -> LineReading:
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
    if refused == BELOW:
        refused = f"a digit {BELOW}"  # the whole may well be above
    return LineReading(
        text="".join(digit.text for digit in digits),
        ascii="".join(digit.ascii for digit in digits),
        probability=math.prod(digit.probability for digit in digits),
        accepted=refused is None,
        reason=refused,
        box=Box(0, 0, width, height),
        digits=digits,
        alternatives=_alternatives(digits, readings),
        threshold=reader.acceptance.threshold,
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
