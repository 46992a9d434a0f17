"""Strings from the answers of a sequence reader: connectionist temporal classification.

At each place stands a character, or the blank; a string's probability is the sum over all ways to
place it (Graves et al. 2006). Here these sums are taken under an automaton, so that only what a
line may say counts; the likeliest strings are found by a beam over prefixes (Graves and Jaitly
2014), and then summed exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.automaton import Automaton

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int32]
Symbols = tuple[int, ...]

BLANK = 0  # the first answer of every place: nothing, or still the same character
_EMPTY = 0.999  # places that are blank with this probability are taken together
_LEAST = 1e-12  # probabilities below it are as good as none
_TRIED = 1e-4  # characters less likely at a place are not tried there by the beam
_NEVER = -np.inf


class Places(NamedTuple):
    """What a sequence reader answers, without what is surely paper.

    Attributes:
        probabilities: float64 (T,1 + C), of the blank and of each character.
        number: int32 (T,), which of all places each is.
    """

    probabilities: Float
    number: Int

    @staticmethod
    def of(probabilities: npt.NDArray[np.floating]) -> Places:
        """Takes runs of places that are surely blank together; one of each is left.

        Args:
            probabilities: (T,1 + C), each row sums to one.
        """
        whole = np.maximum(np.asarray(probabilities, np.float64), _LEAST)
        empty = whole[:, BLANK] >= _EMPTY
        kept = ~(empty & np.concatenate([[False], empty[:-1]]))
        return Places(whole[kept], np.flatnonzero(kept).astype(np.int32))


class Found(NamedTuple):
    """A string and the logarithm of its probability among all that are allowed."""

    symbols: Symbols
    score: float


def decode(places: Places, automaton: Automaton, *, most: int, beam: int = 12) -> list[Found]:
    """The likeliest strings that an automaton accepts.

    Args:
        places: Of a line.
        automaton: What it may say; its alphabet is the reader's characters.
        most: How many strings at most.
        beam: How many beginnings are kept at each place.

    Returns:
        The likeliest first; empty where nothing that is allowed was seen.
    """
    everything = total(places, automaton)
    if everything == _NEVER:
        return []
    strings = likeliest(places, automaton, beam=beam)[:most]
    scores = score(places, strings)
    ranked = sorted(zip(strings, scores.tolist(), strict=True), key=lambda pair: -pair[1])
    return [Found(symbols, min(0.0, worth - everything)) for symbols, worth in ranked]


def total(places: Places, automaton: Automaton) -> float:
    """Logarithm of the probability that a line says anything that an automaton accepts."""
    moves, states = automaton.moves, len(automaton)
    count = len(automaton.alphabet)
    # What has been written so far, and whether the last place was its last character or blank.
    written, blank = np.zeros((states, count)), np.zeros(states)
    blank[0], scale = 1.0, 0.0
    into = moves.target * count + moves.symbol
    for row in places.probabilities:
        here = written.sum(axis=1)
        fresh = (blank + here)[moves.source] - written[moves.source, moves.symbol]
        added = np.bincount(into, fresh, minlength=states * count).reshape(states, count)
        blank = (blank + here) * row[BLANK]
        written = (written + added) * row[1:]
        size = written.sum() + blank.sum()
        if size <= 0:
            return _NEVER
        written, blank, scale = written / size, blank / size, scale + float(np.log(size))
    ended = float(blank[automaton.final].sum() + written[automaton.final].sum())
    return scale + float(np.log(ended)) if ended > 0 else _NEVER


def score(places: Places, strings: Sequence[Symbols]) -> Float:
    """float64 (M,), the logarithm of each string's probability: the sum over all its placements."""
    if not strings:
        return np.zeros(0)
    lengths = np.array([len(symbols) for symbols in strings])
    width = 2 * int(lengths.max()) + 1
    labels = np.full((len(strings), width), BLANK)
    for row, symbols in enumerate(strings):
        labels[row, 1 : 2 * len(symbols) : 2] = np.asarray(symbols) + 1
    # A blank may be left out between two different characters.
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = (labels[:, 2:] != BLANK) & (labels[:, 2:] != labels[:, :-2])
    ways, scale = np.zeros(labels.shape), np.zeros(len(strings))
    ways[:, 0] = 1.0  # before the first place; as if a blank stood there
    for row in places.probabilities:
        arriving = ways.copy()
        arriving[:, 1:] += ways[:, :-1]
        arriving[:, 2:] += np.where(skips[:, 2:], ways[:, :-2], 0.0)
        ways = arriving * row[labels]
        size = np.maximum(ways.sum(axis=1), 1e-300)
        ways, scale = ways / size[:, None], scale + np.log(size)
    rows = np.arange(len(strings))
    ended = ways[rows, 2 * lengths] + np.where(lengths, ways[rows, 2 * lengths - 1], 0.0)
    return scale + np.log(np.maximum(ended, 1e-300))


