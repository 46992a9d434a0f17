"""Figures from predictions: plain arithmetic on arrays, no model and no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from indicdigits.errors import DataError
from indicdigits.recipe import ClassEntry
from indicdigits.scripts import look_alikes

SCHEMA = 1
CONFIDENCE = 0.95
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
    texts = [entry.text for entry in classes]
    found = np.eye(len(texts), dtype=bool)
    for index, text in enumerate(texts):
        found[index, [n for n, other in enumerate(texts) if other in look_alikes(text)]] = True
    return found if found.sum() > len(texts) else None


def evaluate_predictions(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
    leaked: NDArray[np.bool_],
) -> dict[str, Any]:
    """Everything that follows from predictions on one test split.

    A class without test pictures has None for precision, recall and F1, and the macro averages
    leave it out; a class that has pictures but was never answered has precision 0.

    Args:
        probabilities: float (N, C), each row in 0 to 1 and summing to one.
        labels: int (N,), the true class of each picture, 0 to C-1.
        classes: The C classes in the order of the columns.
        leaked: bool (N,), pictures that stand in the training set too.

    Returns:
        Plain data for JSON: n, errors, accuracy, interval, look_alikes (the same where digits of
        several scripts that look alike count as one; None where there are none), without_leaked,
        macro, per_class, confusion (rows truth, columns answer) and mistakes (surest first).

    Raises:
        DataError: The arrays are empty, do not fit each other, or hold what no network that
            works can answer (NaN, a label that is no class).
    """
    _check(probabilities, labels, classes, leaked)
    answers = probabilities.argmax(axis=1)
    right = answers == labels
    per_class, same = _per_class(labels, answers, classes), alike(classes)
    confusion = confusion_matrix(labels, answers, labels=np.arange(len(classes)))
    return {
        **score(right),
        "look_alikes": None if same is None else score(same[labels, answers]),
        "without_leaked": {**score(right[~leaked]), "leaked_n": int(np.count_nonzero(leaked))},
        "macro": _macro(per_class),
        "per_class": per_class,
        "confusion": confusion.tolist(),
        "mistakes": _mistakes(probabilities, labels, classes, leaked),
    }


def _check(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
    leaked: NDArray[np.bool_],
) -> None:
    n, count = len(labels), len(classes)
    if n == 0:
        raise DataError("the test split is empty", hint="indicdigits data show")
    if probabilities.shape != (n, count) or leaked.shape != (n,):
        raise DataError(
            f"probabilities {probabilities.shape} and leaked {leaked.shape} do not fit "
            f"{n} labels of {count} classes"
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


def _per_class(
    labels: NDArray[np.integer], answers: NDArray[np.integer], classes: Sequence[ClassEntry]
) -> list[dict[str, Any]]:
    figures = precision_recall_fscore_support(
        labels, answers, labels=np.arange(len(classes)), zero_division=0
    )
    rows = []
    for index, (entry, precision, recall, f1, support) in enumerate(
        zip(classes, *figures, strict=True)
    ):
        rows.append(
            {
                "text": entry.text,
                "value": entry.value,
                "precision": float(precision) if support else None,
                "recall": float(recall) if support else None,
                "f1": float(f1) if support else None,
                "support": int(support),
                "errors": int(np.count_nonzero((labels == index) & (answers != index))),
            }
        )
    return rows


def _macro(per_class: list[dict[str, Any]]) -> dict[str, float]:
    tested = [row for row in per_class if row["support"]]
    return {
        key: float(np.mean([row[key] for row in tested])) for key in ("precision", "recall", "f1")
    }


def _mistakes(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
    leaked: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """All mistakes, the one the network was surest of first; ties by place in the test split."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
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
            "leaked": bool(leaked[index]),
        }
        for index in order
    ]
