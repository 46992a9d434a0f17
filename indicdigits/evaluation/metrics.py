"""Figures from predictions: plain arithmetic on arrays, no model and no files.

Where a reader has the class "not a digit", the headline is about true digits alone: how many
pictures that are none were shown says nothing about how well digits are read. Those are
`negatives`, a table of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from indicdigits.errors import DataError
from indicdigits.recipe import ClassEntry
from indicdigits.runtime import doubt
from indicdigits.runtime.doubt import NOT_A_DIGIT

CONFIDENCE = 0.95
GUESSES = 3  # of a mistake, what the network thought
# How far a row of float32 probabilities may be from one.
SUM_TOLERANCE = 1e-3


def wilson_interval(right: int, n: int) -> list[float]:
    """The 95 % Wilson score interval of a share, as [low, high] in 0 to 1.

    Args:
        right: How many of the `n` were right.
        n: How many there were, at least one.
    """
    interval = binomtest(right, n).proportion_ci(CONFIDENCE, method="wilson")
    return [float(interval.low), float(interval.high)]


def score(right: NDArray[np.bool_]) -> dict[str, Any]:
    """Counts of a part of the test: n, errors, accuracy and its interval.

    Args:
        right: bool (N,), whether each picture was read right. With N = 0, accuracy and interval
            are None: nothing was measured.
    """
    n, correct = len(right), int(np.count_nonzero(right))
    return {
        "n": n,
        "errors": n - correct,
        "accuracy": correct / n if n else None,
        "interval": wilson_interval(correct, n) if n else None,
    }


def alike(classes: Sequence[ClassEntry]) -> NDArray[np.bool_] | None:
    """Bool (C, C), true where two classes are the same or look the same; None where none do."""
    found = doubt.alike([entry.text for entry in classes])
    return found if found.sum() > len(classes) else None


def negative_class(classes: Sequence[ClassEntry]) -> int | None:
    """The index of the class "not a digit", or None."""
    texts = [entry.text for entry in classes]
    return texts.index(NOT_A_DIGIT) if NOT_A_DIGIT in texts else None


def true_digits(labels: NDArray[np.integer], classes: Sequence[ClassEntry]) -> NDArray[np.bool_]:
    """Bool (N,): which pictures the headline is about, all but those of "not a digit"."""
    return labels != (-1 if (index := negative_class(classes)) is None else index)


def best_digits(
    probabilities: NDArray[np.floating], classes: Sequence[ClassEntry]
) -> NDArray[np.intp]:
    """The answers (N,): the most probable class but "not a digit", as `Reader` gives them.

    Whether an answer is stood by is another question, and so is "not a digit".
    """
    return doubt.Judge(classes)(probabilities).best


def evaluate_predictions(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
    leaked: NDArray[np.bool_] | None,
    *,
    kinds: NDArray[np.str_] | None = None,
    accepted: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Everything that follows from predictions on one test split.

    A class without test pictures has None for precision, recall and F1, and the macro averages
    leave it out; a class that has pictures but was never answered has precision 0. Figures of
    digits are counted among pictures of digits alone; `confusion` has all pictures.

    Args:
        probabilities: float (N, C), each row in 0 to 1 and summing to one.
        labels: int (N,), the true class of each picture, 0 to C-1.
        classes: The C classes in the order of the columns.
        leaked: bool (N,), pictures that stand in the training set too; None where nobody looked.
        kinds: str (N,), what a picture that is no digit shows, such as "scribble".
        accepted: bool (N,), whether the reader stands by its answer; by default it does unless
            the answer is "not a digit".

    Returns:
        Plain data for JSON: n, errors, accuracy, interval, look_alikes (the same where digits of
        several scripts that look alike count as one; None where there are none), without_leaked
        (None where nobody looked), macro, per_class, confusion (rows truth, columns answer),
        mistakes (surest first) and negatives (None without such a class or such pictures).

    Raises:
        DataError: The arrays are empty, do not fit each other, or hold what no network that
            works can answer (NaN, a label that is no class).
    """
    _check(probabilities, labels, classes, leaked)
    digits, same = true_digits(labels, classes), alike(classes)
    best, negative = best_digits(probabilities, classes), negative_class(classes)
    if accepted is None:
        accepted = probabilities.argmax(axis=1) != negative
    answers = np.where(~digits & ~accepted, labels, best)  # rightly told to be no digit
    right = answers == labels
    per_class = _per_class(labels, answers, classes)
    confusion = confusion_matrix(labels, answers, labels=np.arange(len(classes)))
    return {
        **score(right[digits]),
        "look_alikes": None if same is None else score(same[labels, answers][digits]),
        "without_leaked": None if leaked is None else _without(leaked, right, digits),
        "macro": _macro(per_class),
        "per_class": per_class,
        "confusion": confusion.tolist(),
        "mistakes": _mistakes(probabilities, labels, classes, leaked),
        "negatives": None if digits.all() else taken_for_digits(accepted, kinds, ~digits),
    }


def _without(
    leaked: NDArray[np.bool_], right: NDArray[np.bool_], digits: NDArray[np.bool_]
) -> dict[str, Any]:
    count = int(np.count_nonzero(leaked & digits))
    return {**score(right[digits & ~leaked]), "leaked_n": count}


