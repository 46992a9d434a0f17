"""A reading as a number: its value, its digits in one script or another, lakhs and crores."""

from __future__ import annotations

import re
from decimal import Decimal

from indicdigits.scripts import get_script


def value_of(text: str) -> Decimal | None:
    """The value of a number in ASCII, such as "₹12,34,567.80/-"; None of what is none."""
    bare = re.sub(r"^₹|/-$|(?<=\d)-$|,", "", text)
    return Decimal(bare) if re.fullmatch(r"-?\d+(\.\d+)?", bare) else None


def native(text: str, script: str) -> str:
    """A number in ASCII, its digits written in a script.

    Raises:
        UsageError: No script goes by that name.
    """
    digits = get_script(script).digits
    return "".join(digits[int(symbol)] if symbol in "0123456789" else symbol for symbol in text)


def grouped(value: Decimal | int) -> str:
    """A value with commas after lakhs and crores: 1234567 is 12,34,567."""
    sign, whole = ("-", -value) if value < 0 else ("", value)
    digits, _, fraction = format(Decimal(whole), "f").partition(".")
    head, tail = digits[:-3], digits[-3:]
    pairs = re.findall(r"\d{1,2}", head[::-1])
    parts = [pair[::-1] for pair in reversed(pairs)]
    return sign + ",".join([*parts, tail]) + (f".{fraction}" if fraction else "")
