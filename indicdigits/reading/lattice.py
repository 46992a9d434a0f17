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
        self._arriving = [
            (self._moves.symbol[there], self._moves.source[there])
            for there in (self._moves.target == state for state in range(len(automaton)))
        ]
        self._into = [np.flatnonzero(lattice.last == node) for node in range(lattice.size + 1)]

    def total(self) -> float:
        """Logarithm of the sum over all ways."""
        return self._end(self._forward())

    def sums(self) -> Sums:
        """The sum over all ways, and the part of it that each edge has."""
        lattice, moves = self._lattice, self._moves
        forward = self._forward()
        total = self._end(forward)
        posterior = np.zeros_like(lattice.scores)
        if total == _NEVER:
            return Sums(total, posterior)
        backward = np.full_like(forward, _NEVER)
        backward[-1, self._automaton.final] = 0.0
        for node in range(lattice.size, 0, -1):
            edges = self._into[node]
            if not len(edges):
                continue
            after = lattice.scores[edges][:, moves.symbol] + backward[node, moves.target]
            whole = after + forward[lattice.first[edges]][:, moves.source] - total
            for edge, row, values in zip(edges.tolist(), after, np.exp(whole), strict=True):
                posterior[edge] = np.bincount(
                    moves.symbol, values, minlength=lattice.scores.shape[1]
                )
                first = lattice.first[edge]
                backward[first] = np.logaddexp(backward[first], self._summed(row, moves.source))
        return Sums(total, posterior)

    def ways(self) -> Iterator[Way]:
        """The ways through the lattice, the best first; those far behind it are left out."""
        lattice, size = self._lattice, self._lattice.size
        best = self._forward(best=True)
        floor = best[-1][self._automaton.final].max(initial=_NEVER) - _FAR_BEHIND
        order = count()
        waiting: list[tuple[float, int, int, int, float, tuple[Step, ...]]] = []
        for state in np.flatnonzero(self._automaton.final & (best[-1] > _NEVER)).tolist():
            heapq.heappush(waiting, (-best[-1, state], next(order), size, state, 0.0, ()))
        while waiting:
            bound, _, node, state, score, steps = heapq.heappop(waiting)
            if node == 0:
                yield Way(-bound, steps)
                continue
            symbols, sources = self._arriving[state]
            edges = self._into[node]
            taken = lattice.scores[edges][:, symbols]
            worth = best[lattice.first[edges]][:, sources] + taken + score
            for row, column in zip(*np.nonzero(worth > floor), strict=True):
                edge, symbol = int(edges[row]), int(symbols[column])
                heapq.heappush(
                    waiting,
                    (
                        -float(worth[row, column]),
                        next(order),
                        int(lattice.first[edge]),
                        int(sources[column]),
                        score + float(taken[row, column]),
                        (Step(edge, symbol), *steps),
                    ),
                )

    def _forward(self, *, best: bool = False) -> Float:
        """float64 (N + 1,S), the sum over ways to each node and state, or the best of them."""
        lattice, moves = self._lattice, self._moves
        result = np.full((lattice.size + 1, len(self._automaton)), _NEVER)
        result[0, 0] = 0.0
        for node in range(1, lattice.size + 1):
            edges = self._into[node]
            if not len(edges) or not len(moves.target):
                continue
            worth = result[lattice.first[edges]][:, moves.source]
            worth = worth + lattice.scores[edges][:, moves.symbol]
            if best:
                np.maximum.at(result[node], moves.target, worth.max(axis=0))
            else:
                targets = np.tile(moves.target, len(edges))
                result[node] = self._summed(worth.ravel(), targets)
        return result

    def _summed(self, worth: Float, states: Int) -> Float:
        """float64 (S,), logarithms of the sums over what belongs to each state."""
        highest = worth.max(initial=_NEVER)
        if highest == _NEVER:
            return np.full(len(self._automaton), _NEVER)
        sums = np.bincount(states, np.exp(worth - highest), minlength=len(self._automaton))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(sums) + highest)

    def _end(self, forward: Float) -> float:
        ends = forward[-1][self._automaton.final]
        highest = float(ends.max(initial=_NEVER))
        return highest + float(np.log(np.exp(ends - highest).sum())) if highest > _NEVER else _NEVER
