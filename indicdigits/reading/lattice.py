"""A line as a lattice: which pieces may be which character, and the likeliest ways through.

Nodes are the places between pieces, edges are runs of pieces taken for one character. What a way
from the first node to the last is worth is the sum over its edges, as in a semi-Markov random
field (Sarawagi and Cohen 2004); dividing by the sum over all ways that an automaton allows makes
probabilities of it. The sums are forward-backward's, the best way is Viterbi's, and the next best
are found by A* over what Viterbi left.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.automaton import Automaton

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int32]

_NEVER = -np.inf
_LEAST = np.finfo(np.float64).min  # a number to reckon with where -inf would be none
_FAR_BEHIND = 16.0  # logarithm; ways so much worse than the best are never looked at


@dataclass(frozen=True, kw_only=True, eq=False)
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

    @cached_property
    def into(self) -> list[Int]:
        """The edges that end at each node."""
        return _grouped(self.last, self.size + 1)

    @cached_property
    def out(self) -> list[Int]:
        """The edges that begin at each node."""
        return _grouped(self.first, self.size + 1)

    @cached_property
    def peak(self) -> Float:
        """float64 (E,), what each edge is worth at most."""
        return np.asarray(self.scores.max(axis=1))

    @cached_property
    def shares(self) -> Float:
        """float64 (E,C), e to what an edge is worth as a character less than its peak."""
        return np.exp(self.scores - self.peak[:, None])

    def mass(self, symbols: Sequence[int]) -> float:
        """Logarithm of the sum over all ways that say one string; -inf where there is none."""
        order = np.concatenate(self.into)
        nodes, starts, edges = np.unique(self.last[order], return_index=True, return_counts=True)
        first, scores = self.first[order], self.scores[order]
        reached = np.full(self.size + 1, _NEVER)
        reached[0] = 0.0
        for symbol in symbols:
            arriving = reached[first] + scores[:, symbol]
            highest = np.maximum(np.maximum.reduceat(arriving, starts), _LEAST)
            sums = np.add.reduceat(np.exp(arriving - np.repeat(highest, edges)), starts)
            reached = np.full(self.size + 1, _NEVER)
            with np.errstate(divide="ignore"):  # no way leads there
                reached[nodes] = highest + np.log(sums)
        return float(reached[-1])


def _grouped(nodes: Int, count: int) -> list[Int]:
    """Which edges belong to each node, in their order."""
    order = np.argsort(nodes, kind="stable").astype(np.int32)
    ends = np.searchsorted(nodes[order], np.arange(count + 1)).tolist()
    return [order[start:end] for start, end in pairwise(ends)]


class Step(NamedTuple):
    """An edge taken for a character."""

    edge: int
    symbol: int


class Way(NamedTuple):
    """A way through the lattice and what it is worth."""

    score: float
    steps: tuple[Step, ...]


class _Arrival(NamedTuple):
    """The last step of a way: what it loses against the best, whence it comes, what it takes."""

    lost: float
    node: int
    state: int
    step: Step


# The steps of a way from some node on: the first one and those behind it. Ways share what they end
# with, since copies of it would be most of the memory.
_Tail = tuple[Step, Any] | None


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
        # Sums are taken of numbers near one; what they are to be multiplied with stands beside.
        self._factor = lattice.shares[:, self._moves.symbol]

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
            edges = lattice.out[node]
            offset = behind[lattice.last[edges]] + lattice.peak[edges]
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
        best = self._viterbi()
        ends = np.flatnonzero(self._automaton.final & (best[-1] > _NEVER)).tolist()
        highest = best[-1][ends].max(initial=_NEVER)
        order = count()
        arrivals: dict[tuple[int, int], list[_Arrival]] = {}
        # What a way loses against the best one only grows as it goes back to the first node, and
        # by exactly nothing along a best way. Of ways that lose the same the one that is nearly
        # whole comes first: a character that might as well be any digit of sixteen scripts would
        # else be tried in all of them at once.
        waiting: list[tuple[float, int, int, int, _Tail]] = []
        for state in ends:
            lost = float(highest - best[-1, state])
            heapq.heappush(waiting, (lost, self._lattice.size, next(order), state, None))
        while waiting and most:
            lost, node, _, state, tail = heapq.heappop(waiting)
            if node == 0:
                yield Way(float(highest) - lost, _unrolled(tail))
                most -= 1
                continue
            if (node, state) not in arrivals:
                arrivals[node, state] = self._arrivals(best, node, state, most)
            for one in arrivals[node, state]:
                if lost + one.lost >= _FAR_BEHIND:
                    break
                entry = (lost + one.lost, one.node, next(order), one.state, (one.step, tail))
                heapq.heappush(waiting, entry)

    def _arrivals(self, best: Float, node: int, state: int, most: int) -> list[_Arrival]:
        """The last steps of ways to a node and state, those that lose least first."""
        lattice, edges = self._lattice, self._lattice.into[node]
        there = np.flatnonzero(self._moves.target == state)
        symbols, sources = self._moves.symbol[there], self._moves.source[there]
        first = lattice.first[edges]
        worth = best[first][:, sources] + lattice.scores[edges][:, symbols]
        lost = (best[node, state] - worth).ravel()
        places = np.flatnonzero(lost < _FAR_BEHIND)
        if len(places) > most:
            places = np.sort(places[np.argpartition(lost[places], most)[:most]])
        places = places[np.argsort(lost[places], kind="stable")]
        rows, columns = np.divmod(places, len(there))
        steps = zip(edges[rows].tolist(), symbols[columns].tolist(), strict=True)
        before = zip(first[rows].tolist(), sources[columns].tolist(), strict=True)
        return [
            _Arrival(loss, *origin, Step(*step))
            for loss, origin, step in zip(lost[places].tolist(), before, steps, strict=True)
        ]

    def _forward(self) -> tuple[Float, Float]:
        """The sum over ways to each node and state: float64 (N + 1,S), times e to the (N + 1,)."""
        lattice, moves = self._lattice, self._moves
        sums = np.zeros((lattice.size + 1, len(self._automaton)))
        scale = np.full(lattice.size + 1, _NEVER)
        sums[0, 0], scale[0] = 1.0, 0.0
        for node in range(1, lattice.size + 1):
            edges = lattice.into[node]
            offset = scale[lattice.first[edges]] + lattice.peak[edges]
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
            edges = lattice.into[node]
            if len(edges):
                worth = result[lattice.first[edges]][:, moves.source]
                worth = worth + lattice.scores[edges][:, moves.symbol]
                np.maximum.at(result[node], moves.target, worth.max(axis=0))
        return result

    def _end(self, forward: Float, scale: Float) -> float:
        reached = float(forward[-1][self._automaton.final].sum())
        return float(scale[-1] + np.log(reached)) if reached > 0 else _NEVER


def _unrolled(tail: _Tail) -> tuple[Step, ...]:
    """The steps of a way from the first to the last."""
    steps = []
    while tail is not None:
        step, tail = tail
        steps.append(step)
    return tuple(steps)
