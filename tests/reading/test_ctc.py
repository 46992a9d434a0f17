"""Connectionist temporal classification: sums over placements, under an automaton."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from indicdigits.reading.automaton import Automaton
from indicdigits.reading.ctc import Places, decode, placed, score, total
from indicdigits.reading.patterns import pattern

ALPHABET = "012"
ANYTHING = Automaton(alphabet=ALPHABET, table=np.zeros((1, 3), np.int32), final=np.array([True]))


def random_places(seed: int, count: int = 5) -> Places:
    """Places of a line of which nothing is certain."""
    probabilities = np.random.default_rng(seed).dirichlet(np.full(4, 0.7), count)
    return Places.of(probabilities)


def by_hand(places: Places) -> dict[tuple[int, ...], float]:
    """Every string's probability, by going through all placements."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(4), repeat=len(places.probabilities)):
        steps = places.probabilities[np.arange(len(path)), list(path)]
        symbols = tuple(k - 1 for k, _ in itertools.groupby(path) if k)
        found[symbols] = found.get(symbols, 0.0) + float(steps.prod())
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_strings_probability_is_the_sum_over_its_placements(seed: int) -> None:
    places = random_places(seed)
    expected = by_hand(places)
    strings = list(expected)
    np.testing.assert_allclose(
        np.exp(score(places, strings)), [expected[s] for s in strings], rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_sum_under_an_automaton_is_that_of_the_strings_it_accepts(seed: int) -> None:
    places = random_places(seed)
    two = pattern(r"[01]\d").over(ALPHABET)
    expected = sum(
        p for s, p in by_hand(places).items() if two.accepts("".join(ALPHABET[k] for k in s))
    )
    assert np.exp(total(places, two)) == pytest.approx(expected)
    assert np.exp(total(places, ANYTHING)) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(6))
def test_the_likeliest_string_that_is_allowed_comes_first_with_its_share(seed: int) -> None:
    places = random_places(seed)
    two = pattern(r"\d\d").over(ALPHABET)
    allowed = {s: p for s, p in by_hand(places).items() if len(s) == 2}
    found = decode(places, two, most=3, beam=64)
    best = max(allowed, key=lambda s: allowed[s])
    assert found[0].symbols == best
    assert np.exp(found[0].score) == pytest.approx(allowed[best] / sum(allowed.values()))
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


def test_nothing_is_found_where_the_automaton_needs_more_than_was_seen() -> None:
    places = random_places(0, count=2)
    assert decode(places, pattern(r"\d{5}").over(ALPHABET), most=3) == []


def test_places_that_are_surely_paper_change_nothing_but_the_time_it_takes() -> None:
    paper = np.tile([1.0 - 3e-9, 1e-9, 1e-9, 1e-9], (30, 1))
    written = np.random.default_rng(1).dirichlet(np.full(4, 0.7), 4)
    with_paper = Places.of(np.concatenate([paper, written[:2], paper, written[2:], paper]))
    assert len(with_paper.probabilities) == 7
    short = Places.of(np.concatenate([paper[:1], written[:2], paper[:1], written[2:]]))
    strings = [(0, 1), (2,), (1, 1, 0)]
    np.testing.assert_allclose(score(with_paper, strings), score(short, strings), atol=1e-6)


def test_a_character_stands_where_it_was_seen() -> None:
    rows = np.full((9, 4), 0.02)
    rows[:, 0] = 0.94
    for place, symbol in ((2, 1), (3, 1), (6, 2)):
        rows[place] = 0.02
        rows[place, symbol] = 0.94
    assert placed(Places.of(rows), (0, 1)) == [(2, 4), (6, 7)]
