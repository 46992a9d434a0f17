"""A line of ink -> the number that is written in it.

Two ways look at a line: digit by digit (`digits`), and as a whole (`sequence`), where there is a
sequence reader for the script. The answer is the string that both together think most of. Its
probability is that of the whole string among all that the line is allowed to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from indicdigits.errors import UsageError
from indicdigits.reading import patterns, validators
from indicdigits.reading.answer import Box, Candidate, Character, Ink, LineReading
from indicdigits.reading.automaton import Automaton
from indicdigits.reading.ctc import Symbols, likeliest, score, total
from indicdigits.reading.digits import DigitsReader, Seen
from indicdigits.reading.edges import Weights
from indicdigits.reading.lattice import Decoder, Way
from indicdigits.reading.opinions import Opinion, Opinions, joined
from indicdigits.reading.patterns import PATTERNS
from indicdigits.reading.sequence import Looked, SequenceChoice, boxes_of, certainties, sequence_for
from indicdigits.reading.validators import Validator
from indicdigits.runtime.reader import Reader
from indicdigits.runtime.reading import NO_INK

_WAYS = 60  # best ways that are looked at; several of them may say the same
_FITS = math.log(0.2)  # lines are less likely to fit their pattern that say something else
_STRINGS = 4  # different strings among them whose probability is worked out


class Language(NamedTuple):
    """What a line may say, in the symbols of the lattice and in those of the sequence reader."""

    digits: Automaton
    sequence: Automaton | None


class Line(NamedTuple):
    """A line as both ways see it; without a sequence reader nothing was looked at as a whole."""

    seen: Seen
    looked: Looked | None


class LineReader:
    """Reads the ink of one line; may be shared between threads.

    Args:
        reader: Reads single digits.
        pattern: What a line may say: a name or an expression of `patterns`, the name of a
            validator (the number then passes its checksum too), or an automaton. None takes the
            validator's shape, or any number.
        validator: What a number has to pass for the line to be accepted: a name or a validator.
        threshold: Probability from which a line is accepted; None is that of the weights, or of
            the mixture with the sequence reader, which has one for digits that touch.
        weights: Of the lattice; the shipped ones by default.
        sequence: Sees whole lines, and is asked as well; "shipped" is the one that ships for the
            reader's digits, if there is one. None reads digit by digit alone.

    Raises:
        UsageError: The sequence reader knows other digits, or there is no such pattern or
            validator.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        pattern: str | Automaton | None = None,
        validator: str | Validator | None = None,
        threshold: float | None = None,
        weights: Weights | None = None,
        sequence: SequenceChoice = "shipped",
    ) -> None:
        self.digits = DigitsReader(reader, weights)
        self.sequence = sequence_for(reader) if sequence == "shipped" else sequence
        if self.sequence is not None and not self.sequence.suits(reader):
            raise UsageError(
                f"reads other digits than {reader.name!r}",
                where=f"the reader of lines {self.sequence.bundle.name!r}",
                allowed=f"one for {reader.script}",
                hint="indicdigits lines --script NAME makes one; --lines none reads without",
            )
        self._threshold = threshold
        # The lattice's symbol of each one of the sequence reader, and the other way round.
        texts = self.sequence.texts if self.sequence else ""
        self._theirs = [self.digits.texts.index(text) for text in texts]
        self._ours = {symbol: number for number, symbol in enumerate(self._theirs)}
        one = validators.validator(validator) if isinstance(validator, str) else validator
        self._validator = one
        allowed = _language(pattern or (one.pattern if one else "number"))
        self._allowed = self._over(allowed)
        self._valid = self._over(allowed.both(one.language())) if one else None

    def _over(self, allowed: Automaton) -> Language:
        theirs = None if self.sequence is None else allowed.over(self.sequence.ascii)
        return Language(allowed.over(self.digits.symbols), theirs)

    def __call__(self, line: Ink) -> LineReading:
        """Reads a line.

        Args:
            line: uint8 (H,W), 0 paper, 255 full ink.

        Returns:
            What it says; boxes are in pixels of `line`.
        """
        both = self.both(line)
        if both is None:
            return _nothing(NO_INK, Box(0, 0, 0, 0))
        opinions = self.opinions(both)
        found = self._ranked(opinions)
        if not found:
            return _nothing("does not fit the pattern", both.seen.box)
        symbols, best = found[0]
        way = self.digits.way(symbols, both.seen)
        wrong = self._validator(best.ascii) if self._validator else None
        if wrong and self._valid:
            found[1:1] = self._ranked(self.opinions(both, self._valid, passing=True))
        reason = wrong or self._reason(both.seen, way, opinions, best.probability)
        # What passes the validator comes first, with its probability among what passes.
        others = {candidate.text: candidate for _, candidate in reversed(found[1:])}
        return LineReading(
            text=best.text,
            ascii=best.ascii,
            probability=best.probability,
            accepted=reason is None,
            reason=reason,
            box=both.seen.box,
            digits=self._characters(both, symbols, way),
            alternatives=tuple(reversed(others.values())),
            threshold=self._least(opinions),
        )

    def both(self, line: Ink) -> Line | None:
        """A line as both ways see it; None where there is no ink."""
        seen = self.digits.look(line)
        if seen is None:
            return None
        return Line(seen, self.sequence.look(line) if self.sequence else None)

    def opinions(
        self, line: Line, allowed: Language | None = None, *, passing: bool = False
    ) -> Opinions:
        """The likeliest strings by either way, in the lattice's symbols, and what both think.

        Args:
            line: The line.
            allowed: What it may say; by default what this reader allows.
            passing: Whether only strings count that the validator lets pass.
        """
        allowed = allowed or self._allowed
        decoder = Decoder(line.seen.lattice, allowed.digits)
        ways = self._best_ways(decoder.ways(_WAYS), passing=passing)
        found, theirs, touching, fits = list(ways), [0.0] * len(ways), False, 0.0
        if line.looked is not None and allowed.sequence is not None:
            places = line.looked.places
            seen = likeliest(places, allowed.sequence)[:_STRINGS]
            touching = not ways or not seen or len(seen[0]) != len(found[0])
            touching = touching or line.seen.cuts(ways[found[0]])
            for one in seen:
                symbols = tuple(self._theirs[symbol] for symbol in one)
                if symbols not in ways and (not passing or self._passes(self._said(symbols))):
                    found.append(symbols)
            strings = [tuple(self._ours[symbol] for symbol in symbols) for symbols in found]
            fits = total(places, allowed.sequence)
            theirs = _among(score(places, strings).tolist(), fits)
        ours = _among([line.seen.lattice.mass(symbols) for symbols in found], decoder.total())
        pairs = zip(ours, theirs, strict=True)
        of = {s: Opinion(*pair) for s, pair in zip(found, pairs, strict=True)}
        return Opinions(of, touching, fits)

    def _ranked(self, opinions: Opinions) -> list[tuple[Symbols, Candidate]]:
        """What a line may say, the likeliest first."""
        if self.sequence is None:
            shares = {s: math.exp(each.lattice) for s, each in opinions.of.items()}
            ranked = sorted(shares.items(), key=lambda pair: -pair[1])
        else:
            ranked = joined(opinions.of, opinions.pooled(self.sequence.bundle.mixture))
        return [
            (s, Candidate(text=self._written(s), ascii=self._said(s), probability=share))
            for s, share in ranked
        ]

    def _best_ways(self, ways: Iterator[Way], *, passing: bool) -> dict[Symbols, Way]:
        """The best way to each of the likeliest strings, or of those that pass."""
        found: dict[Symbols, Way] = {}
        for way in ways:
            symbols = tuple(step.symbol for step in way.steps)
            if not passing or self._passes(self._said(symbols)):
                found.setdefault(symbols, way)
            if len(found) == _STRINGS:
                break
        return found

    def _passes(self, text: str) -> bool:
        return self._validator is None or self._validator(text) is None

    def _said(self, symbols: Symbols) -> str:
        return "".join(self.digits.ascii[symbol] for symbol in symbols)

    def _written(self, symbols: Symbols) -> str:
        return "".join(self.digits.texts[symbol] for symbol in symbols)

    def _characters(self, line: Line, symbols: Symbols, way: Way | None) -> tuple[Character, ...]:
        """The characters of the answer: as the lattice cuts them, or else where they were seen."""
        if way is not None:
            boxes = line.seen.boxes(way)
            sure = line.seen.certainties(way, self._allowed.digits)
        else:
            assert line.looked is not None
            theirs = tuple(self._ours[symbol] for symbol in symbols)
            boxes, sure = boxes_of(line.looked, theirs), certainties(line.looked, theirs)
        return tuple(
            Character(
                text=self.digits.texts[symbol],
                ascii=self.digits.ascii[symbol],
                probability=min(1.0, probability),
                box=box,
            )
            for symbol, probability, box in zip(symbols, sure, boxes, strict=True)
        )

    def _reason(
        self, seen: Seen, way: Way | None, opinions: Opinions, probability: float
    ) -> str | None:
        # Its probability is one among strings that are allowed: all of them may be unlikely.
        if opinions.allowed < _FITS:
            return "does not fit the pattern"
        # Where digits touch and were cut badly, the lattice's pieces are no digits; what is no
        # writing of digits at all does not reach the threshold of such lines.
        if not opinions.touching and self.digits.is_foreign(seen, way):
            return "not a digit"
        return None if probability >= self._least(opinions) else "below threshold"

    def _least(self, opinions: Opinions) -> float:
        """The probability from which the line is accepted."""
        if self._threshold is not None:
            return self._threshold
        if self.sequence is None:
            return self.digits.weights.threshold
        return opinions.pooled(self.sequence.bundle.mixture).threshold


def _among(scores: list[float], everything: float) -> list[float]:
    """Logarithms of parts of a whole; of no whole nothing is a part."""
    if everything == -np.inf:
        return [-np.inf] * len(scores)
    return [min(0.0, score - everything) for score in scores]


def _language(pattern: str | Automaton) -> Automaton:
    """What a name, an expression or an automaton allows."""
    if isinstance(pattern, Automaton):
        return pattern
    if pattern in validators.VALIDATORS and pattern not in PATTERNS:
        return validators.VALIDATORS[pattern].language()
    return patterns.pattern(pattern)


def _nothing(reason: str, box: Box) -> LineReading:
    return LineReading(text="", ascii="", probability=0.0, accepted=False, reason=reason, box=box)
