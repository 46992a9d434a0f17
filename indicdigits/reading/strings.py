"""A line of ink -> the number that is written in it.

The line is cut into too many pieces, every run of pieces that might be a character is read by the
digit model, all in one batch, and ways through the lattice of them are strings. Where there is a
sequence reader for the script it sees the line as a whole, and the answer is the string that both
together think most of. Its probability is that of the whole string among all that is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from indicdigits.errors import UsageError
from indicdigits.imaging.normalise import normalise
from indicdigits.reading import patterns, validators
from indicdigits.reading.answer import Box, Candidate, Character, Ink, LineReading
from indicdigits.reading.automaton import Automaton, literally
from indicdigits.reading.ctc import Symbols, likeliest, score, total
from indicdigits.reading.edges import (
    Answers,
    Edges,
    Weights,
    edges_of,
    shipped_weights,
    worth,
)
from indicdigits.reading.kinds import MARKS
from indicdigits.reading.lattice import Decoder, Lattice, Way
from indicdigits.reading.opinions import Opinion, Opinions, joined
from indicdigits.reading.patterns import PATTERNS
from indicdigits.reading.segment import Pieces, cut
from indicdigits.reading.sequence import Looked, SequenceChoice, boxes_of, certainties, sequence_for
from indicdigits.reading.validators import Validator
from indicdigits.runtime.reader import Reader
from indicdigits.runtime.reading import NO_INK

_WAYS = 60  # best ways that are looked at; several of them may say the same
_STRINGS = 4  # different strings among them whose probability is worked out
_NO_DIGIT = math.log(0.5)  # a character below it is no digit, says the model


class Seen(NamedTuple):
    """A line as the lattice sees it.

    Attributes:
        pieces: What it was cut into.
        edges: Runs of pieces.
        answers: What the digit model says about each run.
    """

    pieces: Pieces
    edges: Edges
    answers: Answers


class Language(NamedTuple):
    """What a line may say, in the symbols of the lattice and in those of the sequence reader."""

    lattice: Automaton
    sequence: Automaton | None


class Line(NamedTuple):
    """A line as both ways see it; without a sequence reader nothing was looked at."""

    seen: Seen
    lattice: Lattice
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
            reader's digits, if there is one. None reads by the lattice alone.
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
        self._reader = reader
        self._weights = weights or shipped_weights()
        self.sequence = sequence_for(reader) if sequence == "shipped" else sequence
        if self.sequence is not None and not self.sequence.suits(reader):
            raise UsageError(
                f"reads other digits than {reader.name!r}",
                where=f"the reader of lines {self.sequence.bundle.name!r}",
                allowed=f"one for {reader.script}",
                hint="indicdigits lines --script NAME makes one; --lines none reads without",
            )
        self._threshold = threshold
        classes = reader.bundle.classes
        self._classes = np.array(
            [n for n, entry in enumerate(classes) if entry.value is not None], np.int32
        )
        digits = [classes[n] for n in self._classes.tolist()]
        texts = [entry.text for entry in digits]
        self._marks = MARKS
        self._texts = (*texts, *MARKS)
        self.ascii = (*(str(entry.value) for entry in digits), *MARKS)
        # Characters of an automaton are single; a class such as ten has no single digit.
        self.symbols = "".join(
            a if len(a) == 1 else t for a, t in zip(self.ascii, self._texts, strict=True)
        )
        # The lattice's symbol of each one of the sequence reader, and the other way round.
        self._theirs = [self._texts.index(t) for t in self.sequence.texts] if self.sequence else []
        self._ours = {symbol: number for number, symbol in enumerate(self._theirs)}
        one = validators.validator(validator) if isinstance(validator, str) else validator
        self._validator = one
        allowed = _language(pattern or (one.pattern if one else "number"))
        self._allowed = self._over(allowed)
        self._valid = self._over(allowed.both(one.language())) if one else None

    def _over(self, allowed: Automaton) -> Language:
        theirs = None if self.sequence is None else allowed.over(self.sequence.ascii)
        return Language(allowed.over(self.symbols), theirs)

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
            return _nothing("does not fit the pattern", _whole(both.seen.pieces))
        symbols, best = found[0]
        way = self._way(symbols, both.lattice)
        wrong = self._validator(best.ascii) if self._validator else None
        if wrong and self._valid:
            found[1:1] = self._ranked(self.opinions(both, self._valid, passing=True))
        reason = wrong or self._reason(both.seen, way, opinions, best.probability)
        others = {candidate.text: candidate for _, candidate in found[1:]}
        return LineReading(
            text=best.text,
            ascii=best.ascii,
            probability=best.probability,
            accepted=reason is None,
            reason=reason,
            box=_whole(both.seen.pieces),
            digits=self._characters(both, symbols, way),
            alternatives=tuple(others.values()),
            threshold=self._least(opinions),
        )

    def both(self, line: Ink) -> Line | None:
        """A line as both ways see it; None where there is no ink."""
        seen = self.look(line)
        if seen is None:
            return None
        return Line(seen, self.lattice(seen), self.sequence.look(line) if self.sequence else None)

    def look(self, line: Ink) -> Seen | None:
        """Cuts a line and asks the digit model; None where there is no ink."""
        pieces = cut(line)
        if pieces is None:
            return None
        edges, size = edges_of(pieces), self._reader.bundle.input_size
        shown = edges.worth_reading
        if not shown.any():
            shown = np.ones_like(shown)
        runs = zip(edges.first[shown].tolist(), edges.last[shown].tolist(), strict=True)
        inputs = [normalise(pieces.picture(*run), size, "light-on-dark") for run in runs]
        probabilities = self._reader.probabilities(np.stack(inputs))
        return Seen(pieces, edges, Answers.of(probabilities, self._classes, shown))

    def lattice(self, seen: Seen) -> Lattice:
        """What taking each run for each character is worth."""
        return Lattice(
            size=len(seen.pieces),
            first=seen.edges.first,
            last=seen.edges.last,
            scores=worth(seen.edges, seen.answers, self._weights, self._marks),
        )

    def opinions(
        self, line: Line, allowed: Language | None = None, *, passing: bool = False
    ) -> Opinions:
        """The likeliest strings by either way, and what both think of each.

        Args:
            line: The line.
            allowed: What it may say; by default what this reader allows.
            passing: Whether only strings count that the validator lets pass.
        """
        allowed = allowed or self._allowed
        decoder = Decoder(line.lattice, allowed.lattice)
        ways = self._best_ways(decoder.ways(_WAYS), passing=passing)
        found, theirs, touching = list(ways), [0.0] * len(ways), False
        if line.looked is not None and allowed.sequence is not None:
            places = line.looked.places
            seen = likeliest(places, allowed.sequence)[:_STRINGS]
            touching = not ways or not seen or len(seen[0]) != len(found[0])
            touching = touching or _cuts(line.seen, ways[found[0]])
            for one in seen:
                symbols = tuple(self._theirs[symbol] for symbol in one)
                if symbols not in ways and (not passing or self._passes(self._said(symbols))):
                    found.append(symbols)
            strings = [tuple(self._ours[symbol] for symbol in symbols) for symbols in found]
            theirs = (score(places, strings) - total(places, allowed.sequence)).tolist()
        everything = decoder.total() if found else 0.0
        ours = [line.lattice.mass(symbols) - everything for symbols in found]
        pairs = zip(ours, theirs, strict=True)
        return Opinions({s: Opinion(*pair) for s, pair in zip(found, pairs, strict=True)}, touching)

    def _ranked(self, opinions: Opinions) -> list[tuple[Symbols, Candidate]]:
        """What a line may say, the likeliest first."""
        if self.sequence is None:
            shares = {s: math.exp(min(0.0, each.lattice)) for s, each in opinions.of.items()}
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
        return "".join(self.ascii[symbol] for symbol in symbols)

    def _written(self, symbols: Symbols) -> str:
        return "".join(self._texts[symbol] for symbol in symbols)

    def _way(self, symbols: Symbols, lattice: Lattice) -> Way | None:
        """The best way to a string, if the lattice has one."""
        return next(Decoder(lattice, literally(symbols, self.symbols)).ways(1), None)

    def _characters(self, line: Line, symbols: Symbols, way: Way | None) -> tuple[Character, ...]:
        """The characters of the answer: as the lattice cuts them, or else where they were seen."""
        if way is not None:
            sums = Decoder(line.lattice, self._allowed.lattice).sums()
            pieces, edges = line.seen.pieces, line.seen.edges
            boxes = [_box(edges.boxes[step.edge].tolist(), pieces.scale) for step in way.steps]
            sure = [float(sums.posterior[step.edge, step.symbol]) for step in way.steps]
        else:
            assert line.looked is not None
            theirs = tuple(self._ours[symbol] for symbol in symbols)
            boxes, sure = boxes_of(line.looked, theirs), certainties(line.looked, theirs)
        return tuple(
            Character(
                text=self._texts[symbol],
                ascii=self.ascii[symbol],
                probability=min(1.0, probability),
                box=box,
            )
            for symbol, probability, box in zip(symbols, sure, boxes, strict=True)
        )

    def _reason(
        self, seen: Seen, way: Way | None, opinions: Opinions, probability: float
    ) -> str | None:
        # Where digits touch and were cut badly, the lattice's pieces are no digits; what is no
        # writing of digits at all does not reach the threshold of such lines.
        if not opinions.touching:
            steps = () if way is None else way.steps
            digits = [step.edge for step in steps if step.symbol < len(self._classes)]
            if not digits or seen.answers.digit[digits].min() < _NO_DIGIT:
                return "not a digit"
        return None if probability >= self._least(opinions) else "below threshold"

    def _least(self, opinions: Opinions) -> float:
        """The probability from which the line is accepted."""
        if self._threshold is not None:
            return self._threshold
        if self.sequence is None:
            return self._weights.threshold
        return opinions.pooled(self.sequence.bundle.mixture).threshold


def _cuts(seen: Seen, way: Way) -> bool:
    """Whether a way cuts ink."""
    edges = [step.edge for step in way.steps]
    ends = np.concatenate([seen.edges.first[edges], seen.edges.last[edges]])
    return bool((seen.pieces.cut[ends] > 0).any())


def _language(pattern: str | Automaton) -> Automaton:
    """What a name, an expression or an automaton allows."""
    if isinstance(pattern, Automaton):
        return pattern
    if pattern in validators.VALIDATORS and pattern not in PATTERNS:
        return validators.VALIDATORS[pattern].language()
    return patterns.pattern(pattern)


def _nothing(reason: str, box: Box) -> LineReading:
    return LineReading(text="", ascii="", probability=0.0, accepted=False, reason=reason, box=box)


def _whole(pieces: Pieces) -> Box:
    return _box(list(pieces.box(0, len(pieces))), pieces.scale)


def _box(edges: list[float], scale: float) -> Box:
    left, top, right, bottom = (round(scale * edge) for edge in edges)
    return Box(left, top, right - left, bottom - top)
