"""Runs of pieces, what they look like, and what taking one for a character is worth.

The worth is a weighted sum: how sure the digit model is, and how the run lies in its line. The
weights were fitted on strings of training digits (`benchmarks/fit_strings.py`), so that the right
way through the lattice has the highest probability; they come in `weights.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indicdigits.reading.segment import Pieces

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

MARKS = ",.-/"
_MOST_PIECES = 7
_WIDEST = 1.7  # of the line's height: a digit of several pieces is no wider
_WIDEST_GAP = 0.4  # of the line's height, between the parts of a digit
_MARK_HEIGHT = 0.6  # of the line's height: only the slash is higher
_LEAST = 1e-6  # probabilities below it are as good as none
DIGIT_TERMS = (
    "one",
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
)
MARK_TERMS = (
    "one",
    "height",
    "height²",
    "width",
    "width²",
    "top",
    "top²",
    "bottom",
    "bottom²",
    "fill",
)


class Weights(NamedTuple):
    """What each term counts.

    Attributes:
        label: Of the logarithm of a digit's probability among digits.
        digit: float64 (T,), of `DIGIT_TERMS`.
        marks: float64 (M,U), of `MARK_TERMS` for each of `MARKS`.
    """

    label: float
    digit: Float
    marks: Float


@cache
def shipped_weights() -> Weights:
    """The weights that come with the package."""
    file = resources.files("indicdigits.reading").joinpath("weights.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    return Weights(
        float(content["label"]),
        np.array([content["digit"][term] for term in DIGIT_TERMS]),
        np.array([[content["marks"][m][term] for term in MARK_TERMS] for m in MARKS]),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Edges:
    """Runs of pieces that may be one character.

    Attributes:
        first: int32 (E,), the first piece of each.
        last: int32 (E,), the piece after its last.
        boxes: float64 (E,4), left, top, right and bottom.
        digit_terms: float64 (E,T), of `DIGIT_TERMS` without what the model says, which is 0.
        mark_terms: float64 (E,U), of `MARK_TERMS`.
        may_be_mark: bool (E,), whether it is a component of its own.
    """

    first: Int
    last: Int
    boxes: Float
    digit_terms: Float
    mark_terms: Float
    may_be_mark: Bool


def edges_of(pieces: Pieces) -> Edges:
    """The runs of a line that are not too wide, and how they lie in it."""
    runs = [
        (first, last)
        for first in range(len(pieces))
        for last in range(first + 1, min(first + _MOST_PIECES, len(pieces)) + 1)
        if last == first + 1 or _fits(pieces, first, last)
    ]
    first, last = np.array(runs, np.int32).T
    boxes = np.array([pieces.box(*run) for run in runs], np.float64)
    area = np.concatenate([[0], np.cumsum(np.bincount(pieces.owner[pieces.owner >= 0]))])
    ink = (area[last] - area[first]).astype(np.float64)
    whole = (pieces.cut[first] == 0) & (pieces.cut[last] == 0)
    return Edges(
        first=first,
        last=last,
        boxes=boxes,
        digit_terms=_digit_terms(pieces, first, last, boxes, ink),
        mark_terms=_mark_terms(pieces, boxes, ink),
        may_be_mark=whole,
    )


def _fits(pieces: Pieces, first: int, last: int) -> bool:
    left, _, right, _ = pieces.box(first, last)
    between = pieces.boxes[first + 1 : last, 0] - np.maximum.accumulate(
        pieces.boxes[first : last - 1, 2]
    )
    narrow = right - left <= _WIDEST * pieces.height
    return bool(narrow and between.max() <= _WIDEST_GAP * pieces.height)


def _digit_terms(pieces: Pieces, first: Int, last: Int, boxes: Float, ink: Float) -> Float:
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
    zero = np.zeros(len(first))
    return np.stack(
        [
            np.ones(len(first)),
            zero,
            zero,
            zero,
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
        ],
        axis=1,
    )


def _mark_terms(pieces: Pieces, boxes: Float, ink: Float) -> Float:
    tall = pieces.boxes[:, 3] - pieces.boxes[:, 1] >= _MARK_HEIGHT * pieces.height
    line = pieces.boxes[tall] if tall.any() else pieces.boxes
    top, bottom = np.median(line[:, 1]), np.median(line[:, 3])
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    terms = [
        height / pieces.height,
        width / pieces.height,
        (boxes[:, 1] - top) / pieces.height,
        (boxes[:, 3] - bottom) / pieces.height,
    ]
    squares = [part for term in terms for part in (term, term**2)]
    return np.stack([np.ones(len(boxes)), *squares, ink / (width * height)], axis=1)


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
    def of(probabilities: npt.NDArray[np.float32], digits: Int) -> Answers:
        """Splits what a reader answers.

        Args:
            probabilities: float32 (E,K).
            digits: int32 (C,), which of its classes are digits.
        """
        own = probabilities[:, digits].astype(np.float64)
        together = own.sum(axis=1)
        among = own / np.maximum(together, 1e-30)[:, None]
        return Answers(
            digit=np.log(np.maximum(together, _LEAST)), labels=np.log(np.maximum(among, _LEAST))
        )


def with_answers(edges: Edges, answers: Answers) -> Float:
    """float64 (E,T), the terms with what the model says."""
    terms = edges.digit_terms.copy()
    surest = answers.labels.max(axis=1)
    terms[:, 1], terms[:, 2], terms[:, 3] = answers.digit, surest, surest**2
    return terms


def worth(edges: Edges, answers: Answers, weights: Weights, *, marks: bool) -> Float:
    """float64 (E,C) or, with marks, (E,C+M): what taking an edge for a character is worth."""
    digits = (with_answers(edges, answers) @ weights.digit)[:, None]
    digits = digits + weights.label * answers.labels
    if not marks:
        return np.asarray(digits)
    others = edges.mark_terms @ weights.marks.T
    return np.concatenate([digits, np.where(edges.may_be_mark[:, None], others, -np.inf)], axis=1)
