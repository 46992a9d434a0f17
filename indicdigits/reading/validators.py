"""What a number must be like beyond its shape: checksums, calendars, ranges; a registry.

A validator says why a reading cannot be right, or nothing. One more is one function:

    from indicdigits.reading.validators import Validator, register
    register(Validator(name="even", summary="an even number", pattern="digits",
                       check=lambda text: None if int(text) % 2 == 0 else "is odd"))
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from indicdigits.errors import UsageError, did_you_mean
from indicdigits.reading import verhoeff
from indicdigits.reading.automaton import Automaton
from indicdigits.reading.numbers import value_of
from indicdigits.reading.patterns import ALPHABET, pattern

Check = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Validator:
    """One kind of number.

    Attributes:
        name: What templates and the command line call it.
        summary: One line about it.
        pattern: What it may look like: a name or an expression of `patterns`.
        check: Says of a reading in ASCII why it cannot be right, or None.
        valid: Makes the automaton of what passes `check`, where there is one: then the best valid
            reading is found exactly, and not only among the likeliest.
    """

    name: str
    summary: str
    pattern: str
    check: Check
    valid: Callable[[], Automaton] | None = None

    def language(self) -> Automaton:
        """What it may look like, with its checksum where that is an automaton."""
        shape = pattern(self.pattern)
        return shape.both(self.valid().over(ALPHABET)) if self.valid else shape

    def __call__(self, text: str) -> str | None:
        """Why a reading in ASCII cannot be right, or None where it may be."""
        if not pattern(self.pattern).accepts(text):
            return "does not fit the pattern"
        return self.check(text)


VALIDATORS: dict[str, Validator] = {}


def register(validator: Validator) -> Validator:
    """Adds a validator.

    Raises:
        ValueError: The name is taken.
    """
    if validator.name in VALIDATORS:
        raise ValueError(f"validator {validator.name!r} is registered twice")
    VALIDATORS[validator.name] = validator
    return validator


def validator(name: str) -> Validator:
    """The validator of a name; `amount:LOW..HIGH` is an amount within a range.

    Raises:
        UsageError: There is none.
    """
    kind, _, limits = name.partition(":")
    if kind == "amount" and limits:
        return amount_within(limits)
    if name not in VALIDATORS:
        raise UsageError(
            f"unknown validator {name!r}",
            allowed=f"{', '.join(VALIDATORS)}, amount:LOW..HIGH",
            hint=did_you_mean(name, VALIDATORS),
        )
    return VALIDATORS[name]


def amount_within(limits: str) -> Validator:
    """An amount from LOW to HIGH, both included; either may be left out.

    Raises:
        UsageError: `limits` is not LOW..HIGH.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)?\.\.(\d+(?:\.\d+)?)?", limits)
    if not found:
        raise UsageError(f"{limits!r} is no range", allowed="LOW..HIGH, such as 1..200000")
    low = Decimal(found[1] or 0)
    high = Decimal(found[2]) if found[2] else None

    def check(text: str) -> str | None:
        value = value_of(text)
        if value is None or value < low or (high is not None and value > high):
            return f"is not within {limits}"
        return _grouping(text)

    return Validator(
        name=f"amount:{limits}", summary="an amount within a range", pattern="amount", check=check
    )


def _date(text: str) -> str | None:
    parts = re.split(r"[-/.]", text)
    if len(parts) == 1:
        parts = [text[:2], text[2:4], text[4:]]
    day, month, year = map(int, parts)
    # Two digits of a year: 1970 to 2069, as most programs take them.
    year += (2000 if year < 70 else 1900) if len(parts[2]) == 2 else 0
    try:
        date = datetime.date(year, month, day)
    except ValueError:
        return "is no date"
    return None if 1800 <= date.year <= 2199 else "is no date"


def _grouping(text: str) -> str | None:
    """Commas stand before the last three digits, and before every two further ones."""
    whole = re.sub(r"[₹-]|\.\d+|/-", "", text)
    right = "," not in whole or re.fullmatch(r"\d{1,2}(,\d{2})*,\d{3}", whole)
    return None if right else "is not grouped in lakhs"


def _never(text: str) -> str | None:
    return None


def _not_zeros(text: str) -> str | None:
    return None if text.strip("0") else "is all zeros"


for _validator in (
    Validator(
        name="aadhaar",
        summary="12 digits, the last a Verhoeff checksum; the first is 2 to 9",
        pattern=r"[2-9]\d{11}",
        check=lambda text: None if verhoeff.is_valid(text) else "checksum",
        valid=lambda: verhoeff.automaton(12),
    ),
    Validator(
        name="pin-code",
        summary="six digits, the first is 1 to 9",
        pattern=r"[1-9]\d{5}",
        check=_never,
    ),
    Validator(
        name="mobile",
        summary="ten digits from 6 on, with 0 or 91 before them or without",
        pattern=r"(0|91)?[6-9]\d{9}",
        check=_never,
    ),
    Validator(name="date", summary="day, month and year", pattern="date", check=_date),
    Validator(
        name="ifsc-branch",
        summary="the digits at the end of an IFSC: 0 and six more",
        pattern=r"0\d{6}",
        check=_not_zeros,
    ),
    Validator(
        name="account-number",
        summary="9 to 18 digits",
        pattern=r"\d{9,18}",
        check=_not_zeros,
    ),
    Validator(
        name="micr-cheque", summary="six digits of a cheque", pattern=r"\d{6}", check=_not_zeros
    ),
    Validator(
        name="micr-code",
        summary="nine digits: city, bank and branch",
        pattern=r"[1-9]\d{8}",
        check=lambda text: "has no bank" if text[3:6] == "000" else None,
    ),
    Validator(
        name="micr-account", summary="six digits of an account", pattern=r"\d{6}", check=_never
    ),
    Validator(
        name="micr-transaction", summary="two digits: the kind", pattern=r"\d{2}", check=_not_zeros
    ),
    Validator(name="amount", summary="an amount in figures", pattern="amount", check=_grouping),
    Validator(
        name="indian-grouping",
        summary="commas as in 12,34,567, if there are any",
        pattern="decimal",
        check=_grouping,
    ),
):
    register(_validator)
