"""A line of ink -> the number that is written in it.

The line is cut into too many pieces, every run of pieces that might be a character is read by the
digit model, all in one batch, and the best way through the lattice of them is the answer. Its
probability is that of the whole string among all that the line is allowed to say.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from indicdigits.imaging.normalise import normalise
from indicdigits.reading import patterns, validators
from indicdigits.reading.answer import Box, Candidate, Character, Ink, LineReading
from indicdigits.reading.automaton import Automaton
from indicdigits.reading.edges import (
    Answers,
    Edges,
    Weights,
    edges_of,
    shipped_weights,
    worth,
)
from indicdigits.reading.kinds import MARKS
from indicdigits.reading.lattice import Decoder, Lattice, Sums, Way
from indicdigits.reading.patterns import PATTERNS
from indicdigits.reading.segment import Pieces, cut
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


class LineReader:
    """Reads the ink of one line; may be shared between threads.

    Args:
        reader: Reads single digits.
        pattern: What a line may say: a name or an expression of `patterns`, the name of a
            validator (the number then passes its checksum too), or an automaton. None takes the
            validator's shape, or any number.
        validator: What a number has to pass for the line to be accepted: a name or a validator.
        threshold: Probability from which a line is accepted; None is that of the weights.
        weights: Of the lattice; the shipped ones by default.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        pattern: str | Automaton | None = None,
        validator: str | Validator | None = None,
        threshold: float | None = None,
        weights: Weights | None = None,
    ) -> None:
        self._reader = reader
        self._weights = weights or shipped_weights()
        self._threshold = self._weights.threshold if threshold is None else threshold
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
        one = validators.validator(validator) if isinstance(validator, str) else validator
        self._validator = one
        allowed = _language(pattern or (one.pattern if one else "number"))
        self._allowed = allowed.over(self.symbols)
        self._valid = allowed.both(one.language()).over(self.symbols) if one else None

    def __call__(self, line: Ink) -> LineReading:
        """Reads a line.

        Args:
            line: uint8 (H,W), 0 paper, 255 full ink.

        Returns:
            What it says; boxes are in pixels of `line`.
        """
        seen = self.look(line)
        if seen is None:
            return _nothing(NO_INK, Box(0, 0, 0, 0))
        lattice = self.lattice(seen)
        decoder = Decoder(lattice, self._allowed)
        sums = decoder.sums()
        found = self._strings(decoder)
        if not found:
            return _nothing("does not fit the pattern", _whole(seen.pieces))
        ranked = self._ranked(found, lattice, sums)
        best, way = ranked[0]
        wrong = self._validator(best.ascii) if self._validator else None
        if wrong and self._valid:
            ranked[1:1] = self._passing(lattice, sums)
        reason = wrong or self._reason(seen, way, best.probability)
        others = {candidate.text: candidate for candidate, _ in ranked[1:]}
        return LineReading(
            text=best.text,
            ascii=best.ascii,
            probability=best.probability,
            accepted=reason is None,
            reason=reason,
            box=_whole(seen.pieces),
            digits=self._characters(seen, way, sums),
            alternatives=tuple(others.values()),
            threshold=self._threshold,
        )

    def _ranked(self, ways: list[Way], lattice: Lattice, sums: Sums) -> list[tuple[Candidate, Way]]:
        """What some ways say and how likely that is, the likeliest first."""
        candidates = [(self._candidate(way, lattice, sums), way) for way in ways]
        return sorted(candidates, key=lambda pair: -pair[0].probability)

    def _passing(self, lattice: Lattice, sums: Sums) -> list[tuple[Candidate, Way]]:
        """The likeliest readings that the validator lets pass."""
        assert self._valid is not None
        found = self._strings(Decoder(lattice, self._valid), passing=True)
        return self._ranked(found, lattice, sums)

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

    def _strings(self, decoder: Decoder, *, passing: bool = False) -> list[Way]:
        """The best way to each of the likeliest strings, or of those that pass."""
        found: dict[tuple[int, ...], Way] = {}
        for way in decoder.ways(_WAYS):
            symbols = tuple(step.symbol for step in way.steps)
            if not passing or self._passes("".join(self.ascii[s] for s in symbols)):
                found.setdefault(symbols, way)
            if len(found) == _STRINGS:
                break
        return list(found.values())

    def _passes(self, text: str) -> bool:
        return self._validator is None or self._validator(text) is None

    def _candidate(self, way: Way, lattice: Lattice, sums: Sums) -> Candidate:
        symbols = [step.symbol for step in way.steps]
        return Candidate(
            text="".join(self._texts[s] for s in symbols),
            ascii="".join(self.ascii[s] for s in symbols),
            probability=min(1.0, math.exp(lattice.mass(symbols) - sums.total)),
        )

    def _characters(self, seen: Seen, way: Way, sums: Sums) -> tuple[Character, ...]:
        return tuple(
            Character(
                text=self._texts[step.symbol],
                ascii=self.ascii[step.symbol],
                probability=min(1.0, float(sums.posterior[step.edge, step.symbol])),
                box=_box(seen.edges.boxes[step.edge].tolist(), seen.pieces.scale),
            )
            for step in way.steps
        )

    def _reason(self, seen: Seen, way: Way, probability: float) -> str | None:
        digits = [step.edge for step in way.steps if step.symbol < len(self._classes)]
        if not digits or seen.answers.digit[digits].min() < _NO_DIGIT:
            return "not a digit"
        return None if probability >= self._threshold else "below threshold"


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
