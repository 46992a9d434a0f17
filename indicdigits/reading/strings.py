"""A line of ink -> the number that is written in it.

The line is cut into too many pieces, every run of pieces that might be a character is read by the
digit model, all in one batch, and the best way through the lattice of them is the answer. Its
probability is that of the whole string among all that the line is allowed to say.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import NamedTuple

import numpy as np

from indicdigits.imaging.normalise import normalise
from indicdigits.reading.answer import Box, Candidate, Character, Ink, LineReading
from indicdigits.reading.automaton import Automaton, anything, literally
from indicdigits.reading.edges import (
    MARKS,
    Answers,
    Edges,
    Weights,
    edges_of,
    shipped_weights,
    worth,
)
from indicdigits.reading.lattice import Decoder, Lattice, Sums, Way
from indicdigits.reading.segment import Pieces, cut
from indicdigits.runtime.reader import Reader

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
        pattern: What a line may say; None allows digits and marks in any order.
        threshold: Probability from which a line is accepted.
        weights: Of the lattice; the shipped ones by default.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        pattern: Automaton | None = None,
        threshold: float = 0.5,
        weights: Weights | None = None,
    ) -> None:
        self._reader = reader
        self._weights = weights or shipped_weights()
        self._threshold = threshold
        classes = reader.bundle.classes
        self._classes = np.array(
            [n for n, entry in enumerate(classes) if entry.value is not None], np.int32
        )
        digits = [classes[n] for n in self._classes.tolist()]
        texts = [entry.text for entry in digits]
        marks = [mark for mark in MARKS if mark not in texts]
        self._texts = (*texts, *marks)
        self._ascii = (*(str(entry.value) for entry in digits), *marks)
        # Characters of an automaton are single; a class such as ten has no single digit.
        self.symbols = "".join(
            a if len(a) == 1 else t for a, t in zip(self._ascii, self._texts, strict=True)
        )
        self._allowed = anything(self.symbols) if pattern is None else pattern.over(self.symbols)

    def __call__(self, line: Ink) -> LineReading:
        """Reads a line.

        Args:
            line: uint8 (H,W), 0 paper, 255 full ink.

        Returns:
            What it says; boxes are in pixels of `line`.
        """
        seen = self.look(line)
        if seen is None:
            return _nothing("no ink found", Box(0, 0, 0, 0))
        lattice = self.lattice(seen)
        decoder = Decoder(lattice, self._allowed)
        sums = decoder.sums()
        found = self._strings(decoder)
        if not found:
            return _nothing("does not fit the pattern", _whole(seen.pieces))
        ranked = sorted(
            (self._candidate(way, lattice, sums) for way in found), key=lambda c: -c[0].probability
        )
        best, way = ranked[0]
        reason = self._reason(seen, way, best.probability)
        return LineReading(
            text=best.text,
            ascii=best.ascii,
            probability=best.probability,
            accepted=reason is None,
            reason=reason,
            box=_whole(seen.pieces),
            digits=self._characters(seen, way, sums),
            alternatives=tuple(candidate for candidate, _ in ranked[1:]),
        )

    def look(self, line: Ink) -> Seen | None:
        """Cuts a line and asks the digit model; None where there is no ink."""
        pieces = cut(line)
        if pieces is None:
            return None
        edges, size = edges_of(pieces), self._reader.bundle.input_size
        runs = zip(edges.first.tolist(), edges.last.tolist(), strict=True)
        inputs = [normalise(pieces.picture(*run), size, "light-on-dark") for run in runs]
        probabilities = self._reader.probabilities(np.stack(inputs))
        return Seen(pieces, edges, Answers.of(probabilities, self._classes))

    def lattice(self, seen: Seen) -> Lattice:
        """What taking each run for each character is worth."""
        marks = len(self._texts) > len(self._classes)
        return Lattice(
            size=len(seen.pieces),
            first=seen.edges.first,
            last=seen.edges.last,
            scores=worth(seen.edges, seen.answers, self._weights, marks=marks),
        )

    def _strings(self, decoder: Decoder) -> list[Way]:
        """The best way to each of the likeliest strings."""
        found: dict[tuple[int, ...], Way] = {}
        for way in islice(decoder.ways(), _WAYS):
            found.setdefault(tuple(step.symbol for step in way.steps), way)
            if len(found) == _STRINGS:
                break
        return list(found.values())

    def _candidate(self, way: Way, lattice: Lattice, sums: Sums) -> tuple[Candidate, Way]:
        symbols = [step.symbol for step in way.steps]
        mass = Decoder(lattice, literally(symbols, self.symbols)).total()
        candidate = Candidate(
            text="".join(self._texts[s] for s in symbols),
            ascii="".join(self._ascii[s] for s in symbols),
            probability=min(1.0, math.exp(mass - sums.total)),
        )
        return candidate, way

    def _characters(self, seen: Seen, way: Way, sums: Sums) -> tuple[Character, ...]:
        return tuple(
            Character(
                text=self._texts[step.symbol],
                ascii=self._ascii[step.symbol],
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


def _nothing(reason: str, box: Box) -> LineReading:
    return LineReading(text="", ascii="", probability=0.0, accepted=False, reason=reason, box=box)


def _whole(pieces: Pieces) -> Box:
    return _box(list(pieces.box(0, len(pieces))), pieces.scale)


def _box(edges: list[float], scale: float) -> Box:
    left, top, right, bottom = (round(scale * edge) for edge in edges)
    return Box(left, top, right - left, bottom - top)
