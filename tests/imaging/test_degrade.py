"""Effects of paper, pen, scanner and phone: named, seeded, and readable afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.errors import UsageError
from indicdigits.imaging.degrade import EFFECTS, degrade
from indicdigits.imaging.normalise import normalise

NAMES = ["shade", "blur", "gaussian_noise", "speckle", "ink_fade", "paper_texture", "jpeg"]


@pytest.fixture
def page(drawn):
    """Dark ink on light paper, uint8 (90,70)."""
    return 235 - (drawn(90, 70) * 0.8).astype(np.uint8)


def test_names():
    """The effects that recipes and tests name are there."""
    assert set(NAMES) <= set(EFFECTS)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (28, 28)])
def test_any_shape(name, shape):
    """Every effect takes every shape and answers uint8 of that shape."""
    picture = np.full(shape, 200, np.uint8)
    result = degrade(picture, name, np.random.default_rng(1), 1.0)
    assert result.shape == shape
    assert result.dtype == np.uint8
    assert (picture == 200).all()


@pytest.mark.parametrize("name", EFFECTS)
def test_seeded(page, name):
    """The same seed gives the same bytes, another seed others."""
    first, again, other = (
        degrade(page, name, np.random.default_rng(seed), 0.7) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", EFFECTS)
def test_strength(page, name):
    """Strength 0 changes nothing, and more strength changes more."""
    changes = [
        np.mean(
            [
                np.abs(degrade(page, name, np.random.default_rng(seed), strength) - page * 1.0)
                for seed in range(5)
            ]
        )
        for strength in (0, 0.2, 0.6, 1)
    ]
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert changes[1] < changes[3]


@pytest.mark.parametrize("name", EFFECTS)
def test_normalise_takes_it_off(page, likeness, name):
    """A half-strength effect leaves the normalised digit nearly as it was."""
    clean = normalise(page)
    for seed in range(5):
        worse = degrade(page, name, np.random.default_rng(seed), 0.5)
        assert likeness(clean, normalise(worse)) > 0.85


def test_unknown_effect(page):
    """A misspelt effect and a wild strength are usage errors."""
    with pytest.raises(UsageError, match="speckle"):
        degrade(page, "speckel", np.random.default_rng(0))
    with pytest.raises(UsageError, match="0 to 1"):
        degrade(page, "blur", np.random.default_rng(0), 1.5)
