from __future__ import annotations

import math

import numpy as np
import pytest

from indicdigits.errors import DataError
from indicdigits.evaluation.metrics import evaluate_predictions, wilson_interval
from indicdigits.recipe import ClassEntry

THREE = tuple(ClassEntry(text=text) for text in "abc")
NONE_LEAKED = np.zeros(6, bool)
# Truth a a a b b c, answers a a b b b a.
LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.6, 0.2, 0.2],
        [0.3, 0.7, 0.0],
        [0.1, 0.9, 0.0],
        [0.0, 1.0, 0.0],
        [0.9, 0.0, 0.1],
    ]
)


def test_hand_computed_example() -> None:
    """Every figure of six pictures and three classes is what one gets on paper."""
    result = evaluate_predictions(PROBABILITIES, LABELS, THREE, NONE_LEAKED)
    assert (result["n"], result["errors"]) == (6, 2)
    assert result["accuracy"] == pytest.approx(4 / 6)
    assert result["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    a, b, c = result["per_class"]
    assert (a["precision"], a["recall"], a["f1"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (b["precision"], b["recall"], b["f1"]) == pytest.approx((2 / 3, 1.0, 0.8))
    assert (c["precision"], c["recall"], c["f1"]) == (0, 0, 0)
    assert [row["support"] for row in (a, b, c)] == [3, 2, 1]
    assert [row["errors"] for row in (a, b, c)] == [1, 0, 1]
    assert result["macro"]["f1"] == pytest.approx((2 / 3 + 0.8 + 0) / 3)


def test_worst_mistake_comes_first() -> None:
    """Mistakes are ordered by the probability of the wrong answer, and say what it was."""
    result = evaluate_predictions(PROBABILITIES, LABELS, THREE, NONE_LEAKED)
    worst, second = result["mistakes"]
    assert (worst["index"], worst["truth"], worst["answer"]) == (5, "c", "a")
    assert worst["probability"] == pytest.approx(0.9)
    assert worst["truth_probability"] == pytest.approx(0.1)
    assert second["index"] == 2


@pytest.mark.parametrize(("right", "n"), [(494, 500), (0, 10), (10, 10), (9963, 10000)])
def test_wilson_interval_is_the_textbook_formula(right: int, n: int) -> None:
    """The interval is Wilson's score interval, which never leaves 0 to 1."""
    z, p = 1.959963984540054, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = wilson_interval(right, n)
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-9)
    assert 0 <= low <= p <= high <= 1


def test_leaked_pictures_are_left_out() -> None:
    """Accuracy is given again without pictures that stand in training, mistakes marked."""
    leaked = np.array([True, False, False, False, False, True])
    result = evaluate_predictions(PROBABILITIES, LABELS, THREE, leaked)
    rest = result["without_leaked"]
    assert (result["n"], result["errors"]) == (6, 2)
    assert (rest["n"], rest["errors"], rest["leaked_n"]) == (4, 1, 2)
    assert rest["accuracy"] == pytest.approx(3 / 4)
    assert rest["interval"] == wilson_interval(3, 4)
    assert [mistake["leaked"] for mistake in result["mistakes"]] == [True, False]


def test_everything_leaked() -> None:
    """When all test pictures stand in training, nothing is claimed about the rest."""
    rest = evaluate_predictions(PROBABILITIES, LABELS, THREE, ~NONE_LEAKED)["without_leaked"]
    assert rest == {"n": 0, "errors": 0, "accuracy": None, "interval": None, "leaked_n": 6}


def test_class_without_test_pictures() -> None:
    """A class that the test lacks has no figures and does not move the means."""
    classes = (*THREE, ClassEntry(text="d", value=4))
    wide = np.hstack([PROBABILITIES, np.zeros((6, 1))])
    result = evaluate_predictions(wide, LABELS, classes, NONE_LEAKED)
    absent = result["per_class"][3]
    assert (absent["support"], absent["precision"], absent["recall"], absent["f1"]) == (
        0, None, None, None
    )  # fmt: skip
    without = evaluate_predictions(PROBABILITIES, LABELS, THREE, NONE_LEAKED)
    assert result["macro"] == without["macro"]


def test_all_right() -> None:
    """A test without mistakes gives an empty list and an upper bound of one."""
    result = evaluate_predictions(np.eye(3), np.arange(3), THREE, np.zeros(3, bool))
    assert (result["mistakes"], result["accuracy"]) == ([], 1.0)
    assert result["interval"][1] == 1.0


@pytest.mark.parametrize(
    ("probabilities", "labels", "part"),
    [
        (np.where(np.arange(18).reshape(6, 3) == 7, np.nan, PROBABILITIES), LABELS, "picture 2"),
        (np.where(np.arange(18).reshape(6, 3) == 7, np.inf, PROBABILITIES), LABELS, "picture 2"),
        (PROBABILITIES * 5, LABELS, "softmax"),
        (PROBABILITIES - 0.5, LABELS, "softmax"),
        (PROBABILITIES, LABELS + 1, "0 to 2"),
        (PROBABILITIES, LABELS - 1, "0 to 2"),
        (PROBABILITIES[:5], LABELS, "do not fit"),
        (PROBABILITIES[:, :2], LABELS, "do not fit"),
        (PROBABILITIES[:0], LABELS[:0], "empty"),
    ],
)
def test_nonsense_is_refused(probabilities: np.ndarray, labels: np.ndarray, part: str) -> None:
    """NaN, logits, labels that are no class and arrays that do not fit are data errors."""
    leaked = np.zeros(len(labels), bool)
    with pytest.raises(DataError, match=part):
        evaluate_predictions(probabilities, labels, THREE, leaked)


def test_pictures_of_no_digit_are_apart() -> None:
    """n, errors and accuracy are of true digits; what is no digit has a table by kind."""
    classes = (*THREE[:2], ClassEntry(text="not a digit"))
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    answers = np.array([0, 2, 1, 1, 2, 0, 1, 2])
    kinds = np.array(["", "", "", "", "blank", "scribble", "scribble", "scribble"])
    probabilities = np.full((8, 3), 0.1)
    probabilities[np.arange(8), answers] = 0.8
    probabilities[1, :2] = 0.05, 0.15  # a digit most like none, then like another digit
    result = evaluate_predictions(probabilities, labels, classes, np.arange(8) == 4, kinds=kinds)
    assert (result["n"], result["errors"], result["accuracy"]) == (4, 1, 0.75)
    assert [mistake["index"] for mistake in result["mistakes"]] == [1]
    assert result["without_leaked"]["leaked_n"] == 0  # the leaked one is no digit
    negatives = result["negatives"]
    assert (negatives["n"], negatives["accepted"], negatives["share"]) == (4, 2, 0.5)
    assert negatives["interval"] == wilson_interval(2, 4)
    assert [(row["kind"], row["n"], row["accepted"]) for row in negatives["kinds"]] == [
        ("blank", 1, 0),
        ("scribble", 3, 2),
    ]
    refused = np.arange(8) != 5  # below a threshold, say
    again = evaluate_predictions(
        probabilities, labels, classes, None, kinds=kinds, accepted=refused & (answers != 2)
    )
    assert again["negatives"]["accepted"] == 1
    a, b, none = result["per_class"]
    assert (a["precision"], a["recall"]) == (1.0, 0.5)  # negatives taken for it do not count
    assert b["precision"] == pytest.approx(2 / 3)
    assert (none["support"], none["errors"], none["recall"]) == (4, 2, 0.5)
    assert none["precision"] is None
    assert result["macro"]["recall"] == pytest.approx(0.75)
    assert result["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 1, 2]]


def test_nothing_but_pictures_of_no_digit() -> None:
    """A share of no digits at all is nothing to report, and is said."""
    classes = (*THREE[:2], ClassEntry(text="not a digit"))
    with pytest.raises(DataError, match="figures are about digits"):
        evaluate_predictions(np.eye(3)[[2, 2]], np.array([2, 2]), classes, None)
