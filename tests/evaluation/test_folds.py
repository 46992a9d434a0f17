"""How the training part is cut into folds, and what is fitted on the answers."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from indicdigits.data.parts import Split
from indicdigits.errors import CheckpointError, DataError, VerificationError
from indicdigits.evaluation.calibrate import FILE, fit, read_acceptance
from indicdigits.evaluation.folds import Predictions, fold_of_each
from indicdigits.recipe import ClassEntry
from indicdigits.runtime.acceptance import Acceptance

DIGITS = tuple(ClassEntry(text=str(value), value=value) for value in range(10))
WITH_NONE = (*DIGITS, ClassEntry(text="not a digit"))
ABOUT = {"digest": "d", "pictures": "p"}


def split(n: int = 1200, writers: bool = False) -> Split:
    """Pictures of two sets, a third of them of the second; some of the first stand there twice."""
    rng = np.random.default_rng(0)
    keys = np.array([f"{number:032x}" for number in range(n)], "S32")
    keys[100:150] = keys[:50]
    groups = {"dataset": np.repeat(["one", "two"], [2 * n // 3, n - 2 * n // 3])}
    if writers:
        groups["writer"] = np.where(
            groups["dataset"] == "two", rng.integers(0, 12, n).astype(str), ""
        )
    labels = np.arange(n) % 10
    labels[100:150] = labels[:50]
    images = np.zeros((n, 8, 8), np.uint8)
    return Split(images=images, labels=labels, keys=keys, groups=groups, name="two sets")


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_sets_and_classes_are_in_proportion(folds):
    """Every fold has its share of each set and class, to a few pictures."""
    pictures = split()
    fold = fold_of_each(pictures, folds, seed=0)
    for name in ("one", "two"):
        for label in range(10):
            of = (pictures.groups["dataset"] == name) & (pictures.labels == label)
            counts = np.bincount(fold[of], minlength=folds)
            assert counts.max() - counts.min() <= 2 + 5 * (name == "one"), (name, label)


def test_identical_pictures_and_writers_stay_together():
    """A picture that stands there twice, and all of a writer, are in one fold."""
    pictures = split(writers=True)
    fold = fold_of_each(pictures, 3, seed=0)
    np.testing.assert_array_equal(fold[100:150], fold[:50])
    second = pictures.groups["dataset"] == "two"
    for writer in np.unique(pictures.groups["writer"][second]):
        assert len(np.unique(fold[second & (pictures.groups["writer"] == writer)])) == 1
    assert set(fold[second]) == {0, 1, 2}


def test_writers_of_one_name_in_two_sets_are_two():
    """Writer 00 of one set is not writer 00 of another."""
    pictures = split()
    named = dataclasses.replace(pictures, groups={**pictures.groups, "writer": np.full(1200, "00")})
    assert len(np.unique(fold_of_each(named.take(np.arange(200, 1200)), 2, seed=0))) == 2
    with pytest.raises(DataError, match="3 folds need"):
        fold_of_each(named.take(np.arange(200, 1200)), 3, seed=0)


def test_folds_repeat():
    """The same pictures and seed give the same folds, another seed others."""
    first = fold_of_each(split(), 3, seed=0)
    np.testing.assert_array_equal(first, fold_of_each(split(), 3, seed=0))
    assert (first != fold_of_each(split(), 3, seed=1)).any()


def predictions(
    classes: int = 10,
    datasets: tuple[str, ...] = ("dhcd", "cmaterdb/devanagari"),
    spread: float = 3.0,
) -> Predictions:
    """Overconfident answers; the second set is as hard as the first."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 4000)
    logits = rng.normal(0, 1, (4000, classes))
    logits[np.arange(4000), labels] += rng.normal(7, spread, 4000)
    if classes > 10:
        labels[3000:] = 10
        logits[3000:] = rng.normal(0, 1, (1000, classes))
        logits[3000:, 10] += 7
    exponents = np.exp(4 * logits)
    return Predictions(
        probabilities=(exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32),
        labels=labels,
        datasets=np.resize(np.array(datasets), 4000)
        if classes == 10
        else np.where(labels == 10, "not_digits/scribbles", datasets[0]),
    )


