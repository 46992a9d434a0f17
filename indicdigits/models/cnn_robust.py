"""`cnn` behind a fixed front end, so that light, shade and polarity are no matter to it.

The front end has three steps, each a few operations that every runtime knows. The commonest grey of
each column (or row) is taken for its paper, and what differs from it for ink, whether lighter or
darker. Then only how steep the ink is in four directions counts, without its sign. At last all of
it is divided by its own size over the picture. None of it is learned.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from indicdigits.models.cnn import CNN, Plain
from indicdigits.models.layers import convolved

GREYS = 9  # that the paper's grey is looked for among; what lies between counts for both
NEAR, WIDE = 1.0, 3  # pixels: deviation of neighbouring columns' weight, and where it is cut
SURE = 0.02  # of white: how much less ink decides between columns and rows
DIRECTIONS = 4
FINE, REACH = 0.7, 3  # pixels: deviation of the blur before the derivative, and where it is cut
WEAK = 0.02  # of the full slope: what is no steeper stays small when it is divided by its size


def commonest_grey(x: jax.Array) -> jax.Array:
    """The commonest grey of each column and its neighbours, that at both ends counting most.

    Args:
        x: (N, H, W, 1), 0 to 1.

    Returns:
        (N, 1, W, 1).
    """
    greys = np.linspace(0, 1, GREYS, dtype=np.float32)
    ends = np.square(np.linspace(-1, 1, x.shape[1], dtype=np.float32))[:, None, None]
    near = jax.nn.relu(1 - (GREYS - 1) * jnp.abs(x - greys))
    counts = jnp.mean(ends * near, axis=1, keepdims=True)
    weights = np.tile(_bell(NEAR, WIDE)[None, :, None, None], (1, 1, 1, GREYS))
    counts = convolved(counts, jnp.asarray(weights), pad=(0, WIDE), groups=GREYS)
    # The average is nearly the commonest alone, but smooth; no power is too small for a float.
    counts = (counts / jnp.max(counts, axis=3, keepdims=True)) ** 8
    total = jnp.sum(counts, axis=3, keepdims=True)
    return jnp.sum(counts * greys, axis=3, keepdims=True) / total


def ink(x: jax.Array) -> jax.Array:
    """How much each pixel differs from its paper.

    The paper is uniform along columns or along rows: whichever leaves less ink.

    Args:
        x: (N, H, W, 1), 0 to 1, ink light or dark.

    Returns:
        The same shape, 0 (paper) to 1.
    """
    turned = x.transpose(0, 2, 1, 3)
    columns = jnp.abs(x - commonest_grey(x))
    rows = jnp.abs(x - commonest_grey(turned).transpose(0, 2, 1, 3))
    more = jnp.mean(rows - columns, axis=(1, 2), keepdims=True)
    share = jax.nn.sigmoid(more / SURE)
    return share * columns + (1 - share) * rows


def slopes(x: jax.Array) -> jax.Array:
    """How steep a picture is in four directions, regardless of the sign, in parts of all of it.

    Args:
        x: (N, H, W, 1).

    Returns:
        (N, H, W, 4); the mean of their squared length over a picture is about 1.
    """
    # What is beyond the border is like the border: shade that goes on over it is no edge.
    first, last = x[:, :1], x[:, -1:]
    x = jnp.concatenate([*[first] * REACH, x, *[last] * REACH], axis=1)
    first, last = x[:, :, :1], x[:, :, -1:]
    x = jnp.concatenate([*[first] * REACH, x, *[last] * REACH], axis=2)
    steep = jnp.abs(convolved(x, jnp.asarray(_derivatives())))
    power = jnp.sum(jnp.square(steep), axis=3, keepdims=True)
    return steep / jnp.sqrt(jnp.mean(power, axis=(1, 2), keepdims=True) + WEAK**2)


def _bell(deviation: float, reach: int) -> np.ndarray:
    steps = np.arange(-reach, reach + 1)
    bell = np.exp(-(steps**2) / (2 * deviation**2))
    return np.asarray(bell / bell.sum(), np.float32)


def _derivatives() -> np.ndarray:
    """Kernels (7, 7, 1, 4): derivatives of a Gaussian at 0, 45, 90 and 135 degrees."""
    bell = _bell(FINE, REACH)
    slope = np.arange(-REACH, REACH + 1) * bell
    slope *= 2 / np.abs(slope).sum()
    right, down = np.outer(bell, slope), np.outer(slope, bell)
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    kernels = [np.cos(angle) * right + np.sin(angle) * down for angle in angles]
    return np.stack(kernels, axis=-1)[:, :, None].astype(np.float32)


class Stem(Plain):
    """The front end, then a convolution over the four slopes."""

    def __init__(self, outputs: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(DIRECTIONS, outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps images (N, S, S, 1) to (N, S, S, outputs)."""
        return super().__call__(slopes(ink(x)), rngs)


class CNNRobust(CNN):
    """`CNN` whose stem begins with the front end."""

    @staticmethod
    def make_stem(outputs: int, rngs: nnx.Rngs) -> Plain:
        """The first stage."""
        return Stem(outputs, rngs=rngs)
