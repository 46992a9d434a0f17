"""Whole lines: how the two ways to read them are joined, and how well they are read.

Lines are composed of digits of a recipe's sets. The mixture and its threshold are fitted on those
of the validation part, which neither reader has been trained on; what is measured is of the test
part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from indicdigits.data.lines import Hand, number_of, worn
from indicdigits.data.strings import Line, Spacing, Style, compose
from indicdigits.evaluation.metrics import wilson_interval
from indicdigits.progress import Reporter
from indicdigits.reading.ctc import Symbols
from indicdigits.reading.opinions import Opinions, joined
from indicdigits.reading.strings import LineReader
from indicdigits.runtime.line_bundle import Mixture, Pooled

SPACINGS: tuple[Spacing, ...] = ("apart", "touching", "overlapping")
LENGTH = 6  # digits of the lines that are measured
WRONG = 0.003  # part of the lines that may be wrong and accepted
REFUSED = 0.02  # part of the lines that are refused at least, as with single digits
_MISSED = 14.0  # what a line costs whose text neither way has thought of
Seen = tuple[Opinions, Symbols]  # what both ways think of a line, and what it says


def written(hands: Sequence[Hand]) -> list[Hand]:
    """The hands of people; those that are drawn where there are no others."""
    people = [hand for hand in hands if not hand.dataset.startswith("strokes/")]
    return people or list(hands)


def six_digits(hand: Hand, spacing: Spacing, count: int, seed: int) -> Iterator[Line]:
    """Lines of six random digits."""
    rng = np.random.default_rng((seed, SPACINGS.index(spacing)))
    for _ in range(count):
        text = "".join(map(str, rng.integers(0, 10, LENGTH)))
        yield compose(text, hand.pool, rng, Style(spacing=spacing))


def fit_mixture(
    read: LineReader, hands: Sequence[Hand], lines: int, reporter: Reporter, *, name: str
) -> Mixture:
    """The weights under which the right strings are likeliest, and the threshold for them.

    Args:
        read: With the sequence reader, whatever its mixture.
        hands: Of the validation part.
        lines: How many of each hand.
        reporter: Where progress goes.
        name: Of the reader of single digits.

    Returns:
        The mixture. Its thresholds are the least with which 0.3 % of the lines apart, and of those
        that touch, are wrong and accepted, or the strictest that refuse 2 %, whichever refuses
        more. Where no such line was seen the ways count alike, and none is accepted.
    """
    seen = _opinions(read, hands, lines, reporter)
    apart = _pooled([pair for pair in seen if not pair[0].touching])
    touching = _pooled([pair for pair in seen if pair[0].touching])
    return Mixture(apart=apart, touching=touching, reader=name)


def _pooled(seen: Sequence[Seen]) -> Pooled:
    """The weights with the least mean logarithmic loss, and the threshold."""
    if not seen:
        return Pooled(lattice=0.5, sequence=0.5, threshold=1.0)

    def pooled_by(place: npt.NDArray[np.float64]) -> Pooled:
        # Together at most one: both look at the same ink, and two opinions are no second proof.
        whole, part = place
        lattice, sequence = round(whole * part, 4), round(whole * (1 - part), 4)
        return Pooled(lattice=lattice, sequence=sequence, threshold=0.0)

    def loss(place: npt.NDArray[np.float64]) -> float:
        pooled = pooled_by(place)
        shares = (joined(opinions.of, pooled).get(right, 0.0) for opinions, right in seen)
        return float(np.mean([-math.log(max(share, math.exp(-_MISSED))) for share in shares]))

    bounds = [(0.0, 1.0), (0.0, 1.0)]
    found = minimize(loss, np.array([0.8, 0.5]), method="Nelder-Mead", bounds=bounds)
    pooled = pooled_by(found.x)
    return replace(pooled, threshold=_threshold(seen, pooled))


def _opinions(
    read: LineReader, hands: Sequence[Hand], lines: int, reporter: Reporter
) -> list[Seen]:
    """What both ways think of some lines, and what these say."""
    seen: list[Seen] = []
    with reporter.track("looking at lines", lines * len(hands)) as task:
        for number, hand in enumerate(hands):
            rng = np.random.default_rng((11, number))
            for count in range(lines):
                # Half of them six digits, which is what thresholds are judged by.
                plain = "".join(map(str, rng.integers(0, 10, LENGTH)))
                text = plain if count % 2 else number_of(rng, longest=8, marked=0.5)
                style = Style(spacing=SPACINGS[count % 3])
                line = compose(text, hand.pool, rng, style)
                task.advance()
                # The hands of the validation part are those of the training part: what is new in
                # an unknown hand is stood in for by wear, or both ways would be far too sure.
                both = read.both(worn(line.ink, rng))
                if both is not None:
                    right = tuple(read.ascii.index(symbol) for symbol in line.text)
                    seen.append((read.opinions(both), right))
    return seen


def _threshold(seen: Sequence[Seen], pooled: Pooled) -> float:
    """Strict enough that 0.3 % of these lines are wrong and accepted, and that 2 % are refused."""
    wrong, every = [], []
    for opinions, right in seen:
        shares = joined(opinions.of, pooled)
        best = max(shares, key=lambda symbols: shares[symbols], default=None)
        every.append(0.0 if best is None else shares[best])
        if best is not None and best != right:
            wrong.append(shares[best])
    allowed = int(WRONG * len(seen))
    worst = sorted(wrong, reverse=True)[allowed] if len(wrong) > allowed else 0.0
    usual = float(np.quantile(every, REFUSED, method="lower"))
    return min(1.0, math.ceil(1e4 * max(worst + 1e-9, usual)) / 1e4)


def measure(
    read: LineReader, hands: Sequence[Hand], lines: int, reporter: Reporter
) -> dict[str, Any]:
    """How lines of six digits are read, by data set and spacing.

    Args:
        read: Reads lines.
        hands: Of the test part.
        lines: How many of each hand and spacing.
        reporter: Where progress goes.
    """
    record: dict[str, Any] = {}
    with reporter.track("reading lines", lines * len(hands) * len(SPACINGS)) as task:
        for hand in hands:
            of_hand = record[hand.dataset] = {}
            for spacing in SPACINGS:
                exact = refused = wrong = 0
                for line in six_digits(hand, spacing, lines, seed=0):
                    found = read(line.ink)
                    right = found.ascii == line.text
                    exact += right
                    refused += not found.accepted
                    wrong += found.accepted and not right
                    task.advance()
                of_hand[spacing] = {
                    "n": lines,
                    "exact": exact,
                    "interval": wilson_interval(exact, lines),
                    "refused": refused,
                    "wrong_and_accepted": wrong,
                }
    return record
