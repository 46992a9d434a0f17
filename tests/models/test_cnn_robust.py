"""To the front end of `cnn-robust`, light, shade and polarity are no matter, and the ink is."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from indicdigits.imaging.degrade import degrade
from indicdigits.models.cnn_robust import commonest_grey, ink, slopes


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A round stroke with soft edges, light on black, (28, 28) from 0 to 1."""
    drawn = np.zeros((28, 28), np.uint8)
    cv2.ellipse(drawn, (13, 14), (6, 9), 20, 0, 300, 255, 2, cv2.LINE_AA)
    return (drawn / 255).astype(np.float32)


def seen(picture: np.ndarray) -> np.ndarray:
    """What the first convolution gets of a picture."""
    return np.asarray(jax.jit(lambda x: slopes(ink(x)))(jnp.asarray(picture)[None, :, :, None]))


def corrupted(picture: np.ndarray, effect: str) -> np.ndarray:
    """The picture as an effect leaves it."""
    paper = np.uint8(255) - np.round(255 * picture).astype(np.uint8)
    worse = 255 - degrade(paper, effect, np.random.default_rng(0))
    return (worse / 255).astype(np.float32)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 1 - x,  # dark ink on light paper
        lambda x: 0.3 + 0.5 * x,  # light, and little contrast
        lambda x: np.where(np.arange(28) < 3, 1 - x, x),  # a light margin
        lambda x: np.where(np.arange(28)[:, None] > 25, 1 - x, x),
    ],
)
def test_light_and_polarity_are_no_matter(
    picture: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Other greys, and other greys in some columns or rows only, look the same."""
    straight, changed = seen(picture), seen(change(picture).astype(np.float32))
    assert np.linalg.norm(changed - straight) < 0.15 * np.linalg.norm(straight)


@pytest.mark.parametrize(("effect", "most"), [("brightness", 0.35), ("stripe", 0.1), ("fog", 0.6)])
def test_corruptions_of_light_leave_the_picture_recognisable(
    picture: np.ndarray, effect: str, most: float
) -> None:
    """They change less of what the network gets than they change of the picture."""
    straight, worse = seen(picture), seen(corrupted(picture, effect))
    distance = np.linalg.norm(worse - straight) / np.linalg.norm(straight)
    before = np.linalg.norm(corrupted(picture, effect) - picture) / np.linalg.norm(picture)
    assert distance < most < before


def test_paper_is_the_commonest_grey_of_its_column() -> None:
    """A stroke that crosses a column does not count, and neighbours count less."""
    x = np.zeros((1, 28, 28, 1), np.float32)
    x[:, :, 14:], x[:, 10:14] = 0.75, 1.0
    found = np.asarray(commonest_grey(jnp.asarray(x)))[0, 0, :, 0]
    np.testing.assert_allclose(found, np.where(np.arange(28) < 14, 0.0, 0.75), atol=0.05)


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_a_blank_picture_has_no_ink(grey: float) -> None:
    """Nor is anything divided by nothing."""
    blank = np.full((28, 28), grey, np.float32)
    np.testing.assert_allclose(seen(blank), 0, atol=1e-3)
