"""What follows from two opinions of a line."""

from __future__ import annotations

import math

import pytest

from indicdigits.reading.opinions import Opinion, Opinions, joined
from indicdigits.runtime.line_bundle import Mixture, Pooled

HALVES = Pooled(choice=0.5, lattice=0.5, sequence=0.5, threshold=0.9)
ONE, OTHER = (1, 2), (1, 3)


def opinion(lattice: float, sequence: float) -> Opinion:
    return Opinion(math.log(lattice), math.log(sequence))


def test_a_string_that_both_think_of_is_sure_and_one_that_they_part_over_is_not() -> None:
    agreed = dict(joined({ONE: opinion(0.99, 0.99), OTHER: opinion(0.01, 0.01)}, HALVES))
    parted = dict(joined({ONE: opinion(0.99, 0.01), OTHER: opinion(0.01, 0.99)}, HALVES))
    assert agreed[ONE] == pytest.approx(0.99)
    assert parted[ONE] == pytest.approx(parted[OTHER]) == pytest.approx(0.5)
    assert sum(agreed.values()) == pytest.approx(1.0)


def test_who_chooses_does_not_decide_how_sure_it_is() -> None:
    """The lattice chooses alone here; that the other sees it otherwise makes it unsure."""
    pooled = Pooled(choice=1.0, lattice=0.2, sequence=0.8, threshold=0.9)
    ranked = joined({ONE: opinion(0.1, 0.95), OTHER: opinion(0.9, 0.05)}, pooled)
    assert ranked[0][0] == OTHER
    assert ranked[0][1] < 0.5


def test_a_way_that_rules_a_string_out_may_be_wrong() -> None:
    ruled_out = {ONE: Opinion(-math.inf, math.log(0.9)), OTHER: opinion(0.9, 0.1)}
    assert all(0 < share < 1 for _, share in joined(ruled_out, HALVES))
    assert joined({}, HALVES) == []


def test_touching_lines_have_weights_of_their_own() -> None:
    touching = Pooled(choice=0.1, lattice=0.1, sequence=0.9, threshold=0.95)
    mixture = Mixture(apart=HALVES, touching=touching, reader="x")
    assert Opinions({}, touching=True).pooled(mixture) is touching
    assert Opinions({}, touching=False).pooled(mixture) is HALVES
