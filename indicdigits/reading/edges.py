"""Runs of pieces, what they look like, and what taking one for a character is worth.

The worth is a weighted sum: how sure the digit model is, and how the run lies in its line. The
weights were fitted on strings of training digits (`benchmarks/fit_strings.py`), so that the right
way through the lattice has the highest probability; they come in `weights.json`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.kinds import KINDS, MARKS, kinds
from indicdigits.reading.runs import runs_of
from indicdigits.reading.segment import Pieces

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

_LEAST = 1e-6  # probabilities below it are as good as none
_SEEN = math.log(0.003)  # runs that are less likely a digit are not shown to the digit model
_FEW = 3  # fewer components say nothing of how regular a line is
_ALIKE = math.log(1.8)  # components whose widths differ by less are about as wide
DIGIT_TERMS = (
    "one",
    "whole",
    "odds of whole",
    "is a digit",
    "surest",
    "surest²",
    "height",
    "height²",
    "width",
    "width²",
    "darkness",
    "darkness²",
    "ink of cuts",
    "cuts",
    "cuts left alone",
    "components joined",
    "gaps",
    "off the middle",
    "a component",
    "a component of a regular line",
)
_MODEL = 6  # of these terms come from the models
MARK_TERMS = ("one", "whole", "odds of whole")


class Weights(NamedTuple):
    """What each term counts.

    Attributes:
        label: Of the logarithm of a digit's probability among digits.
        digit: float64 (T,), of `DIGIT_TERMS`.
        marks: float64 (M,U), of `MARK_TERMS` for each of `MARKS`.
        threshold: Probability from which a line is accepted.
    """

    label: float
    digit: Float
    marks: Float
    threshold: float


@cache
def shipped_weights() -> Weights:
    """The weights that come with the package."""
    file = resources.files("indicdigits.reading").joinpath("weights.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    return Weights(
        float(content["label"]),
        np.array([content["digit"][term] for term in DIGIT_TERMS]),
        np.array([[content["marks"][m][term] for term in MARK_TERMS] for m in MARKS]),
        float(content["threshold"]),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Edges:
    """Runs of pieces that may be one character.

    Attributes:
        first: int32 (E,), the first piece of each.
        last: int32 (E,), the piece after its last.
        boxes: float64 (E,4), left, top, right and bottom.
        kinds: float64 (E,K), logarithms of the probabilities of `KINDS`.
        place: float64 (E,T - _MODEL), the last of `DIGIT_TERMS`: how it lies in the line.
        whole: bool (E,), whether no cut ends it: only then it may be a mark.
    """

    first: Int
    last: Int
    boxes: Float
    kinds: Float
    place: Float
    whole: Bool

    @property
    def worth_reading(self) -> Bool:
        """Bool (E,), whether it is likely enough a digit for the digit model to look at it."""
        return np.asarray(self.kinds[:, KINDS.index("digit")] >= _SEEN)


def edges_of(pieces: Pieces) -> Edges:
    """The runs of a line that are not too wide, and how they lie in it."""
    runs = runs_of(pieces)
    first, last, boxes = runs.first, runs.last, runs.boxes.astype(np.float64)
    area = np.concatenate([[0], np.cumsum(pieces.area)])
    ink = (area[last] - area[first]).astype(np.float64)
    return Edges(
        first=first,
        last=last,
        boxes=boxes,
        kinds=kinds(pieces, runs),
        place=_place(pieces, first, last, boxes, ink),
        whole=(pieces.cut[first] == 0) & (pieces.cut[last] == 0),
    )


def _place(pieces: Pieces, first: Int, last: Int, boxes: Float, ink: Float) -> Float:
    height = np.log((boxes[:, 3] - boxes[:, 1]) / pieces.height)
    width = np.log((boxes[:, 2] - boxes[:, 0]) / pieces.height)
    darkness = np.log(ink / (pieces.height * pieces.stroke))
    # What lies between neighbouring pieces: a cut, or a change of the component and a gap.
    cut = pieces.cut[1:-1]
    joined = (pieces.component[1:] != pieces.component[:-1]).astype(np.float64)
    gap = np.maximum(pieces.boxes[1:, 0] - pieces.boxes[:-1, 2], 0) * joined / pieces.height
    weak = np.where(cut > 0, np.exp(-cut), 0.0)

    def inside(values: npt.NDArray[np.floating]) -> Float:
        cumulated = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(cumulated[last - 1] - cumulated[first])

    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    off = np.abs(middle - _middle(pieces)) / pieces.height
    ends = np.stack([pieces.cut[first], pieces.cut[last]])
    component = (ends.max(axis=0) == 0) & (inside(joined) == 0)
    return np.stack(
        [
            height,
            height**2,
            width,
            width**2,
            darkness,
            darkness**2,
            ends.sum(axis=0),
            (ends > 0).sum(axis=0),
            inside(weak),
            inside(joined),
            inside(gap),
            off,
            component,
            component * _regularity(pieces),
        ],
        axis=1,
    )


def _regularity(pieces: Pieces) -> float:
    """Which part of the line's width is of components about as wide as the others, 0 to 1.

    Near 1 where characters stand apart, and then a component is hardly ever cut rightly.
    """
    _, start = np.unique(pieces.component, return_index=True)
    groups = [pieces.boxes[pieces.component == pieces.component[n]] for n in start.tolist()]
    widths = np.array([group[:, 2].max() - group[:, 0].min() for group in groups], np.float64)
    tall = [group[:, 3].max() - group[:, 1].min() >= pieces.height / 2 for group in groups]
    large = widths[np.array(tall)]
    if len(large) < _FEW:
        return 0.0
    alike = np.abs(np.log(large / np.median(large))) <= _ALIKE
    return float(large[alike].sum() / large.sum())


def _middle(pieces: Pieces) -> float:
    sizes = pieces.boxes[:, 3] - pieces.boxes[:, 1]
    return float(np.average((pieces.boxes[:, 1] + pieces.boxes[:, 3]) / 2, weights=sizes))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answers:
    """What the digit model says about each edge.

    Attributes:
        digit: float64 (E,), logarithm of the probability that it is a digit at all.
        labels: float64 (E,C), logarithm of each digit's probability among digits.
    """

    digit: Float
    labels: Float

    @staticmethod
    def of(
        probabilities: npt.NDArray[np.float32], digits: Int, shown: Bool | None = None
    ) -> Answers:
        """Splits what a reader answers.

        Args:
            probabilities: float32 (N,K).
            digits: int32 (C,), which of its classes are digits.
            shown: bool (E,), which N of all edges it was shown; the others are no digit.
        """
        own = probabilities[:, digits].astype(np.float64)
        together = own.sum(axis=1)
        among = own / np.maximum(together, 1e-30)[:, None]
        shown = np.ones(len(own), bool) if shown is None else shown
        digit = np.full(len(shown), math.log(_LEAST))
        labels = np.full((len(shown), len(digits)), -math.log(len(digits)))
        digit[shown] = np.log(np.maximum(together, _LEAST))
        labels[shown] = np.log(np.maximum(among, _LEAST))
        return Answers(digit=digit, labels=labels)


def digit_terms(edges: Edges, answers: Answers) -> Float:
    """float64 (E,T), `DIGIT_TERMS` of each edge."""
    surest = answers.labels.max(axis=1)
    whole = edges.kinds[:, KINDS.index("digit")]
    models = [np.ones(len(whole)), whole, _odds(whole), answers.digit, surest, surest**2]
    return np.concatenate([np.stack(models, axis=1), edges.place], axis=1)


def mark_terms(edges: Edges) -> Float:
    """float64 (E,M,U), `MARK_TERMS` of each edge for each of `MARKS`."""
    whole = edges.kinds[:, [KINDS.index(mark) for mark in MARKS]]
    return np.stack([np.ones_like(whole), whole, _odds(whole)], axis=2)


def _odds(logarithm: Float) -> Float:
    """Logarithms of the odds of probabilities whose logarithms are given."""
    return np.asarray(logarithm - np.log(np.maximum(-np.expm1(logarithm), _LEAST)))


def worth(edges: Edges, answers: Answers, weights: Weights, marks: str) -> Float:
    """float64 (E,C + M): what taking an edge for a digit, or for one of these marks, is worth."""
    digits = (digit_terms(edges, answers) @ weights.digit)[:, None]
    digits = digits + weights.label * answers.labels
    others = np.einsum("emu,mu->em", mark_terms(edges), weights.marks)
    others = np.where(edges.whole[:, None], others, -np.inf)
    return np.concatenate([digits, others[:, [MARKS.index(mark) for mark in marks]]], axis=1)
