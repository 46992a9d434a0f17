"""Which of several readers is better on the same test pictures, and whether that may be chance.

It works on `Candidate`s, so that whatever answers the same pictures can be compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.errors import DataError
from indicdigits.evaluation.metrics import negative_class, score
from indicdigits.evaluation.picture_set import Apart
from indicdigits.evaluation.significance import difference_interval, holm, mcnemar
from indicdigits.recipe import ClassEntry

SCHEMA = 2
NO_ANSWER = -1
LEVEL = 0.05  # an adjusted p-value below it is called a difference


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What a reader answered on its test split.

    Attributes:
        name: Told apart by it from the others.
        classes: The C classes, in the order of their indices.
        keys: S32 (N,), digests of the test pictures.
        labels: int (N,), their true classes.
        answers: int (N,), the classes it answered; -1 where it did not answer.
        ids: (N,), a name for each picture.
        images: uint8 (N, S, S), the pictures, light ink on black; None where they are not at hand.
        apart: Pictures of digits that nobody was asked about: without ink, or broken.
        history: A record for every epoch of its training; empty where none is known.
        facts: What else the table says of it, plain data for JSON.
    """

    name: str
    classes: tuple[ClassEntry, ...]
    keys: NDArray[np.bytes_]
    labels: NDArray[np.integer]
    answers: NDArray[np.integer]
    ids: Sequence[str]
    images: NDArray[np.uint8] | None = None
    apart: Sequence[Apart] = ()
    history: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any]


def of_digits(candidate: Candidate) -> Candidate:
    """The candidate without "not a digit", as a class and as pictures.

    How many pictures of no digit were shown says nothing about how well digits are read, and
    readers with and without that class read the same digits.

    Args:
        candidate: Whose answers are digits.

    Raises:
        DataError: No picture is of a digit.
    """
    negative = negative_class(candidate.classes)
    if negative is None:
        return candidate
    rows = np.flatnonzero(candidate.labels != negative)
    if not len(rows):
        raise DataError("no picture is of a digit", where=candidate.name)
    place = np.delete(np.arange(len(candidate.classes)), negative)
    new = np.zeros(len(candidate.classes), np.intp)
    new[place] = np.arange(len(place))
    answers = candidate.answers[rows]
    return replace(
        candidate,
        classes=tuple(candidate.classes[index] for index in place),
        keys=candidate.keys[rows],
        labels=new[candidate.labels[rows]],
        answers=np.where(answers == NO_ANSWER, NO_ANSWER, new[answers]),
        ids=[candidate.ids[row] for row in rows.tolist()],
        images=None if candidate.images is None else candidate.images[rows],
    )


