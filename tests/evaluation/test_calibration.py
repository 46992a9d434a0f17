"""Calibration and rejection as arithmetic: what is known by heart, and what must not happen."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.errors import DataError
from indicdigits.evaluation.calibration import (
    calibration_of,
    ece,
    ece_if_perfect,
    ece_interval,
    fit_temperature,
    nll,
    reliability,
)
from indicdigits.evaluation.rejection import (
    outside_threshold,
    reject_of,
    risk_coverage,
    threshold_for,
)
from indicdigits.recipe import ClassEntry
from indicdigits.runtime.acceptance import Acceptance, NotADigit, Point, calibrated

CLASSES = tuple(ClassEntry(text=str(value), value=value) for value in range(10))
WITH_NONE = (*CLASSES, ClassEntry(text="not a digit"))


def perfect(n: int, count: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn with just these probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, count))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return probabilities.astype(np.float32), labels.clip(0, count - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found(temperature):
    """Whatever temperature a perfect reader's answers are spoilt with, fitting undoes it."""
    probabilities, labels = perfect(20_000)
    spoilt = calibrated(probabilities, 1 / temperature)
    assert fit_temperature(spoilt, labels) == pytest.approx(temperature, rel=0.03)


def test_a_temperature_changes_no_answer_and_every_row_sums_to_one():
    """Scaling keeps the most probable class, zeros and ones included, and makes no NaN."""
    rows = np.array([[1, 0, 0], [0.2, 0.5, 0.3], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    for temperature in (0.05, 0.7, 20.0):
        scaled = calibrated(rows, temperature)
        np.testing.assert_array_equal(scaled.argmax(axis=1), rows.argmax(axis=1))
        np.testing.assert_allclose(scaled.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(calibrated(rows, None), rows)


def test_ece_by_hand():
    """Two groups of answers, 0.9 and 0.6 sure, of which 80 and 60 % are right: 0.1 and 0 off."""
    confidence = np.repeat([0.9, 0.6], 750)
    right = np.tile([True, True, True, True, False, True, True, True, True, False], 150)
    right[750:] = np.tile([True, True, True, False, False], 150)
    assert ece(confidence, right) == pytest.approx(0.05)
    assert ece(confidence, right, "equal width") == pytest.approx(0.05)


def test_equal_mass_sees_what_one_wide_bin_hides():
    """Half too sure and half not sure enough, all above 0.94: equal width calls that perfect."""
    confidence = np.repeat([0.999, 0.951], 1500)
    right = np.ones(3000, bool)
    right[:150] = False  # of the surest, every tenth is wrong
    gap = abs(confidence.mean() - right.mean())
    assert ece(confidence, right, "equal width") == pytest.approx(gap)
    assert gap < 0.03 < 0.07 < ece(confidence, right)


def test_a_perfect_reader_lies_within_what_is_said_of_perfect_readers():
    """The simulated ECE of a perfect reader is that of one, and of one that is off it is not."""
    probabilities, labels = perfect(5000)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = ece_if_perfect(confidence)
    assert 0 < expected["mean"] < expected["high"]
    assert ece(confidence, right) < expected["high"] * 1.3
    sharper = calibrated(probabilities, 0.5).max(axis=1)
    assert ece(sharper, right) > 3 * ece_if_perfect(sharper)["high"]
    low, high = ece_interval(sharper, right)
    assert low < ece(sharper, right) < high


def test_intervals_repeat():
    """Resampling is seeded: the same figures every time."""
    probabilities, labels = perfect(300)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    assert ece_interval(confidence, right) == ece_interval(confidence, right)
    assert ece_if_perfect(confidence) == ece_if_perfect(confidence)


def test_the_diagram_counts_every_picture_once():
    """Rows lie in 0 to 1, count all pictures, and give the equal-width ECE again."""
    probabilities, labels = perfect(2000)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    rows = reliability(confidence, right)
    assert sum(row["n"] for row in rows) == 2000
    assert all(row["low"] <= row["confidence"] <= row["high"] for row in rows)
    again = sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / 2000
    assert again == pytest.approx(ece(confidence, right, "equal width"))


def test_calibration_of():
    """Before and after a temperature; the dictionary holds what reports are promised."""
    probabilities, labels = perfect(4000)
    sure = calibrated(probabilities, 0.5)
    found = calibration_of(sure, labels, 2.0, classes=CLASSES, fitted_on="others")
    assert (found["temperature"], found["fitted_on"], found["n"]) == (2.0, "others", 4000)
    assert found["ece"] < 0.03 < found["uncalibrated"]["ece"]
    assert found["nll"] == pytest.approx(nll(probabilities, labels), rel=1e-3)
    assert found["nll"] < found["uncalibrated"]["nll"]
    assert set(found["ece_if_perfect"]) == {"mean", "high"}
    assert set(found["reliability"]) == {"before", "after"}
    none = calibration_of(sure, labels, None, classes=CLASSES)
    assert none["ece"] == none["uncalibrated"]["ece"]


def test_a_zero_probability_costs_much_but_not_everything():
    """A true class of probability zero has a finite, large NLL."""
    assert 80 < nll(np.array([[1, 0]], np.float32), np.array([1])) < 100


def test_risk_coverage_by_hand():
    """Right, right, wrong, right: risks 0, 0, 1/3, 1/4; equal scores are accepted together."""
    right = np.array([True, True, False, True])
    curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), right)
    assert curve["coverage"] == [0.25, 0.5, 0.75, 1.0]
    assert curve["risk"] == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert risk_coverage(np.array([0.9, 0.7, 0.7, 0.6]), right)["coverage"] == [0.25, 0.75, 1.0]


@pytest.mark.parametrize(
    ("rate", "threshold"), [(0.0, 0.75), (0.2, 0.75), (0.25, 0.3), (0.34, 0.3), (1.0, 0.3)]
)
def test_threshold_for(rate, threshold):
    """The smallest threshold that keeps the rate, even where a larger one would break it."""
    score, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True])
    assert threshold_for(score, right, rate) == pytest.approx(threshold)


