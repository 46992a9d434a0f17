"""What two ways to read a line think of its strings, and what follows from both.

A string is worth the weighted sum of the logarithms of its two probabilities: a logarithmic opinion
pool (Genest and Zidek 1986), whose weights were fitted on lines of training digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from indicdigits.reading.ctc import Symbols
from indicdigits.runtime.line_bundle import Mixture, Pooled

_LEAST = -14.0  # a logarithm; a way to read may be wrong that says less of a string


class Opinion(NamedTuple):
    """Logarithms of the probability of a string, by the lattice and by the sequence reader."""

    lattice: float
    sequence: float


class Opinions(NamedTuple):
    """What both ways think of a line.

    Attributes:
        of: Strings, in symbols of the lattice, and what is thought of each.
        touching: Whether the lattice had to cut ink, or the two see different numbers of
            characters.
        allowed: Logarithm of the probability, by the sequence reader, that the line says anything
            that is allowed.
    """

    of: dict[Symbols, Opinion]
    touching: bool
    allowed: float = 0.0

    def pooled(self, mixture: Mixture) -> Pooled:
        """How far each way is to be trusted with this line."""
        return mixture.touching if self.touching else mixture.apart


def joined(opinions: Mapping[Symbols, Opinion], pooled: Pooled) -> list[tuple[Symbols, float]]:
    """The strings that either way has thought of, the likeliest first, and their probabilities.

    Which comes first and how sure that is are weighed apart: on lines in a hand that is known a
    way may be right nearly always, and still be no judge of itself in an unknown hand.
    """
    if not opinions:
        return []
    logs = np.maximum(np.array(list(opinions.values())), _LEAST)
    worth = logs @ np.array([pooled.lattice, pooled.sequence])
    shares = np.exp(worth - worth.max())
    shares /= shares.sum()
    order = np.argsort(-(logs @ np.array([pooled.choice, 1 - pooled.choice])), kind="stable")
    symbols = list(opinions)
    return [(symbols[n], float(shares[n])) for n in order.tolist()]
