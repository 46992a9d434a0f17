"""On whose handwriting a reader goes wrong, and whether that is more than chance.

A column of the data (writer, age group, school, pen, scanner) divides the pictures into groups.
Whether their error rates spread more than chance makes them is asked by a permutation test: were
the group of no matter, the errors could as well have fallen on any other pictures. The errors are
dealt out anew over all pictures many times, and the p-value is how often the spread becomes at
least as large, (b + 1) / (m + 1) of m times (Phipson and Smyth 2010), which is never zero.

The spread is Pearson's statistic without its constant factor: the sum over the groups of
(errors - expected)^2 / n, with expected errors in proportion to n. Dealing E errors out over the
pictures gives the groups' counts a multivariate hypergeometric law, so those counts are drawn
directly; that is the same as shuffling the pictures, and takes milliseconds.

The test takes pictures one by one. Where a group is a writer whose digits have a style of their
own, that style is what it finds; it does not say why a group is harder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.evaluation.metrics import score

PERMUTATIONS = 10_000
SEED = 0
MOST_VALUES = 200
NO_GROUP = ("path", "id")  # they name a picture each
MISSING = frozenset({"", "nan", "none", "null", "n/a"})  # in small letters
_ROUNDING = 1e-9


def groups(
    columns: Mapping[str, NDArray[Any]], right: NDArray[np.bool_], *, seed: int = SEED
) -> list[dict[str, Any]]:
    """The results by group, for every column that divides the pictures.

    A column with one value, with more than 200, or with fewer than two pictures a value on
    average is left out: its groups say nothing.

    Args:
        columns: Name -> (N,) values, numbers or texts.
        right: bool (N,), whether each picture was read right.
        seed: Of the permutations.

    Returns:
        Plain data for JSON, a table a column: `column`, `n` (with a value), `missing`, `p_value`,
        `permutations`, `worst` (value of the group with the lowest accuracy, of equal ones the
        larger) and `values`, worst first, each with `value`, n, errors, accuracy and interval.
        Pictures without a value are the last row, with the value None; they are no part of the
        test and are never the worst.
    """
    found = (by_column(name, column, right, seed=seed) for name, column in columns.items())
    return [table for table in found if table]


def by_column(
    name: str, column: NDArray[Any], right: NDArray[np.bool_], *, seed: int = SEED
) -> dict[str, Any] | None:
    """The table of one column as `groups` has it, or None where it divides nothing."""
    texts = np.array([str(value).strip() for value in column.tolist()], dtype=str)
    given = np.array([text.lower() not in MISSING for text in texts.tolist()], dtype=bool)
    values, of = np.unique(texts[given], return_inverse=True)
    known = right[given]
    if name in NO_GROUP or not 2 <= len(values) <= min(MOST_VALUES, len(known) // 2):
        return None
    sizes = np.bincount(of, minlength=len(values))
    errors = np.bincount(of[~known], minlength=len(values))
    rows = [
        {"value": value, **score(known[of == number])}
        for number, value in enumerate(values.tolist())
    ]
    rows.sort(key=lambda row: (row["accuracy"], -row["n"]))
    worst = rows[0]["value"] if errors.any() else None
    missing = int(np.count_nonzero(~given))
    if missing:
        rows.append({"value": None, **score(right[~given])})
    return {
        "column": name,
        "n": len(known),
        "missing": missing,
        "p_value": permutation_test(sizes, errors, seed=seed),
        "permutations": PERMUTATIONS,
        "worst": worst,
        "values": rows,
    }


def permutation_test(
    sizes: NDArray[np.integer],
    errors: NDArray[np.integer],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = SEED,
) -> float:
    """How often errors dealt out by chance spread at least as far over the groups.

    Args:
        sizes: int (G,), pictures of each group, at least one.
        errors: int (G,), how many of them were misread.
        permutations: How often the errors are dealt out, m.
        seed: Of that.

    Returns:
        The p-value in (0, 1], at least 1 / (m + 1); 1 where there are no errors, or nothing else.
    """
    dealt = np.random.default_rng(seed).multivariate_hypergeometric(
        sizes, int(errors.sum()), size=permutations, method="marginals"
    )
    # Spreads that are equal on paper must not be told apart by their last bit.
    as_far = np.count_nonzero(_spread(dealt, sizes) >= _spread(errors, sizes) - _ROUNDING)
    return (int(as_far) + 1) / (permutations + 1)


def _spread(errors: NDArray[np.integer], sizes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Sum over the last axis of (errors - expected)^2 / n."""
    expected = sizes * (errors.sum(axis=-1, keepdims=True) / sizes.sum())
    return ((errors - expected) ** 2 / sizes).sum(axis=-1)
