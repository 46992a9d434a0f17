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
        lines: How many of each hand, every second one worn.
        reporter: Where progress goes.
        name: Of the reader of single digits.

    Returns:
        The mixture. Which string it is was fitted on lines as they were composed. How sure that is,
        and the thresholds, were fitted on worn lines: the hands of the validation part are those of
        the training part, and without wear both ways would be far too sure. Thresholds are the
        least with which 0.3 % of the lines apart, and of those that touch, are wrong and accepted,
        or the strictest that refuse 2 %, whichever refuses more. Where no such line was seen the
        ways count alike, and none is accepted.
    """
    clean, worn_lines = _opinions(read, hands, lines, reporter)

    def pooled(touching: bool) -> Pooled:
        return _pooled(
            *([o for o in seen if o[0].touching == touching] for seen in (clean, worn_lines))
        )

    return Mixture(apart=pooled(False), touching=pooled(True), reader=name)


def _pooled(clean: Sequence[Seen], worn_lines: Sequence[Seen]) -> Pooled:
    """The weights with the least mean logarithmic loss, and the threshold."""
    unsure = Pooled(choice=0.5, lattice=0.5, sequence=0.5, threshold=1.0)
    if not clean or not worn_lines:
        return unsure

    def at(place: npt.NDArray[np.float64]) -> Pooled:
        # Together at most one: both look at the same ink, and two opinions are no second proof.
        whole, part = (round(float(each), 4) for each in place)
        lattice = round(whole * part, 4)
        return replace(unsure, choice=part, lattice=lattice, sequence=round(whole - lattice, 4))

    def fitted(seen: Sequence[Seen]) -> Pooled:
        def loss(place: npt.NDArray[np.float64]) -> float:
            shares = (dict(joined(o.of, at(place))).get(right, 0.0) for o, right in seen)
            return float(np.mean([-math.log(max(share, math.exp(-_MISSED))) for share in shares]))

        bounds = [(0.0, 1.0), (0.0, 1.0)]
        return at(minimize(loss, np.array([0.8, 0.5]), method="Nelder-Mead", bounds=bounds).x)

    pooled = replace(fitted(worn_lines), choice=fitted(clean).choice)
    return replace(pooled, threshold=_threshold(worn_lines, pooled))


def _opinions(
    read: LineReader, hands: Sequence[Hand], lines: int, reporter: Reporter
) -> tuple[list[Seen], list[Seen]]:
    """What both ways think of some lines, and what these say: clean ones, and worn ones."""
    seen: tuple[list[Seen], list[Seen]] = ([], [])
    with reporter.track("looking at lines", lines * len(hands)) as task:
        for number, hand in enumerate(hands):
            rng = np.random.default_rng((11, number))
            for count in range(lines):
                # Half of them six digits, which is what thresholds are judged by.
                plain = "".join(map(str, rng.integers(0, 10, LENGTH)))
                text = plain if count // 2 % 2 else number_of(rng, longest=8, marked=0.5)
                line = compose(text, hand.pool, rng, Style(spacing=SPACINGS[count % 3]))
                task.advance()
                both = read.both(worn(line.ink, rng) if count % 2 else line.ink)
                if both is not None:
                    right = tuple(read.digits.ascii.index(symbol) for symbol in line.text)
                    seen[count % 2].append((read.opinions(both), right))
    return seen


def _threshold(seen: Sequence[Seen], pooled: Pooled) -> float:
    """Strict enough that 0.3 % of these lines are wrong and accepted, and that 2 % are refused."""
    best = [(joined(opinions.of, pooled) or [((), 0.0)])[0] for opinions, _ in seen]
    wrong = [p for (symbols, p), (_, right) in zip(best, seen, strict=True) if symbols != right]
    allowed = int(WRONG * len(seen))
    worst = sorted(wrong, reverse=True)[allowed] if len(wrong) > allowed else 0.0
    usual = float(np.quantile([p for _, p in best], REFUSED, method="lower"))
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
