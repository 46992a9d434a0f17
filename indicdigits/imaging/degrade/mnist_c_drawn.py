"""MNIST-C, the corruptions that draw: stripe, fog, spatter, dotted line, zigzag, edges.

See `mnist_c` for the source, the meaning of the strength and of other sizes. Fog and spatter are
drawn at 28x28 and enlarged.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from indicdigits.imaging.degrade.effect import Float
from indicdigits.imaging.degrade.mnist_c import SIDE, corruption, gaussian, unit

_FOG_MAP = 256  # side of the height map, whose corner is taken
_FOG_DECAY = 1.4**2  # how many times less high the next finer detail is
_LINE = 2.3  # pixels; beyond 0.63 of it from its middle a line is black
_MUD = 63 / 255


@corruption
def stripe(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """The outer quarters, left and right, are inverted; their width goes with strength's root."""
    width = light.shape[1]
    side = round(width / 4 * np.sqrt(2 * strength))
    result = light.copy()
    for part in (result[:, :side], result[:, width - side :]):
        part[...] = 1 - part
    return result


@corruption
def fog(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """A fractal cloud three times as bright as the ink, then all of it scaled back to white."""
    amount, most = np.float32(3 * 2 * strength), max(float(light.max()), 1e-6)
    cloud = _enlarged(_plasma(rng)[:SIDE, :SIDE], light.shape)
    return (light + amount * cloud) * np.float32(most / (most + amount))


@corruption
def spatter(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Mud: where soft noise of mean 0.65 is above 0.65 in a large enough patch, dark grey."""
    noise = gaussian(rng.normal(0.65, 0.3, (SIDE, SIDE)).astype(np.float32), 1)
    # The noise's standard deviation is 0.085: mud on a twentieth of the picture to on a half.
    splash = gaussian((noise > 0.65 + 0.06 * (0.5 - strength)).astype(np.float32), 1.5)
    splash[splash < 0.8] = 0
    cover = _enlarged(splash, light.shape)
    return light * (1 - cover) + _MUD * cover


@corruption
def dotted_line(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """A soft straight line from side to side, two pixels drawn and two left out."""
    left, right = rng.integers(0, SIDE - 1, 2)
    x, y = _grid(light.shape)
    line = _line(x, y, (0, float(left)), (SIDE - 1, float(right)), strength)
    return light + line * (np.floor(x / 2 + 0.25) % 2 == 1)


@corruption
def zigzag(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """A soft zigzag from left to right, nearly level, its teeth two pixels high and wide."""
    start = rng.integers(0, SIDE - 1)
    drop = rng.integers(-5, 5)
    first, last, tooth = 2.0, 25.0, 2.0
    slope = np.arctan(drop / (last - first))
    length = (last - first) / np.cos(slope)
    points = [(0.0, 0.0)]
    for index in range(int((length - tooth) // (2 * tooth)) + 1):
        points.append(((2 * index + 1) * tooth, tooth * (-1) ** index))
    beyond = length - 2 * tooth * (length // (2 * tooth))
    if beyond:
        points.append((length, points[-1][1] / (2 * beyond)))
    turned = np.array(points) @ [
        [np.cos(slope), np.sin(slope)],
        [-np.sin(slope), np.cos(slope)],
    ] + (first, start)
    x, y = _grid(light.shape)
    result = light
    for one, other in itertools.pairwise(turned):
        result = np.clip(result + _line(x, y, tuple(one), tuple(other), strength), 0, 1)
    return result


@corruption
def canny_edges(light: Float, rng: np.random.Generator, strength: float) -> Float:
    """Canny's edges (1986) in the digit's place: blur of one pixel, thresholds 0.1 and 0.2.

    Below strength 0.5 the digit shines through; above there is nothing left to take from it.
    """
    soft = gaussian(light, unit(light))
    ridge = _thinned(*(unit(light) * cv2.Sobel(soft, cv2.CV_32F, x, 1 - x) for x in (0, 1)))
    # What is above the lower threshold is an edge if it is above the higher one somewhere.
    # OpenCV's own Canny rounds directions to 45 degrees: a tenth of its pixels are others.
    _, pieces = cv2.connectedComponents((ridge >= 0.1).astype(np.uint8), connectivity=8)
    edges = np.isin(pieces, np.setdiff1d(pieces[ridge >= 0.2], 0))
    share = np.float32(min(1, 2 * strength))
    return light * (1 - share) + share * edges.astype(np.float32)


def _thinned(down: Float, right: Float) -> Float:
    """Length (H,W) of the gradient where it is largest along its own direction, else 0."""
    length = np.hypot(down, right)
    rows, columns = np.indices(length.shape) + 1
    padded = np.pad(length, 1)
    step_y, step_x = np.where(down < 0, -1, 1), np.where(right < 0, -1, 1)
    steep = np.abs(down) >= np.abs(right)
    larger = np.maximum(np.abs(down), np.abs(right))
    share = np.minimum(np.abs(down), np.abs(right)) / np.maximum(larger, 1e-9)
    largest = np.ones(length.shape, bool)
    for way in (1, -1):
        straight = padded[rows + way * step_y * steep, columns + way * step_x * ~steep]
        corner = padded[rows + way * step_y, columns + way * step_x]
        largest &= length >= (1 - share) * straight + share * corner
    largest[[0, -1]] = largest[:, [0, -1]] = False  # whose neighbours are not known
    return np.where(largest, length, 0)


def _enlarged(small: Float, shape: tuple[int, ...]) -> Float:
    """Brings what was drawn at 28x28 to (H,W)."""
    if small.shape == shape:
        return small
    return np.asarray(cv2.resize(small, shape[::-1]), np.float32)


def _grid(shape: tuple[int, ...]) -> tuple[Float, Float]:
    """Columns (1,W) and rows (H,1) of pixels' middles, in pixels of a picture of 28x28."""
    y, x = (((np.arange(side) + 0.5) * SIDE / side - 0.5).astype(np.float32) for side in shape)
    return x[None, :], y[:, None]


def _line(
    x: Float, y: Float, one: tuple[float, ...], other: tuple[float, ...], strength: float
) -> Float:
    """A line between two points (x, y), 1 in its middle; measured upright, as published."""
    (x0, y0), (x1, y1) = one, other
    if x0 == x1:
        return np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    width = _LINE * 2 * strength
    distance = np.abs(y - (y0 + (y1 - y0) / (x1 - x0) * (x - x0)))
    shine = np.clip(1 + np.log(1 - np.minimum(distance / width, 1 - 1e-6)), 0, 1)
    return np.where((x > np.floor(x0) - 0.5) & (x < np.ceil(x1) - 0.5), shine, 0)


def _plasma(rng: np.random.Generator) -> Float:
    """A random height map by the diamond-square method (Fournier et al. 1982), 0 to 1.

    Both axes wrap around. The map begins as a single point; each round halves the spacing.
    """
    heights = np.zeros((1, 1))
    spread = 1.0
    while len(heights) < _FOG_MAP:
        points = len(heights)
        finer = np.zeros((2 * points, 2 * points))
        finer[::2, ::2] = heights
        diagonal = heights + np.roll(heights, -1, 0)
        diagonal = (diagonal + np.roll(diagonal, -1, 1)) / 4
        middles = diagonal + spread * rng.uniform(-1, 1, diagonal.shape)
        finer[1::2, 1::2] = middles
        across = heights + np.roll(heights, -1, 1) + middles + np.roll(middles, 1, 0)
        along = heights + np.roll(heights, -1, 0) + middles + np.roll(middles, 1, 1)
        finer[::2, 1::2] = across / 4 + spread * rng.uniform(-1, 1, across.shape)
        finer[1::2, ::2] = along / 4 + spread * rng.uniform(-1, 1, along.shape)
        heights, spread = finer, spread / _FOG_DECAY
    low, high = heights.min(), heights.max()
    return ((heights - low) / (high - low)).astype(np.float32)