def test_fit():
    """Overconfidence is undone, and each threshold keeps its rate on the pictures it is from."""
    content = fit(predictions(), DIGITS, 3)
    assert content["calibration"]["temperature"] > 1.5
    assert (
        "4,000 training pictures (cmaterdb/devanagari, dhcd)" in content["calibration"]["fitted_on"]
    )
    points = content["reject"]["points"]
    assert [point["error_rate"] for point in points] == [0.01, 0.005, 0.003, 0.002, 0.001, 0.0]
    coverages = [point["coverage"] for point in points]
    assert coverages == sorted(coverages, reverse=True)
    found = content["out_of_fold"]["reject"]["points"]
    assert all(point["risk"] <= point["error_rate"] for point in found)
    assert content["out_of_distribution"] is None
    figures = content["out_of_fold"]["calibration"]
    assert figures["nll"] < figures["uncalibrated"]["nll"]


def test_the_default_is_the_strictest_threshold_that_refuses_little():
    """Unless told otherwise a reader refuses two in a hundred at most, if 1 % wrong allows that."""
    found = {}
    for spread in (0.5, 2.0, 3.0):
        content = fit(predictions(spread=spread), DIGITS, 3)
        reject = content["reject"]
        default = next(p for p in reject["points"] if p["error_rate"] == reject["error_rate"])
        assert default["threshold"] == reject["threshold"]
        thresholds = [point["threshold"] for point in reject["points"]]
        assert thresholds == sorted(thresholds)
        assert content["out_of_fold"]["reject"]["risk"] <= reject["error_rate"]
        found[spread] = (reject["error_rate"], round(1 - default["coverage"], 3))
    assert found[0.5] == (0.0, 0.0)  # nothing is wrong, and so nothing is refused for it
    assert 0 < found[2.0][0] < 0.01
    assert found[2.0][1] == 0.02  # all of what may be refused
    assert found[3.0][0] == 0.01
    assert found[3.0][1] > 0.02


def test_drawn_digits_have_no_say_beside_handwriting():
    """Where there is handwriting the thresholds are from it alone; else from what there is."""
    mixed = fit(predictions(datasets=("dhcd", "strokes/devanagari")), DIGITS, 3)
    assert mixed["out_of_fold"]["calibration"]["n"] == 2000
    drawn = fit(predictions(datasets=("strokes/devanagari",)), DIGITS, 3)
    assert drawn["out_of_fold"]["calibration"]["n"] == 4000


def test_fit_with_pictures_of_no_digit():
    """The out-of-distribution threshold costs the stated share of digits, and refuses the rest."""
    content = fit(predictions(11), WITH_NONE, 3)
    outside = content["out_of_distribution"]
    assert outside["class"] == "not a digit"
    assert 0 < outside["digits_refused"] <= 0.015
    (scribbles,) = content["out_of_fold"]["not_digits"]
    assert scribbles["n"] == 1000
    assert scribbles["accepted"] < 10


def test_what_is_written_is_what_a_bundle_gets(tmp_path):
    """calibration.json gives the acceptance again; without the file there is none."""
    assert read_acceptance(tmp_path, ABOUT) == Acceptance()
    content = {"schema": 1, "recipe_digest": "d", "pictures": "p", **fit(predictions(), DIGITS, 3)}
    (tmp_path / FILE).write_text(json.dumps(content))
    acceptance = read_acceptance(tmp_path, ABOUT)
    assert acceptance.tables()["reject"] == content["reject"]
    assert acceptance.temperature == content["calibration"]["temperature"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"recipe_digest": "other"}, CheckpointError, "another recipe or data"),
        ({"pictures": "other"}, CheckpointError, "another recipe or data"),
        ({"schema": 2}, CheckpointError, "is of schema 2"),
        ({"calibration": {"temperature": "hot"}}, VerificationError, "calibration.temperature"),
    ],
)
def test_a_file_of_another_run(tmp_path, change, error, message):
    """A calibration that is another run's, of another version or damaged is refused, and named."""
    content = {"schema": 1, "recipe_digest": "d", "pictures": "p", **Acceptance().tables()}
    (tmp_path / FILE).write_text(json.dumps(content | change))
    with pytest.raises(error, match=message) as caught:
        read_acceptance(tmp_path, ABOUT)
    assert str(tmp_path / FILE) in str(caught.value)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_acceptance(tmp_path, ABOUT)
