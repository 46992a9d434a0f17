"""MNIST-C (Mu and Gilmer 2019, https://arxiv.org/abs/1906.02337): noise, blur, warps, brightness.

Written anew from the definitions, with the constants of the published data set at strength 0.5.
There each corruption has the one severity that the authors chose; here it goes on to both sides:
what a constant measures grows in proportion with the strength, unless its function says otherwise.

The definitions speak of 28x28 pixels with light ink on black. Ink and paper swap on the way in and
out (`corruption`), and lengths grow with the picture, so that any size can be corrupted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np

from indicdigits.imaging.degrade.effect import Float, Function, Picture, register, to_uint8

SIDE = 28  # of the pictures that the constants were published for
Corruption = Callable[[Float, np.random.Generator, float], Float]


def corruption(function: Corruption) -> Function:
    """Registers a function of light ink on black, float32 (H,W) from 0 to 1."""

    @functools.wraps(function)
    def effect(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
        light = (255 - picture).astype(np.float32) / np.float32(255)
        return 255 - to_uint8(255 * np.clip(function(light, rng, strength), 0, 1))

    register(effect, "MNIST-C")
    return effect


def unit(light: Float) -> float:
    """How many pixels of this picture are one pixel of MNIST's."""
    return max(light.shape) / SIDE


def gaussian(light: Float, sigma: float) -> Float:
    """Gaussian blur over four standard deviations; the border's pixels go on outside."""
    if sigma < 0.1:  # pixels; nothing would be seen
        return light
    side = 2 * round(4 * sigma) + 1
    blurred = cv2.GaussianBlur(light, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


@corruption
def shot_noise(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Too few photons: white is 3 of them on average, and each pixel's count is a Poisson draw."""
    photons = 3 / (2 * strength) ** 2  # noise is the root of the count: in proportion to strength
    return (rng.poisson(light.astype(np.float64) * photons) / photons).astype(np.float32)


@corruption
def impulse_noise(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Salt and pepper on 17 % of the pixels, half of each."""
    chance, share = rng.random(light.shape), 0.17 * 2 * strength
    result = light.copy()
    result[chance < share] = 1
    result[chance < share / 2] = 0
    return result


@corruption
def glass_blur(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Frosted glass: blur (0.7 pixels), twice swap half of the pixels with a neighbour, blur."""
    sigma, reach = 0.7 * 2 * strength * unit(light), max(1, round(unit(light)))
    pixels = (gaussian(light, sigma) * 255).astype(np.uint8)
    height, width = pixels.shape
    rows, columns = range(height - reach, reach, -1), range(width - reach, reach, -1)
    flat = pixels.ravel().tolist()  # one swap after another: lists are faster at that
    for _ in range(max(1, round(2 * 2 * strength))):
        shape = (len(rows) * len(columns),)
        swaps = (rng.random(shape) < 0.5).tolist()
        jumps = rng.integers(-reach, reach, shape) * width + rng.integers(-reach, reach, shape)
        places = (row * width + column for row in rows for column in columns)
        for place, swap, jump in zip(places, swaps, jumps.tolist(), strict=True):
            if swap:
                flat[place], flat[place + jump] = flat[place + jump], flat[place]
    return gaussian(np.array(flat, np.float32).reshape(height, width) / np.float32(255), sigma)


@corruption
def motion_blur(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """A one-sided Gaussian trail (3 pixels, cut at 20) in a direction from -45 to 45 degrees."""
    sigma, angle = 3 * 2 * strength * unit(light), np.deg2rad(rng.uniform(-45, 45))
    steps = np.arange(2 * int(np.ceil(10 * 2 * strength * unit(light))) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    x, y = (np.ceil(steps * part - 0.5).astype(int) for part in (np.cos(angle), np.sin(angle)))
    kernel = np.zeros((2 * len(steps) - 1, 2 * len(steps) - 1), np.float32)
    np.add.at(kernel, (y + len(steps) - 1, x + len(steps) - 1), weights / weights.sum())
    blurred = cv2.filter2D(light, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


@corruption
def shear(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Slant by 0.4 radians to either side; as published, upright strokes keep their length."""
    slant = 0.4 * 2 * strength * rng.choice([-1, 1])
    return _warp(light, np.array([[1, -np.sin(slant)], [0, np.cos(slant)]]))


@corruption
def scale(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Shrinks the digit to 0.7 of its size."""
    return _warp(light, np.eye(2) / (1 - 0.3 * 2 * strength))


@corruption
def rotate(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Turns by 0.4 radians (23 degrees) to either side."""
    turn = 0.4 * 2 * strength * rng.choice([-1, 1])
    return _warp(light, np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))


@corruption
def translate(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Moves the digit by 3 pixels along both axes, to one of the four corners."""
    return _warp(light, np.eye(2), 3 * 2 * strength * unit(light) * rng.choice([-1, 1], 2))


@corruption
def brightness(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Adds 0.5 of white everywhere, so that black turns grey; white stays the most there is."""
    return light + np.float32(1 - 0.5 ** (2 * strength))  # 0.75 at strength 1, where 1 is blank


def _warp(
    light: Float, matrix: np.ndarray, shift: np.ndarray | tuple[float, float] = (0, 0)
) -> Float:
    """Samples at matrix (2,2) of each pixel's (x, y), the picture's middle kept, plus a shift."""
    height, width = light.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    inverse = np.column_stack([matrix, middle - matrix @ middle + shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(light, inverse, (width, height), flags=flags)
    return np.asarray(warped, np.float32)
