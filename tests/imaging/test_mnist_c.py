"""MNIST-C, held against its published definitions: 28x28, light ink on black, strength 0.5."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import feature, transform

from indicdigits.imaging.degrade import degrade


@pytest.fixture
def digit(drawn):
    """Light ink on black, uint8 (28,28), not filling the picture."""
    return drawn(28, 28, thickness=2, scale=0.7)


def corrupted(digit, name, seed=0, strength=0.5):
    return 255 - degrade(255 - digit, name, np.random.default_rng(seed), strength)


def warped(digit, matrix):
    """What scikit-image makes of the inverse map (2,2) about the middle."""
    full = np.eye(3)
    full[:2, :2] = matrix
    full[:2, 2] = [13.5, 13.5] - np.asarray(matrix) @ [13.5, 13.5]
    return transform.warp(digit / 255, full) * 255


def either(result, candidates):
    """Whether one of the candidates is the result, up to rounding and OpenCV's 1/32 of a pixel."""
    return min(np.abs(result - one).max() for one in candidates) < 9


@pytest.mark.parametrize("seed", range(4))
def test_warps(digit, seed):
    """Rotation, shear, scale and shift are the published maps, to either side."""
    c, s = np.cos(0.4), np.sin(0.4)
    turns = [warped(digit, [[c, -sign * s], [sign * s, c]]) for sign in (1, -1)]
    slants = [warped(digit, [[1, -sign * s], [0, c]]) for sign in (1, -1)]
    assert either(corrupted(digit, "rotate", seed), turns)
    assert either(corrupted(digit, "shear", seed), slants)
    assert either(corrupted(digit, "scale", seed), [warped(digit, np.eye(2) / 0.7)])
    padded = np.pad(digit, 3)
    corners = [padded[y : y + 28, x : x + 28] for y in (0, 6) for x in (0, 6)]
    assert any(np.array_equal(corrupted(digit, "translate", seed), one) for one in corners)


def test_edges(digit):
    """Edges are those that Canny's method finds, pixel for pixel."""
    edges = feature.canny(digit / 255)
    assert edges.sum() > 30
    assert np.count_nonzero(edges != (corrupted(digit, "canny_edges") > 0)) <= 2


def test_brightness_and_stripe(digit):
    """Half of white is added; the outer quarters are inverted."""
    assert np.abs(corrupted(digit, "brightness") - np.minimum(digit + 127.5, 255)).max() <= 0.5
    stripe = corrupted(digit, "stripe")
    assert np.array_equal(stripe[:, 7:21], digit[:, 7:21])
    assert np.array_equal(stripe[:, :7], 255 - digit[:, :7])
    assert np.array_equal(stripe[:, 21:], 255 - digit[:, 21:])


def test_noise():
    """Shot noise is three photons at white, none at black; 17 % of pixels are salt or pepper."""
    white, black = np.full((200, 200), 255, np.uint8), np.zeros((200, 200), np.uint8)
    grey = np.full((200, 200), 85, np.uint8)
    assert not corrupted(black, "shot_noise").any()
    assert set(np.unique(corrupted(white, "shot_noise"))) == {0, 85, 170, 255}
    photons = corrupted(grey, "shot_noise") / 85
    assert (photons == 0).mean() == pytest.approx(np.exp(-1), abs=0.01)  # Poisson, mean 1
    salted = corrupted(grey, "impulse_noise")
    assert (salted == 0).mean() == pytest.approx(0.085, abs=0.006)
    assert (salted == 255).mean() == pytest.approx(0.085, abs=0.006)
    assert (salted == 85).mean() == pytest.approx(0.83, abs=0.01)


def test_motion_blur_trails_to_one_side():
    """A dot becomes a trail that is brightest at the dot and lies all on one side."""
    dot = np.zeros((28, 28), np.uint8)
    dot[14, 14] = 255
    for seed in range(5):
        trail = corrupted(dot, "motion_blur", seed).astype(float)
        assert trail.max() == trail[14, 14]
        assert not trail[:, 15:].any()
        assert trail.sum() == pytest.approx(255, rel=0.05)
        # Half of a Gaussian of 3 pixels has its mean at 2.4 (a little less, sampled at pixels).
        rows, columns = np.nonzero(trail)
        away = np.hypot(rows - 14, columns - 14)
        assert (away * trail[rows, columns]).sum() / trail.sum() == pytest.approx(2.1, abs=0.5)


def test_glass_blur_keeps_ink(digit):
    """Pixels are swapped and blurred: nothing is lost, and none goes further than it may."""
    for seed in range(3):
        soft = corrupted(digit, "glass_blur", seed)
        assert soft.sum() == pytest.approx(digit.sum(), rel=0.02)
        assert not np.array_equal(soft, cv2.GaussianBlur(digit, (0, 0), 1.0))


def test_fog_keeps_the_digits_contrast(digit):
    """Fog of three times the ink's brightness leaves a quarter of the ink's contrast over it."""
    blank = np.zeros_like(digit)
    blank[0, 0] = digit.max()  # fog is measured by the brightest pixel
    difference = corrupted(digit, "fog").astype(float) - corrupted(blank, "fog")
    ink = digit == digit.max()
    assert difference[ink].mean() == pytest.approx(digit.max() / 4, rel=0.02)
    maps = np.array([corrupted(blank, "fog", seed)[1:] for seed in range(30)])
    assert 40 < maps.mean() < 150
    assert maps.max() <= 192  # three quarters of white


def test_spatter_covers_with_dark_grey(digit):
    """Mud hides ink and is dark grey on black; it is spots, not a haze."""
    for seed in range(5):
        on_black = corrupted(np.zeros_like(digit), "spatter", seed)
        mud = on_black > 0
        assert 0 < mud.mean() < 0.5
        assert on_black[mud].min() >= 0.8 * 63 - 1
        assert on_black.max() <= 63
        assert corrupted(digit, "spatter", seed)[mud].max() <= 0.2 * 255 + 63


def test_lines():
    """A dotted line is drawn for two columns of four; a zigzag starts and ends inside."""
    black = np.zeros((28, 28), np.uint8)
    for seed in range(5):
        drawn_columns = corrupted(black, "dotted_line", seed).any(axis=0)
        assert np.flatnonzero(drawn_columns).tolist() == [
            column for column in range(27) if column // 2 % 2
        ]
        zigzag = corrupted(black, "zigzag", seed)
        columns = np.flatnonzero(zigzag.any(axis=0))
        assert columns[0] >= 1
        assert columns[-1] <= 26
        assert zigzag.max() > 150


@pytest.mark.parametrize("name", ["scale", "translate", "rotate", "dotted_line", "stripe", "fog"])
def test_other_sizes_alike(name, drawn, likeness):
    """Lengths grow with the picture: a large one corrupted, then shrunk, is the small one."""
    large = drawn(112, 112, thickness=8, scale=0.7)
    small = cv2.resize(large, (28, 28), interpolation=cv2.INTER_AREA)
    for seed in range(3):
        shrunk = cv2.resize(corrupted(large, name, seed), (28, 28), interpolation=cv2.INTER_AREA)
        assert likeness(corrupted(small, name, seed), shrunk) > 0.9
