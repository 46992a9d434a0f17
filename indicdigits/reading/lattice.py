"""A line as a lattice: which pieces may be which character, and the likeliest ways through.

Nodes are the places between pieces, edges are runs of pieces taken for one character. What a way
from the first node to the last is worth is the sum over its edges, as in a semi-Markov random
field (Sarawagi and Cohen 2004); dividing by the sum over all ways that an automaton allows makes
probabilities of it. The sums are forward-backward's, the best way is Viterbi's, and the next best
are found by A* over what Viterbi left.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.automaton import Automaton

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int32]

_NEVER = -np.inf
_FAR_BEHIND = 16.0  # logarithm; ways so much worse than the best are never looked at


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lattice:
    """Runs of pieces and what they may be.

    Attributes:
        size: Number of pieces.
        first: int32 (E,), the first piece of each edge.
        last: int32 (E,), the piece after its last.
        scores: float64 (E,C), what taking an edge for a character is worth; -inf where it cannot
            be that one.
    """

    size: int
    first: Int
    last: Int
    scores: Float


class Step(NamedTuple):
    """An edge taken for a character."""

    edge: int
    symbol: int


class Way(NamedTuple):
    """A way through the lattice and what it is worth."""

    score: float
    steps: tuple[Step, ...]


class Sums(NamedTuple):
    """What forward-backward answers.

    Attributes:
        total: Logarithm of the sum over all ways, -inf where there is none.
        posterior: float64 (E,C), the probability that an edge is taken for a character.
    """

    total: float
    posterior: Float


class Decoder:
    """Reads a lattice under an automaton.

    Args:
        lattice: The line.
        automaton: What it may say; its alphabet is the lattice's characters.
    """

    def __init__(self, lattice: Lattice, automaton: Automaton) -> None:
        self._lattice = lattice
        self._automaton = automaton
        self._moves = automaton.moves
        nodes = range(lattice.size + 1)
        self._into = [np.flatnonzero(lattice.last == node) for node in nodes]
        self._from = [np.flatnonzero(lattice.first == node) for node in nodes]
        # Sums are taken of numbers near one; what they are to be multiplied with stands beside.
        self._peak = lattice.scores.max(axis=1)
        self._factor = np.exp(lattice.scores - self._peak[:, None])[:, self._moves.symbol]

    def total(self) -> float:
        """Logarithm of the sum over all ways."""
        return self._end(*self._forward())

    def sums(self) -> Sums:
        """The sum over all ways, and the part of it that each edge has."""
        lattice, moves = self._lattice, self._moves
        forward, scale = self._forward()
        total = self._end(forward, scale)
        posterior = np.zeros_like(lattice.scores)
        if total == _NEVER:
            return Sums(total, posterior)
        of_symbol = np.zeros((len(moves.symbol), posterior.shape[1]))
        of_symbol[np.arange(len(moves.symbol)), moves.symbol] = 1.0
        backward, behind = np.zeros_like(forward), np.full_like(scale, _NEVER)
        backward[-1], behind[-1] = self._automaton.final, 0.0
        for node in range(lattice.size - 1, -1, -1):
            edges = self._from[node]
            offset = behind[lattice.last[edges]] + self._peak[edges]
            highest = offset.max(initial=_NEVER)
            if highest == _NEVER or scale[node] == _NEVER:
                continue
            onward = backward[lattice.last[edges]][:, moves.target] * self._factor[edges]
            onward *= np.exp(offset - highest)[:, None]
            here = (onward * forward[node, moves.source]) @ of_symbol
            posterior[edges] = here * np.exp(highest + scale[node] - total)
            self._enter(backward, behind, node, moves.source, onward.sum(axis=0), highest)
        return Sums(total, posterior)

    def ways(self, most: int) -> Iterator[Way]:
        """The ways through the lattice, the best first; those far behind it are left out.

        Args:
            most: How many at most. No step has more than so many that can be among them.
        """
        lattice, size = self._lattice, self._lattice.size
        best = self._viterbi()
        floor = best[-1][self._automaton.final].max(initial=_NEVER) - _FAR_BEHIND
        order = count()
        # Of ways that are worth the same the one that is nearly whole comes first: a character that
        # might as well be any digit of sixteen scripts would else be tried in all of them at once.
        waiting: list[tuple[float, int, int, int, float, tuple[Step, ...]]] = []
        for state in np.flatnonzero(self._automaton.final & (best[-1] > _NEVER)).tolist():
            heapq.heappush(waiting, (-best[-1, state], size, next(order), state, 0.0, ()))
        while waiting and most:
            bound, node, _, state, score, steps = heapq.heappop(waiting)
            if node == 0:
                yield Way(-bound, steps)
                most -= 1
                continue
            there = self._moves.target == state
            symbols, sources = self._moves.symbol[there], self._moves.source[there]
            edges = self._into[node]
            taken = lattice.scores[edges][:, symbols]
            worth = best[lattice.first[edges]][:, sources] + taken + score
            for row, column in _best(worth, floor, most):
                edge, symbol = int(edges[row]), int(symbols[column])
                heapq.heappush(
                    waiting,
                    (
                        -float(worth[row, column]),
                        int(lattice.first[edge]),
                        next(order),
                        int(sources[column]),
                        score + float(taken[row, column]),
                        (Step(edge, symbol), *steps),
                    ),
                )

    def _forward(self) -> tuple[Float, Float]:
        """The sum over ways to each node and state: float64 (N + 1,S), times e to the (N + 1,)."""
        lattice, moves = self._lattice, self._moves
        sums = np.zeros((lattice.size + 1, len(self._automaton)))
        scale = np.full(lattice.size + 1, _NEVER)
        sums[0, 0], scale[0] = 1.0, 0.0
        for node in range(1, lattice.size + 1):
            edges = self._into[node]
            offset = scale[lattice.first[edges]] + self._peak[edges]
            highest = offset.max(initial=_NEVER)
            if highest == _NEVER:
                continue
            arriving = sums[lattice.first[edges]][:, moves.source] * self._factor[edges]
            arriving = np.exp(offset - highest) @ arriving
            self._enter(sums, scale, node, moves.target, arriving, highest)
        return sums, scale

    def _enter(
        self, sums: Float, scale: Float, node: int, states: Int, values: Float, offset: float
    ) -> None:
        """Enters at a node what belongs to each state."""
        found = np.bincount(states, values, minlength=len(self._automaton))
        highest = found.max()
        if highest > 0:
            sums[node], scale[node] = found / highest, offset + np.log(highest)

    def _viterbi(self) -> Float:
        """float64 (N + 1,S), the best way to each node and state."""
        lattice, moves = self._lattice, self._moves
        result = np.full((lattice.size + 1, len(self._automaton)), _NEVER)
        result[0, 0] = 0.0
        for node in range(1, lattice.size + 1):
            edges = self._into[node]
            if len(edges):
                worth = result[lattice.first[edges]][:, moves.source]
                worth = worth + lattice.scores[edges][:, moves.symbol]
                np.maximum.at(result[node], moves.target, worth.max(axis=0))
        return result

    def _end(self, forward: Float, scale: Float) -> float:
        reached = float(forward[-1][self._automaton.final].sum())
        return float(scale[-1] + np.log(reached)) if reached > 0 else _NEVER


def _best(worth: Float, floor: float, most: int) -> list[tuple[int, int]]:
    """Places (row, column) of the highest values above a floor, so many at most."""
    flat = worth.ravel()
    places = np.flatnonzero(flat > floor)
    if len(places) > most:
        places = places[np.argpartition(-flat[places], most)[:most]]
    rows, columns = np.divmod(places, worth.shape[1])
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