def _check(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
    leaked: NDArray[np.bool_] | None,
) -> None:
    n, count = len(labels), len(classes)
    if n == 0:
        raise DataError("the test split is empty", hint="indicdigits data show")
    if probabilities.shape != (n, count) or (leaked is not None and leaked.shape != (n,)):
        raise DataError(
            f"probabilities {probabilities.shape} and leaked {getattr(leaked, 'shape', None)} do "
            f"not fit {n} labels of {count} classes"
        )
    finite = np.isfinite(probabilities).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise DataError(
            f"the network answers {len(bad)} of {n} test pictures with something that is no number",
            where=f"test picture {bad[0]}",
            hint="train again with a lower learning rate: the weights are not usable",
        )
    off = np.flatnonzero(
        (probabilities.min(axis=1) < 0) | (np.abs(probabilities.sum(axis=1) - 1) > SUM_TOLERANCE)
    )
    if len(off):
        raise DataError(
            "the answers are no probabilities",
            where=f"test picture {off[0]}",
            allowed="0 to 1 each, together 1 (logits go through softmax first)",
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        raise DataError(
            f"label {labels[wrong[0]]} is no class of the recipe",
            where=f"test picture {wrong[0]}",
            allowed=f"0 to {count - 1}",
        )
    if not true_digits(labels, classes).any():
        raise DataError(
            f"every picture is {NOT_A_DIGIT!r}, and the figures are about digits",
            hint="name a data set with digits beside it: --data cmaterdb/devanagari --data …",
        )


def _per_class(
    labels: NDArray[np.integer], answers: NDArray[np.integer], classes: Sequence[ClassEntry]
) -> list[dict[str, Any]]:
    digits, negative = true_digits(labels, classes), negative_class(classes)
    figures = precision_recall_fscore_support(
        labels[digits], answers[digits], labels=np.arange(len(classes)), zero_division=0
    )
    rows = []
    for index, (entry, precision, recall, f1, _) in enumerate(zip(classes, *figures, strict=True)):
        support = int(np.count_nonzero(labels == index))
        errors = int(np.count_nonzero((labels == index) & (answers != index)))
        # How often "not a digit" is right depends on how many such pictures are shown.
        digit = support and index != negative
        rows.append(
            {
                "text": entry.text,
                "value": entry.value,
                "precision": float(precision) if digit else None,
                "recall": float(recall) if digit else 1 - errors / support if support else None,
                "f1": float(f1) if digit else None,
                "support": support,
                "errors": errors,
            }
        )
    return rows


def _macro(per_class: list[dict[str, Any]]) -> dict[str, float]:
    tested = [row for row in per_class if row["f1"] is not None]
    return {
        key: float(np.mean([row[key] for row in tested])) for key in ("precision", "recall", "f1")
    }


def _mistakes(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
    leaked: NDArray[np.bool_] | None,
) -> list[dict[str, Any]]:
    """All misread digits, the one the network was surest of first; ties by place in the split."""
    answers = best_digits(probabilities, classes)
    wrong = np.flatnonzero((answers != labels) & true_digits(labels, classes))
    order = wrong[np.argsort(-probabilities[wrong, answers[wrong]], kind="stable")]
    return [
        {
            "index": int(index),
            "truth": classes[labels[index]].text,
            "truth_value": classes[labels[index]].value,
            "answer": classes[answers[index]].text,
            "answer_value": classes[answers[index]].value,
            "probability": float(probabilities[index, answers[index]]),
            "truth_probability": float(probabilities[index, labels[index]]),
            "leaked": bool(leaked is not None and leaked[index]),
            "guesses": _guesses(probabilities[index], classes),
        }
        for index in order
    ]


def _guesses(row: NDArray[np.floating], classes: Sequence[ClassEntry]) -> list[dict[str, Any]]:
    """What the network thought of one picture: its most probable classes, the first first."""
    return [
        {"text": classes[at].text, "value": classes[at].value, "probability": float(row[at])}
        for at in np.argsort(-row, kind="stable")[:GUESSES].tolist()
    ]


def taken_for_digits(
    accepted: NDArray[np.bool_], kinds: NDArray[np.str_] | None, of: NDArray[np.bool_]
) -> dict[str, Any]:
    """How many pictures of no digit were taken for one.

    Args:
        accepted: bool (N,), whether the reader stands by its answer.
        kinds: str (N,), what each picture shows; None where nobody knows.
        of: bool (N,), those that are no digit, at least one.

    Returns:
        Plain data for JSON: n, accepted, share, interval (95 %, Wilson), and kinds.
    """
    named = np.full(len(of), "") if kinds is None else kinds.astype(str)
    rows = [
        {"kind": kind or None, **_accepted(accepted[of & (named == kind)])}
        for kind in np.unique(named[of]).tolist()
    ]
    return {**_accepted(accepted[of]), "kinds": rows}


def _accepted(accepted: NDArray[np.bool_]) -> dict[str, Any]:
    n, count = len(accepted), int(np.count_nonzero(accepted))
    return {"n": n, "accepted": count, "share": count / n, "interval": wilson_interval(count, n)}