def test_a_threshold_holds_on_every_set():
    """A large easy set does not hide what a small hard one gets wrong."""
    score = np.concatenate([np.linspace(0.5, 1, 1000), [0.6, 0.7, 0.8]])
    right, sets = np.ones(1003, bool), np.repeat(["easy", "hard"], [1000, 3])
    right[1000] = False
    assert threshold_for(score, right, 0.01) == pytest.approx(0.25)
    least = threshold_for(score, right, 0.01, sets)
    assert 0.6 < least < 0.61


def test_no_threshold():
    """Where the surest answer of all is wrong no threshold keeps a rate; 0 is never accepted."""
    assert threshold_for(np.array([0.9, 0.9, 0.5]), np.array([True, False, True]), 0.1) is None
    assert threshold_for(np.zeros(3), np.ones(3, bool), 0.1) is None


def test_outside_threshold():
    """At most the stated share of digits has that score or more, on every set."""
    outside = np.arange(1000) / 1000
    threshold = outside_threshold(outside, 0.01)
    assert (outside >= threshold).sum() == 10
    sets = np.where(np.arange(1000) % 100 == 0, "few", "many")
    assert not (outside[sets == "few"] >= outside_threshold(outside, 0.01, sets)).any()
    assert (np.zeros(5) >= outside_threshold(np.zeros(5), 0.5)).sum() == 0


def test_reject_of():
    """Coverage, errors and risk at the threshold, and at each that one may choose."""
    probabilities, labels = perfect(4000)
    points = tuple(
        Point(error_rate=rate, threshold=threshold, coverage=0.5)
        for rate, threshold in ((0.05, 0.8), (0.01, 0.95))
    )
    acceptance = Acceptance(threshold=0.8, error_rate=0.05, points=points)
    found = reject_of(probabilities, labels, acceptance, classes=CLASSES)
    sure, right = probabilities.max(axis=1) >= 0.8, probabilities.argmax(axis=1) == labels
    assert found["coverage"] == pytest.approx(sure.mean(), abs=1e-3)
    assert found["errors"] == (sure & ~right).sum()
    assert found["risk"] == pytest.approx(found["errors"] / sure.sum(), rel=1e-2)
    assert found["points"][0].items() >= {"error_rate": 0.05, "coverage": found["coverage"]}.items()
    assert found["points"][1]["risk"] < found["risk"]
    assert found["curve"]["coverage"][-1] == 1.0
    everything = reject_of(probabilities, labels, Acceptance(), classes=CLASSES)
    assert (everything["coverage"], everything["points"]) == (1.0, [])


def test_pictures_of_no_digit_are_left_out():
    """Figures are of pictures of digits; an answer "not a digit" to one is refused, not wrong."""
    probabilities = np.zeros((4, 11), np.float32)
    probabilities[[0, 1, 2], [3, 4, 5]] = 0.9
    probabilities[[0, 1, 2], 10] = 0.1
    probabilities[3, [6, 10]] = 0.4, 0.6
    labels = np.array([3, 4, 10, 6])
    calibration = calibration_of(probabilities, labels, None, classes=WITH_NONE)
    assert calibration["n"] == 3
    reject = reject_of(probabilities, labels, Acceptance(), classes=WITH_NONE)
    assert (reject["n"], reject["errors"]) == (3, 0)
    assert reject["coverage"] == pytest.approx(2 / 3)
    strict = Acceptance(not_a_digit=NotADigit(threshold=0.05, digits_refused=0.5))
    nothing = reject_of(probabilities, labels, strict, classes=WITH_NONE)
    assert (nothing["coverage"], nothing["risk"]) == (0.0, None)
    with pytest.raises(DataError, match="no picture is of a digit"):
        calibration_of(probabilities, np.full(4, 10), None, classes=WITH_NONE)
