"""Verhoeff's check digit (1969), which Aadhaar numbers end with.

Digits are turned into elements of the dihedral group of ten, each after a permutation that depends
on its place from the right; a number is valid where their product is the group's one. It notices
every wrong digit and every swap of neighbours.
"""

from __future__ import annotations

import numpy as np

from indicdigits.reading.automaton import Automaton

_DIGITS = "0123456789"
_PERIOD = 8
_FIRST = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)  # the permutation of the second digit from the right


def _product(one: int, other: int) -> int:
    """The dihedral group: 0 to 4 are turns, 5 to 9 reflections."""
    if one < 5:
        return (one + other) % 5 + (5 if other >= 5 else 0)
    return (one - other) % 5 + (5 if other < 5 else 0)


def _permuted(place: int, digit: int) -> int:
    for _ in range(place % _PERIOD):
        digit = _FIRST[digit]
    return digit


def is_valid(number: str) -> bool:
    """Whether the last digit of a number is its check digit."""
    product = 0
    for place, digit in enumerate(reversed(number)):
        product = _product(product, _permuted(place, int(digit)))
    return product == 0


def check_digit(number: str) -> str:
    """The digit that makes a number valid when it is put after it."""
    return next(digit for digit in _DIGITS if is_valid(number + digit))


def automaton(length: int) -> Automaton:
    """Accepts the valid numbers of so many digits."""
    table = np.full((10 * (length + 1), 10), -1, np.int32)
    for read in range(length):
        for product in range(10):
            for digit in range(10):
                # Read from the left, so that every further digit is the factor before.
                after = _product(_permuted(length - 1 - read, digit), product)
                table[10 * read + product, digit] = 10 * (read + 1) + after
    final = np.zeros(len(table), bool)
    final[10 * length] = True
    return Automaton(alphabet=_DIGITS, table=table, final=final)