def placed(places: Places, symbols: Symbols) -> list[tuple[int, int]]:
    """Where each character of a string stands in its likeliest placement.

    Returns:
        The first place of each and the one after its last, of all places.
    """
    labels = np.full(2 * len(symbols) + 1, BLANK)
    labels[1::2] = np.asarray(symbols, int) + 1
    skips = np.zeros(len(labels), bool)
    skips[2:] = (labels[2:] != BLANK) & (labels[2:] != labels[:-2])
    logs = np.log(places.probabilities)
    best = np.full(len(labels), _NEVER)
    best[0] = 0.0
    came = np.zeros((len(logs), len(labels)), int)
    for place, row in enumerate(logs):
        one = np.concatenate([[_NEVER], best[:-1]])
        two = np.where(skips, np.concatenate([[_NEVER, _NEVER], best[:-2]]), _NEVER)
        choices = np.stack([best, one, two])
        came[place] = choices.argmax(axis=0)
        best = choices.max(axis=0) + row[labels]
    state = len(labels) - 1
    if state and best[state - 1] > best[state]:
        state -= 1
    spans: dict[int, list[int]] = defaultdict(list)
    for place in range(len(logs) - 1, -1, -1):
        spans[state].append(int(places.number[place]))
        state -= int(came[place, state])
    return [(min(spans[n]), max(spans[n]) + 1) for n in range(1, len(labels), 2)]


def likeliest(places: Places, automaton: Automaton, *, beam: int = 12) -> list[Symbols]:
    """Strings that an automaton accepts, those first that a beam thinks likeliest.

    Args:
        places: Of a line.
        automaton: What it may say; its alphabet is the reader's characters.
        beam: How many beginnings are kept at each place.
    """
    table, final = automaton.table.tolist(), automaton.final
    # Beginning -> that its last place is blank, that it is its last character; and its state.
    kept: dict[Symbols, tuple[float, float]] = {(): (1.0, 0.0)}
    states: dict[Symbols, int] = {(): 0}
    for row in places.probabilities:
        tried = [(n, float(row[n + 1])) for n in np.flatnonzero(row[1:] >= _TRIED).tolist()]
        empty = float(row[BLANK])
        after: dict[Symbols, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for symbols, (blank, same) in kept.items():
            state, both = states[symbols], blank + same
            here = after[symbols]
            here[0] += both * empty
            if symbols:
                here[1] += same * float(row[symbols[-1] + 1])
            for symbol, probability in tried:
                onward = table[state][symbol]
                if onward < 0:
                    continue
                longer = (*symbols, symbol)
                states[longer] = onward
                before = blank if symbols and symbols[-1] == symbol else both
                after[longer][1] += before * probability
        ranked = sorted(after.items(), key=lambda item: -sum(item[1]))[:beam]
        size = sum(map(sum, (pair for _, pair in ranked))) or 1.0
        kept = {symbols: (pair[0] / size, pair[1] / size) for symbols, pair in ranked}
    ended = [symbols for symbols in kept if final[states[symbols]]]
    return sorted(ended, key=lambda symbols: -sum(kept[symbols]))
