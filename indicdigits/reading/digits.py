"""The way to read a line digit by digit: pieces, runs of them read alone, a lattice of all that."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from indicdigits.imaging.normalise import normalise
from indicdigits.reading.answer import Box, Ink
from indicdigits.reading.automaton import Automaton, literally
from indicdigits.reading.ctc import Symbols
from indicdigits.reading.edges import Answers, Edges, Weights, edges_of, shipped_weights, worth
from indicdigits.reading.kinds import MARKS
from indicdigits.reading.lattice import Decoder, Lattice, Way
from indicdigits.reading.segment import Pieces, cut
from indicdigits.runtime.reader import Reader

_NO_DIGIT = math.log(0.5)  # a character below it is no digit, says the model


class Seen(NamedTuple):
    """A line digit by digit.

    Attributes:
        pieces: What it was cut into.
        edges: Runs of pieces.
        answers: What the digit model says about each run.
        lattice: What taking each run for each character is worth.
    """

    pieces: Pieces
    edges: Edges
    answers: Answers
    lattice: Lattice

    @property
    def box(self) -> Box:
        """Of all ink, in pixels of the line."""
        return _box(list(self.pieces.box(0, len(self.pieces))), self.pieces.scale)

    def cuts(self, way: Way) -> bool:
        """Whether a way cuts ink."""
        edges = [step.edge for step in way.steps]
        ends = np.concatenate([self.edges.first[edges], self.edges.last[edges]])
        return bool((self.pieces.cut[ends] > 0).any())

    def boxes(self, way: Way) -> list[Box]:
        """Where each character of a way stands, in pixels of the line."""
        scale = self.pieces.scale
        return [_box(self.edges.boxes[step.edge].tolist(), scale) for step in way.steps]

    def certainties(self, way: Way, allowed: Automaton) -> list[float]:
        """The probability of each character of a way, among all ways that are allowed."""
        posterior = Decoder(self.lattice, allowed).sums().posterior
        return [float(posterior[step.edge, step.symbol]) for step in way.steps]


class DigitsReader:
    """Looks at a line digit by digit; may be shared between threads.

    Args:
        reader: Reads single digits.
        weights: Of the lattice; the shipped ones by default.

    Attributes:
        texts: The lattice's symbols as they are written, digits first, then marks.
        ascii: The same for machines.
        symbols: The same for automata, whose characters are single.
    """

    def __init__(self, reader: Reader, weights: Weights | None = None) -> None:
        self.weights = weights or shipped_weights()
        self._reader = reader
        classes = reader.bundle.classes
        self._classes = np.array(
            [n for n, entry in enumerate(classes) if entry.value is not None], np.int32
        )
        digits = [classes[n] for n in self._classes.tolist()]
        self.texts = (*(entry.text for entry in digits), *MARKS)
        self.ascii = (*(str(entry.value) for entry in digits), *MARKS)
        # A class such as ten has no single digit.
        pairs = zip(self.ascii, self.texts, strict=True)
        self.symbols = "".join(a if len(a) == 1 else t for a, t in pairs)

    def look(self, line: Ink) -> Seen | None:
        """Cuts a line uint8 (H,W), 255 full ink, and asks the digit model; None without ink."""
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
        answers = Answers.of(probabilities, self._classes, shown)
        lattice = Lattice(
            size=len(pieces),
            first=edges.first,
            last=edges.last,
            scores=worth(edges, answers, self.weights, MARKS),
        )
        return Seen(pieces, edges, answers, lattice)

    def way(self, symbols: Symbols, seen: Seen) -> Way | None:
        """The best way to a string, if the lattice has one."""
        return next(Decoder(seen.lattice, literally(symbols, self.symbols)).ways(1), None)

    def is_foreign(self, seen: Seen, way: Way | None) -> bool:
        """Whether a character of a way is no digit to the model, or none of it is a digit."""
        steps = () if way is None else way.steps
        digits = [step.edge for step in steps if step.symbol < len(self._classes)]
        return not digits or bool(seen.answers.digit[digits].min() < _NO_DIGIT)


def _box(edges: list[float], scale: float) -> Box:
    left, top, right, bottom = (round(scale * edge) for edge in edges)
    return Box(left, top, right - left, bottom - top)
