"""Robustness: what is counted, what is averaged, and what is marked as trained with."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from indicdigits.errors import UsageError
from indicdigits.evaluation import robustness
from indicdigits.evaluation.robustness import corrupted, measure_robustness, trained_effects
from indicdigits.evaluation.robustness_figure import robustness_png
from indicdigits.imaging.degrade import EFFECTS
from indicdigits.recipe import Augment

from .conftest import recipe_of

MNIST_C = [name for name, effect in EFFECTS.items() if effect.family == "MNIST-C"]


@pytest.fixture
def bars() -> tuple[np.ndarray, np.ndarray]:
    """Forty pictures uint8 (40,28,28), a lying bar for class 0 and a standing one for class 1."""
    images = np.zeros((40, 28, 28), np.uint8)
    labels = np.arange(40) % 2
    images[labels == 0, 12:16, 6:22] = 255
    images[labels == 1, 6:22, 12:16] = 255
    return images, labels


def by_extent(images: np.ndarray) -> np.ndarray:
    """A reader of the bars: what is bright reaches further along one axis."""
    bright = images > 150
    tall, wide = bright.any(2).sum(1), bright.any(1).sum(1)
    return np.eye(2)[(tall > wide).astype(int)]


def test_table_is_plain_data(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """Every effect has a row with every strength, and JSON keeps all of it."""
    found = measure_robustness(
        by_extent, *bars, trained_with=frozenset({"rotate"}), strengths=(0.5, 1.0), limit=10
    )
    assert json.loads(json.dumps(found)) == found
    assert [row["effect"] for row in found["rows"]] == list(EFFECTS)
    assert found["n"] == found["clean"]["n"] == 10
    for row in found["rows"]:
        assert [point["strength"] for point in row["strengths"]] == [0.5, 1.0]
        for point in row["strengths"]:
            assert point["accuracy"] == 1 - point["errors"] / 10
        assert row["trained_with"] == (row["effect"] == "rotate")
        assert (row["prepared"] is not None) == (row["of"] == "MNIST-C")
        assert row["through"] == ("as it is" if row["of"] == "MNIST-C" else "normalise")


def test_as_it_is_and_prepared_differ(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """MNIST-C goes straight to the network; beside it stands what `normalise` makes of it."""
    found = measure_robustness(
        by_extent, *bars, effects=["brightness"], strengths=(1.0,), prepared=(0.5, 1.0)
    )
    (row,) = found["rows"]
    assert row["strengths"][0]["errors"] == 20  # all is bright: nothing is wider than tall
    assert [point["strength"] for point in row["prepared"]] == [0.5, 1.0]
    assert [point["errors"] for point in row["prepared"]] == [0, 0]
    straight = measure_robustness(by_extent, *bars, effects=["brightness"], prepared=())
    assert straight["rows"][0]["prepared"] is None
    assert straight["mean_mnist_c_prepared"] is None


def test_means_are_of_the_published_strength(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """The mean over the fifteen, and over the eleven no training may use, at strength 0.5."""
    found = measure_robustness(by_extent, *bars, effects=MNIST_C, strengths=(0.5, 1.0), prepared=())
    at_half = {row["effect"]: row["strengths"][0]["accuracy"] for row in found["rows"]}
    assert len(at_half) == 15
    assert found["mean_mnist_c"] == pytest.approx(np.mean(list(at_half.values())))
    untrained = set(at_half) - {"translate", "scale", "rotate", "shear"}
    assert len(untrained) == 11
    assert found["mean_never_trained"] == pytest.approx(np.mean([at_half[x] for x in untrained]))
    others = measure_robustness(by_extent, *bars, effects=["zigzag"], strengths=(1.0,))
    assert others["mean_mnist_c"] is None  # not measured at 0.5


def test_the_same_pictures_whatever_else_is_measured(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """A picture's corruption follows from its place and the seed alone."""
    images, _ = bars
    whole = corrupted(images, "shot_noise", 0.5, seed=3)
    assert np.array_equal(whole[:5], corrupted(images[:5], "shot_noise", 0.5, seed=3))
    assert not np.array_equal(whole, corrupted(images, "shot_noise", 0.5, seed=4))
    assert not np.array_equal(whole[0], whole[2])  # the same bar, other photons
    assert np.array_equal(corrupted(images, "zigzag", 0, seed=3), images)


def test_trained_effects_follow_from_the_recipe() -> None:
    """What the recipe's augmentations make is marked; a number of 0 makes nothing."""
    recipe = recipe_of()
    plain = dataclasses.replace(recipe, augment=Augment(jitter=0))
    assert trained_effects(plain) == frozenset()
    assert trained_effects(recipe) == {"translate"}  # jitter
    some = Augment(
        jitter=0,
        transforms=(
            {"name": "affine", "shear": 0.0, "rotate": 5.0},
            {"name": "elastic"},
            {"name": "noise", "std": 0.2},
        ),
    )
    found = trained_effects(dataclasses.replace(recipe, augment=some))
    assert found == {"translate", "scale", "rotate", "gaussian_noise"}
    assert found <= robustness.TRAINABLE
    assert len(robustness.TRAINABLE & set(MNIST_C)) == 4


def test_wild_requests(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """No pictures, a misspelt effect and a wild strength are said, not raised at."""
    images, labels = bars
    with pytest.raises(UsageError, match="no pictures"):
        measure_robustness(by_extent, images[:0], labels[:0])
    with pytest.raises(UsageError, match="zigzag"):
        measure_robustness(by_extent, images, labels, effects=["zigzags"])
    with pytest.raises(UsageError, match="0 to 1"):
        measure_robustness(by_extent, images, labels, effects=["zigzag"], strengths=(2,))


def test_blank_and_full_pictures(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """All paper and all ink go through every effect, and are read somehow."""
    images = np.stack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    found = measure_robustness(by_extent, images, np.array([0, 1]), strengths=(1.0,))
    assert all(row["strengths"][0]["n"] == 2 for row in found["rows"])


def test_curves_are_drawn_for_wide_and_narrow_screens(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """A plot for each effect, five or three in a row; nothing measured, nothing drawn."""
    found = measure_robustness(
        by_extent,
        *bars,
        effects=["shear", "rotate", "stripe", "fog", "zigzag", "fold"],
        strengths=(0.5, 1.0),
        trained_with=frozenset({"shear"}),
        limit=6,
    )
    wide, tall = (
        Image.open(io.BytesIO(robustness_png(found, tall=tall))) for tall in (False, True)
    )
    assert wide.width > tall.width
    assert wide.height < tall.height
    assert robustness_png(found) == robustness_png(found)
    assert robustness_png(None) is None
    assert robustness_png(found | {"rows": []}) is None
