from __future__ import annotations

import hashlib

import numpy as np
import pytest

from indicdigits.data.split import chosen_of_each, first_of_each


def keys(count: int) -> np.ndarray:
    return np.array([hashlib.md5(b"%d" % n).hexdigest() for n in range(count)], "S32")


LABELS = np.repeat(np.arange(4), (100, 50, 10, 2))


def test_stratified_and_exact() -> None:
    """Each class gives its part, and never all or nothing of itself."""
    chosen = chosen_of_each(LABELS, keys(len(LABELS)), 0.1, seed=0)
    assert np.bincount(LABELS[chosen]).tolist() == [10, 5, 1, 1]
    nearly_all = chosen_of_each(LABELS, keys(len(LABELS)), 0.99, seed=0)
    assert np.bincount(LABELS[~nearly_all]).tolist() == [1, 1, 1, 1]


def test_order_does_not_matter() -> None:
    """The same pictures are chosen in whatever order they come."""
    names = keys(len(LABELS))
    order = np.random.default_rng(0).permutation(len(LABELS))
    chosen = chosen_of_each(LABELS, names, 0.2, seed=3)
    shuffled = chosen_of_each(LABELS[order], names[order], 0.2, seed=3)
    assert np.array_equal(chosen[order], shuffled)


def test_choice_is_pinned() -> None:
    """The choice never changes from one version to the next: figures depend on it."""
    assert np.flatnonzero(chosen_of_each(np.zeros(40, int), keys(40), 0.1, seed=0)).tolist() == [
        6,
        9,
        15,
        22,
    ]


def test_identical_pictures_stay_together() -> None:
    """Pictures with the same digest in a class are on the same side."""
    names = np.repeat(keys(20), 5)
    chosen = chosen_of_each(np.zeros(100, int), names, 0.3, seed=0).reshape(20, 5)
    assert (chosen.all(axis=1) | ~chosen.any(axis=1)).all()
    assert chosen.sum() == 30


def test_seed_decides() -> None:
    """Another seed chooses other pictures, about as independently as chance."""
    labels, names = np.zeros(10_000, int), keys(10_000)
    first, second = (chosen_of_each(labels, names, 0.1, seed=seed) for seed in (0, 1))
    assert 60 < (first & second).sum() < 140


@pytest.mark.parametrize("fraction", [0.0, -1.0])
def test_nothing_chosen(fraction: float) -> None:
    """A fraction of nothing chooses nothing."""
    assert not chosen_of_each(LABELS, keys(len(LABELS)), fraction, seed=0).any()


def test_first_of_each() -> None:
    """So many of each class, all where there are fewer, and fewer are among more."""
    names = keys(len(LABELS))
    ten, five = (first_of_each(LABELS, names, number, seed=0) for number in (10, 5))
    assert np.bincount(LABELS[ten]).tolist() == [10, 10, 10, 2]
    assert (ten | ~five).all()
