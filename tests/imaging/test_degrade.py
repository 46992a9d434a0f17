"""Effects of paper, pen, scanner and phone: named, seeded, and readable afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.errors import UsageError
from indicdigits.imaging.degrade import EFFECTS, degrade
from indicdigits.imaging.normalise import normalise

# What `normalise` is made to take off; marks that are ink themselves it cannot know.
REMOVED = ["shade", "blur", "gaussian_noise", "speckle", "ink_fade", "paper_texture", "jpeg"]
MARKS = ["shadow_edge", "bleed_through", "ruled_line", "stamp", "fold", "fax"]
PAPER = [name for name, effect in EFFECTS.items() if effect.family == "paper and scanner"]
WITHOUT_CHANCE = {"scale", "brightness", "stripe", "canny_edges"}


@pytest.fixture
def page(drawn):
    """Dark ink on light paper, uint8 (90,70)."""
    return 235 - (drawn(90, 70) * 0.8).astype(np.uint8)


def test_names():
    """The effects that recipes and tables name are there, each in its family and with a summary."""
    assert set(PAPER) == {*REMOVED, *MARKS}
    assert sum(effect.family == "MNIST-C" for effect in EFFECTS.values()) == 15
    assert all(name == effect.name and effect.summary for name, effect in EFFECTS.items())


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (28, 28)])
def test_any_shape(name, shape):
    """Every effect takes every shape and answers uint8 of that shape."""
    picture = np.full(shape, 200, np.uint8)
    for strength in (0.05, 1.0):
        result = degrade(picture, name, np.random.default_rng(1), strength)
        assert result.shape == shape
        assert result.dtype == np.uint8
        assert (picture == 200).all()


@pytest.mark.parametrize("name", EFFECTS)
def test_seeded(page, name):
    """The same seed gives the same bytes, another seed others, where there is chance."""
    first, again, *others = (
        degrade(page, name, np.random.default_rng(seed), 0.7) for seed in (1, 1, 2, 3, 4, 5)
    )
    assert np.array_equal(first, again)
    alike = all(np.array_equal(first, other) for other in others)
    assert alike == (name in WITHOUT_CHANCE)


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


@pytest.mark.parametrize("name", REMOVED)
def test_normalise_takes_it_off(page, likeness, name):
    """A half-strength effect leaves the normalised digit nearly as it was."""
    clean = normalise(page)
    for seed in range(5):
        worse = degrade(page, name, np.random.default_rng(seed), 0.5)
        assert likeness(clean, normalise(worse)) > 0.85


@pytest.mark.parametrize("name", PAPER)
def test_the_ink_stays_the_darkest(page, name):
    """What happens to a page is paler than its ink or as dark, so the digit can still be seen."""
    ink = page < 100
    for seed in range(5):
        worse = degrade(page, name, np.random.default_rng(seed), 0.5)
        assert worse[ink].mean() < worse[~ink].mean() - 30


@pytest.mark.parametrize("name", MARKS)
def test_any_size_alike(drawn, name):
    """Marks grow with the picture: twice the size looks the same, seen from twice as far."""
    small, large = (235 - drawn(side, side, thickness=side // 16) // 2 for side in (64, 128))
    for seed in range(3):
        one, two = (
            degrade(picture, name, np.random.default_rng(seed), 1.0).astype(float) - picture
            for picture in (small, large)
        )
        assert two.mean() == pytest.approx(one.mean(), rel=0.6, abs=1.5)


def test_unknown_effect(page):
    """A misspelt effect and a wild strength are usage errors."""
    with pytest.raises(UsageError, match="speckle"):
        degrade(page, "speckel", np.random.default_rng(0))
    with pytest.raises(UsageError, match="0 to 1"):
        degrade(page, "blur", np.random.default_rng(0), 1.5)
