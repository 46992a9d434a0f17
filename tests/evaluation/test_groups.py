"""Results by group, by hand-made columns; and a p-value that may be trusted."""

from __future__ import annotations

import time

import numpy as np
import pytest

from indicdigits.evaluation.groups import PERMUTATIONS, groups, permutation_test


def test_a_table_by_hand() -> None:
    """Count, errors, accuracy and interval of each group, the worst first and named."""
    pen = np.array(["ball", "fountain"])[np.arange(40) % 2]
    right = np.ones(40, bool)
    right[[1, 3, 5, 0]] = False
    (table,) = groups({"pen": pen}, right)
    assert (table["column"], table["n"], table["missing"], table["worst"]) == (
        "pen", 40, 0, "fountain"
    )  # fmt: skip
    assert [(row["value"], row["n"], row["errors"]) for row in table["values"]] == [
        ("fountain", 20, 3),
        ("ball", 20, 1),
    ]
    assert table["values"][0]["accuracy"] == pytest.approx(0.85)
    assert table["values"][0]["interval"] == pytest.approx([0.640, 0.948], abs=1e-3)  # Wilson


@pytest.mark.parametrize("missing", ["", " ", "NaN", "n/a", "None"])
def test_missing_values(missing: str) -> None:
    """Pictures without a value are reported, last, and take no part in the test."""
    school = np.array(["a", "b", missing])[np.arange(60) % 3]
    right = np.arange(60) % 3 != 2  # those without a value are all wrong
    (table,) = groups({"school": school}, right)
    assert (table["n"], table["missing"], table["worst"]) == (40, 20, None)
    assert table["p_value"] == 1.0
    assert [(row["value"], row["errors"]) for row in table["values"]][-1] == (None, 20)
    numbers = np.where(np.arange(60) % 3 == 2, np.nan, np.arange(60) % 3)
    assert groups({"age": numbers}, right)[0]["missing"] == 20


def test_columns_that_divide_nothing() -> None:
    """A name for each picture, one value for all, or none at all, make no groups."""
    columns = {
        "path": np.array(["a", "b"])[np.arange(40) % 2],
        "number": np.arange(40),
        "same": np.full(40, "x"),
        "empty": np.full(40, ""),
    }
    assert groups(columns, np.arange(40) > 3) == []


def test_permutation_test_against_shuffling() -> None:
    """Counts dealt out at once give the p-value that shuffling the pictures gives."""
    sizes, errors = np.array([30, 50, 20]), np.array([5, 2, 3])
    group = np.repeat(np.arange(3), sizes)
    wrong = np.concatenate([np.arange(n) < e for n, e in zip(sizes, errors, strict=True)])

    def spread(wrong: np.ndarray) -> float:
        found = np.bincount(group, wrong, 3)
        return float((((found - sizes * wrong.mean()) ** 2) / sizes).sum())

    rng = np.random.default_rng(3)
    found = [spread(rng.permutation(wrong)) >= spread(wrong) - 1e-9 for _ in range(4000)]
    assert permutation_test(sizes, errors) == pytest.approx(np.mean(found), abs=0.025)
    assert 0.02 < permutation_test(sizes, errors) < 0.4  # neither end, where anything would agree


def test_exact_p_value_of_two_groups() -> None:
    """Of two errors among four pictures, both fall on one pair in a third of all ways."""
    p = permutation_test(np.array([2, 2]), np.array([2, 0]))
    assert p == pytest.approx(1 / 3, abs=0.02)


def test_smallest_p_value() -> None:
    """However clear the case, p is never zero: (b + 1) / (m + 1)."""
    p = permutation_test(np.array([500, 500]), np.array([200, 0]))
    assert p == 1 / (PERMUTATIONS + 1)


def test_no_errors_are_no_difference() -> None:
    """Without errors, or with nothing else, no group differs."""
    sizes = np.array([10, 20])
    assert permutation_test(sizes, np.zeros(2, int)) == 1.0
    assert permutation_test(sizes, sizes) == 1.0


def test_chance_is_called_chance() -> None:
    """Where groups do not differ, a small p-value is as rare as it says."""
    rng = np.random.default_rng(0)
    sizes = np.array([60, 40, 100, 50])
    p_values = [
        permutation_test(sizes, rng.multivariate_hypergeometric(sizes, 25), permutations=500)
        for _ in range(400)
    ]
    assert 0.02 < np.mean(np.array(p_values) <= 0.05) < 0.085


def test_same_seed_same_p_value_and_fast() -> None:
    """Ten thousand permutations of 200 groups take no time worth naming, and repeat."""
    sizes = np.full(200, 500)
    errors = np.random.default_rng(0).integers(0, 10, 200)
    started = time.perf_counter()
    first = permutation_test(sizes, errors)
    assert time.perf_counter() - started < 5
    assert first == permutation_test(sizes, errors)


def test_drawn_writers_are_nobody() -> None:
    """Beside people's pictures, drawn ones fall into no group; alone, they do."""
    from indicdigits.data.parts import Split
    from indicdigits.evaluation.measure import _of_people

    def split(*names: str) -> Split:
        zeros = np.zeros(len(names), np.int64)
        keys = np.zeros(len(names), "S32")
        images = np.zeros((len(names), 8, 8), np.uint8)
        groups = {"dataset": np.array(names)}
        return Split(images=images, labels=zeros, keys=keys, groups=groups)

    assert _of_people(split("kannada", "strokes/kannada")).tolist() == [True, False]
    assert _of_people(split("strokes/kannada", "strokes/kannada")).tolist() == [True, True]
    assert _of_people(split("my.csv", "fonts/kannada")).tolist() == [True, False]
