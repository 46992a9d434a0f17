"""What a line may say: patterns, checksums, and the automata that they become."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicdigits.errors import UsageError
from indicdigits.reading import verhoeff
from indicdigits.reading.patterns import ALPHABET, PATTERNS, pattern
from indicdigits.reading.validators import VALIDATORS, Validator, register, validator

EXPRESSIONS = [*PATTERNS.values(), r"1{2,4}(2|3,)*", r"[1-39]+\.?", r"(/-)?-", r"\d{0,2}1", ".{2,}"]


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(text=st.text("0129,.-/₹", max_size=8))
@settings(max_examples=25, deadline=None)
def test_patterns_mean_what_regular_expressions_mean(expression: str, text: str) -> None:
    """A pattern accepts exactly what Python's own regular expressions match."""
    expected = re.fullmatch(expression, text) is not None
    assert pattern(expression).accepts(text) == expected


@pytest.mark.parametrize("expression", [r"(1", r"1)", r"1{3,2}", r"1{x}", r"[9-1]", "a1", "\\"])
def test_broken_patterns_are_refused(expression: str) -> None:
    """A pattern that makes no sense is said, with what is allowed."""
    with pytest.raises(UsageError, match="is no pattern"):
        pattern(expression)


def test_misspelt_names_find_the_nearest() -> None:
    """Names are checked, and the nearest spelling is suggested."""
    with pytest.raises(UsageError, match="amount"):
        pattern("amont")
    with pytest.raises(UsageError, match="aadhaar"):
        validator("adhaar")


def test_verhoeff_notices_single_errors_and_swaps() -> None:
    """The known example is valid; every changed digit and every swap of neighbours is noticed."""
    number = "2363"  # the example of most descriptions
    assert verhoeff.is_valid(number)
    for place in range(4):
        for digit in set("0123456789") - {number[place]}:
            assert not verhoeff.is_valid(number[:place] + digit + number[place + 1 :])
    swapped = [number[:n] + number[n + 1] + number[n] + number[n + 2 :] for n in range(3)]
    assert not any(verhoeff.is_valid(other) for other in swapped)


def test_the_automaton_of_the_checksum_is_the_checksum() -> None:
    """Decoding under the automaton can end only at numbers that pass."""
    automaton = validator("aadhaar").language()
    rng = np.random.default_rng(0)
    for _ in range(50):
        first = str(rng.integers(2, 10)) + "".join(map(str, rng.integers(0, 10, 10)))
        accepted = [d for d in "0123456789" if automaton.accepts(first + d)]
        assert accepted == [verhoeff.check_digit(first)]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("pin-code", "110001", "010001"),
        ("mobile", "9876543210", "1876543210"),
        ("date", "29/02/2024", "29/02/2023"),
        ("date", "31-12-99", "31-13-99"),
        ("ifsc-branch", "0001234", "1001234"),
        ("account-number", "123456789", "12345678"),
        ("micr-code", "110002001", "110000001"),
        ("amount", "₹12,34,567.80/-", "₹1,234,567"),
        ("amount:1..200000", "2,00,000", "2,00,001"),
        ("indian-grouping", "1,23,456", "123,456"),
    ],
)
def test_validators_tell_good_from_bad(name: str, good: str, bad: str) -> None:
    """Each validator lets a right number pass and says why a wrong one does not."""
    assert validator(name)(good) is None
    assert validator(name)(bad)


def test_a_validator_is_a_plug_in() -> None:
    """One call adds a kind of number; a second of that name is refused."""
    even = Validator(
        name="even", summary="", pattern="digits", check=lambda t: "odd" if int(t) % 2 else None
    )
    register(even)
    try:
        assert [validator("even")(text) for text in ("12", "13")] == [None, "odd"]
        with pytest.raises(ValueError, match="twice"):
            register(even)
    finally:
        del VALIDATORS["even"]


def test_automata_of_one_alphabet_meet() -> None:
    """What two patterns both allow is what each of them allows."""
    both = pattern(r"\d{4}").both(pattern(r"[1-9]\d*"))
    assert [both.accepts(text) for text in ("1234", "0234", "12345")] == [True, False, False]
    assert both.alphabet == ALPHABET
