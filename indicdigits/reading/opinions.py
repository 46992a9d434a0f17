"""What two ways to read a line think of its strings, and what follows from both.

A string is worth the weighted sum of the logarithms of its two probabilities: a logarithmic opinion
pool (Genest and Zidek 1986), whose weights were fitted on lines of training digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from indicdigits.runtime.line_bundle import Mixture

T = TypeVar("T")

_LEAST = -14.0  # a logarithm; a way to read may be wrong that says less of a string


class Opinion(NamedTuple):
    """Logarithms of the probability of a string, by the lattice and by the sequence reader."""

    lattice: float
    sequence: float


def joined(opinions: Mapping[T, Opinion], mixture: Mixture) -> dict[T, float]:
    """The probability of each string among those that either way has thought of."""
    if not opinions:
        return {}
    logs = np.maximum(np.array(list(opinions.values())), _LEAST)
    worth = logs @ np.array([mixture.lattice, mixture.sequence])
    shares = np.exp(worth - worth.max())
    return dict(zip(opinions, (shares / shares.sum()).tolist(), strict=True))