def compare(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Scores each candidate, and tests each pair.

    Args:
        candidates: At least two, which answered the same pictures, in whatever order.

    Returns:
        Plain data for JSON: schema, classes, n, level, `runs` in the order given, and `pairs`.

    Raises:
        DataError: They answered other pictures, or have other classes.
    """
    same = on_same_pictures(candidates)
    first = same[0]
    right = {one.name: one.answers == one.labels for one in same}
    pairs = _pairs(right)
    answers = {one.name: one.answers for one in same}
    for pair in pairs:
        pair["changed"] = _changed(first, answers[pair["first"]], answers[pair["second"]])
    return {
        "schema": SCHEMA,
        "classes": [{"text": entry.text, "value": entry.value} for entry in first.classes],
        "n": len(first.labels),
        "apart": [
            {"id": one.id, "reason": one.reason, "broken": one.error is not None}
            for one in first.apart
        ],
        "level": LEVEL,
        "runs": [{"name": one.name, **one.facts, **score(right[one.name])} for one in same],
        "pairs": pairs,
    }


def _changed(
    first: Candidate,
    ours: NDArray[np.integer],
    theirs: NDArray[np.integer],
) -> list[dict[str, Any]]:
    """The pictures that two readers answer differently, with both answers.

    Args:
        first: Whose pictures they are.
        ours: (N,), what one reader answers to them.
        theirs: (N,), what the other does.
    """

    def text(answer: int) -> str | None:
        return None if answer == NO_ANSWER else first.classes[answer].text

    return [
        {
            "index": at,
            "id": first.ids[at],
            "truth": first.classes[first.labels[at]].text,
            "first": text(int(ours[at])),
            "second": text(int(theirs[at])),
        }
        for at in np.flatnonzero(ours != theirs).tolist()
    ]


def _pairs(right: Mapping[str, NDArray[np.bool_]]) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = []
    for first, second in itertools.combinations(right, 2):
        only_first = int(np.count_nonzero(right[first] & ~right[second]))
        only_second = int(np.count_nonzero(right[second] & ~right[first]))
        n = len(right[first])
        pairs.append(
            {
                "first": first,
                "second": second,
                "only_first_right": only_first,
                "only_second_right": only_second,
                "both_wrong": int(np.count_nonzero(~right[first] & ~right[second])),
                "difference": (only_first - only_second) / n,
                "difference_interval": difference_interval(only_first, only_second, n),
                "p": mcnemar(only_first, only_second),
            }
        )
    for pair, adjusted in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
        pair["p_adjusted"], pair["better"] = adjusted, None
        if adjusted < LEVEL:
            ahead = pair["only_first_right"] > pair["only_second_right"]
            pair["better"] = pair["first" if ahead else "second"]
    return pairs


def on_same_pictures(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with their pictures in the order of the first one.

    Raises:
        DataError: They have other classes, were told more, or answered other pictures; which
            ones is said.
    """
    first, *others = candidates
    if not len(first.labels):
        raise DataError("the test split is empty", where=first.name)
    strange = [other.name for other in others if _texts(other) != _texts(first)]
    if strange:
        raise DataError(
            f"not the classes of {first.name}",
            where=", ".join(strange),
            allowed=" ".join(_texts(first)),
            hint="compare readers of the same classes",
        )
    easier = [one.name for one in candidates if one.facts.get("told_script")]
    if easier and len(easier) < len(candidates):
        raise DataError(
            "is told each picture's script, and the others must find it out",
            where=", ".join(easier),
            hint="compare runs that are asked the same",
        )
    differences = {other.name: _difference(first, other) for other in others}
    unlike = [f"{name} ({words})" for name, words in differences.items() if words]
    if unlike:
        raise DataError(
            f"not tested on the pictures of {first.name}: {'; '.join(unlike)}",
            hint="compare readers that were tested on the same pictures",
        )
    return [first, *(_in_order_of(first, other) for other in others)]


def _texts(candidate: Candidate) -> list[str]:
    return [entry.text for entry in candidate.classes]


def _order(candidate: Candidate) -> NDArray[np.intp]:
    """Indices that sort the pictures; those that are identical keep their order."""
    return np.lexsort((candidate.labels, candidate.keys))


def _difference(first: Candidate, other: Candidate) -> str:
    """How the test pictures differ, in words; empty where they do not."""
    if len(first.labels) != len(other.labels):
        return f"{len(other.labels)} pictures, not {len(first.labels)}"
    ours, theirs = _order(first), _order(other)
    unknown = np.count_nonzero(first.keys[ours] != other.keys[theirs])
    if unknown:
        unknown = np.count_nonzero(~np.isin(other.keys, first.keys))
        return f"{unknown} pictures are others" if unknown else "some pictures more than once"
    wrong = np.count_nonzero(first.labels[ours] != other.labels[theirs])
    return f"{wrong} pictures have other labels" if wrong else ""


def _in_order_of(first: Candidate, other: Candidate) -> Candidate:
    if np.array_equal(first.keys, other.keys) and np.array_equal(first.labels, other.labels):
        return other
    places = np.empty(len(first.labels), np.intp)
    places[_order(first)] = _order(other)
    return replace(
        other,
        keys=other.keys[places],
        labels=other.labels[places],
        answers=other.answers[places],
    )
