"""Sums, best ways and their order are those of counting every way through a lattice."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.reading.automaton import Automaton
from indicdigits.reading.lattice import Decoder, Lattice
from indicdigits.reading.patterns import pattern

SYMBOLS = "012,"


def lattice(seed: int) -> Lattice:
    """Five pieces, runs of up to three, random worths."""
    pairs = [(a, b) for a in range(5) for b in range(a + 1, min(a + 3, 5) + 1)]
    first, last = np.array(pairs, np.int32).T
    scores = np.random.default_rng(seed).normal(0, 2, (len(pairs), len(SYMBOLS)))
    return Lattice(size=5, first=first, last=last, scores=scores)


def every_way(lattice: Lattice, automaton: Automaton) -> dict[tuple[tuple[int, int], ...], float]:
    """The worth of each way, by trying all of them."""
    found = {}

    def go_on(node: int, steps: tuple[tuple[int, int], ...], worth: float) -> None:
        if node == lattice.size:
            if automaton.accepts("".join(SYMBOLS[symbol] for _, symbol in steps)):
                found[steps] = worth
            return
        for edge in np.flatnonzero(lattice.first == node).tolist():
            for symbol in range(len(SYMBOLS)):
                more = float(lattice.scores[edge, symbol])
                go_on(int(lattice.last[edge]), (*steps, (edge, symbol)), worth + more)

    go_on(0, (), 0.0)
    return found


@pytest.mark.parametrize("expression", [r"\d{3}", r"[0-2]+,[01]+", ".+"])
def test_as_counting_every_way(expression: str) -> None:
    """Total, posterior and the order of the best ways agree with brute force."""
    here, automaton = lattice(3), pattern(expression).over(SYMBOLS)
    ways = every_way(here, automaton)
    decoder = Decoder(here, automaton)
    sums = decoder.sums()
    total = float(np.logaddexp.reduce(list(ways.values())))
    assert sums.total == pytest.approx(total)
    expected = np.zeros_like(here.scores)
    for steps, worth in ways.items():
        for edge, symbol in steps:
            expected[edge, symbol] += np.exp(worth - total)
    np.testing.assert_allclose(sums.posterior, expected, atol=1e-9)
    best = sorted(ways.items(), key=lambda way: -way[1])[:20]
    found = list(decoder.ways(20))
    assert [way.steps for way in found] == [steps for steps, _ in best]
    assert [way.score for way in found] == pytest.approx([worth for _, worth in best])


def test_nothing_fits() -> None:
    """Where no way says what is allowed, there is no way and no sum."""
    decoder = Decoder(lattice(0), pattern(r"\d{7}").over(SYMBOLS))
    assert decoder.total() == -np.inf
    assert decoder.sums().posterior.sum() == 0
    assert list(decoder.ways(20)) == []


def test_ways_that_are_worth_the_same_are_not_all_begun() -> None:
    """Characters that nobody can tell apart, as digits of sixteen scripts, cost no more time."""
    symbols = "0" * 100
    pairs = np.array([(a, a + 1) for a in range(12)], np.int32)
    scores = np.zeros((12, len(symbols)))
    here = Lattice(size=12, first=pairs[:, 0], last=pairs[:, 1], scores=scores)
    found = list(Decoder(here, pattern(".+").over(symbols)).ways(60))
    assert len({way.steps for way in found}) == 60  # of 10 to the 24
    assert {way.score for way in found} == {0.0}


def test_ways_that_are_nearly_worth_the_same_are_not_all_begun() -> None:
    """The same where sums of such worths differ in their last bits, as those of real lines do."""
    symbols = "0" * 10
    pairs = np.array([(a, a + 1) for a in range(60)], np.int32)
    scores = np.repeat(np.random.default_rng(0).normal(-2, 1, (60, 1)), len(symbols), axis=1)
    here = Lattice(size=60, first=pairs[:, 0], last=pairs[:, 1], scores=scores)
    assert len({way.steps for way in Decoder(here, pattern(".+").over(symbols)).ways(60)}) == 60


def test_mass_of_a_string() -> None:
    """What a string has among all is the sum over the ways that say it."""
    here = lattice(7)
    ways = every_way(here, pattern(".+").over(SYMBOLS))
    for text in ((0, 1, 2), (1, 1), (2, 2, 2, 2, 2)):
        same = [worth for steps, worth in ways.items() if tuple(s for _, s in steps) == text]
        assert here.mass(text) == pytest.approx(float(np.logaddexp.reduce(same)))
    assert here.mass((0,)) == -np.inf
