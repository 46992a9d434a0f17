"""Why a network answers what it does, by its gradients and its attention. Imports JAX.

All functions take a network in evaluation mode, pictures uint8 (N, S, S), light ink on black, and
the index of a class for each, (N,); they answer float32 (N, S, S), pixel for pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from indicdigits.models import surgery
from indicdigits.registry import Grid

STEPS = 64  # of the path that integrated gradients follow; its test says how exact that is
_BATCH = 32  # pictures at a time, all batches of one shape

Maps = NDArray[np.float32]
_Traced = Callable[[Any, jax.Array, jax.Array], jax.Array]


def grad_cam(
    model: nnx.Module, images: NDArray[np.uint8], classes: NDArray[np.integer], *, grid: Grid
) -> Maps:
    """Grad-CAM (Selvaraju et al. 2017): which places of the last maps speak for the class.

    Each channel counts by the mean gradient of the class's logit to it; what speaks against the
    class is left out.

    Args:
        model: The network.
        images: The pictures.
        classes: The classes to explain.
        grid: The stage whose maps these are, and where they lie.

    Returns:
        Non-negative; between the units of the map it is interpolated.
    """

    def cam(network: Any, x: jax.Array, classes: jax.Array) -> jax.Array:
        stop = network.STAGES.index(grid.stage) + 1
        maps = network.forward(x, stop=stop)
        gradient = jax.grad(lambda m: _score(network.forward(m, start=stop), classes).sum())(maps)
        return jax.nn.relu(jnp.sum(maps * gradient.mean((1, 2), keepdims=True), axis=-1))

    return spread(_in_batches(model, cam, images, classes), images.shape[1], grid)


def integrated_gradients(
    model: nnx.Module,
    images: NDArray[np.uint8],
    classes: NDArray[np.integer],
    *,
    steps: int = STEPS,
) -> Maps:
    """Integrated gradients (Sundararajan et al. 2017) from blank paper to the picture.

    Args:
        model: The network.
        images: The pictures.
        classes: The classes to explain.
        steps: Midpoints of the path at which the gradient is taken.

    Returns:
        Signed. The sum over a picture is the class's logit less that of blank paper, but for the
        steps; where there is no ink it is 0.
    """

    def integrate(network: Any, x: jax.Array, classes: jax.Array) -> jax.Array:
        gradient = jax.grad(lambda part: _score(network(part), classes).sum())

        def add(total: jax.Array, share: jax.Array) -> tuple[jax.Array, None]:
            return total + gradient(share * x), None

        shares = (jnp.arange(steps, dtype=jnp.float32) + 0.5) / steps
        total, _ = jax.lax.scan(add, jnp.zeros_like(x), shares)
        return (x * total / steps)[..., 0]

    return _in_batches(model, integrate, images, classes)


def attention_rollout(
    model: nnx.Module, images: NDArray[np.uint8], classes: NDArray[np.integer], *, grid: Grid
) -> Maps:
    """Attention rollout (Abnar and Zuidema 2020): which tokens reach the mean that is read.

    Heads are averaged, half of every block is its skip connection, and the blocks' products say
    how much of each token is in the last ones. It says nothing about one class or another.

    Args:
        model: The network.
        images: The pictures.
        classes: Not looked at.
        grid: The stage whose tokens these are, and where they lie.

    Returns:
        Non-negative; what exceeds the least of all tokens.
    """

    def roll_out(network: Any, x: jax.Array, classes: jax.Array) -> jax.Array:
        del classes
        stop = network.STAGES.index(grid.stage) + 1
        tokens = network.forward(x, stop=stop)
        same = jnp.eye(tokens.shape[1])
        mixed = jnp.broadcast_to(same, (len(x), *same.shape))
        for name in network.STAGES[stop:-1]:
            block = getattr(network, name)
            attention = block.attention.weights(block.norm1(tokens)).mean(axis=1)
            mixed = (attention + same) / 2 @ mixed
            tokens = block(tokens, None)
        share = mixed.mean(axis=1)  # of each token in the mean over the last ones
        side = round(tokens.shape[1] ** 0.5)
        return (share - share.min(axis=1, keepdims=True)).reshape(-1, side, side)

    return spread(_in_batches(model, roll_out, images, classes), images.shape[1], grid)


def spread(maps: Maps, size: int, grid: Grid) -> Maps:
    """Puts maps (N, H, W) where their units lie on pictures of `size` pixels: (N, size, size).

    Linear between the units' centres, constant beyond the outermost.
    """
    rows, columns = (_weights(units, size, grid) for units in maps.shape[1:])
    return np.asarray(np.einsum("ph,nhw,qw->npq", rows, maps, columns), np.float32)


def _weights(units: int, size: int, grid: Grid) -> NDArray[np.float64]:
    """How much each unit counts at each pixel, (size, units)."""
    places = (np.arange(size) - grid.first) / grid.pitch
    return np.stack([np.interp(places, np.arange(units), own) for own in np.eye(units)], axis=1)


def _score(logits: jax.Array, classes: jax.Array) -> jax.Array:
    """The logit (N,) of each picture's class."""
    return jnp.take_along_axis(logits, classes[:, None], axis=1)[:, 0]


def _in_batches(
    model: nnx.Module, traced: _Traced, images: NDArray[np.uint8], classes: NDArray[np.integer]
) -> Maps:
    """What `traced(network, x, classes)` answers to all pictures, x float32 (B, S, S, 1)."""
    graph, weights = surgery.split(model)

    @jax.jit
    def compiled(params: Any, stats: Any, images: jax.Array, classes: jax.Array) -> jax.Array:
        x = images.astype(jnp.float32)[..., None] / 255
        return traced(surgery.merge(graph, params, stats), x, classes)

    size = min(_BATCH, len(images))
    parts = []
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        missing = size - len(batch)
        padded = np.pad(batch, ((0, missing), (0, 0), (0, 0)))
        of = np.pad(classes[start : start + size], (0, missing)).astype(np.int32)
        answer = compiled(weights.params, weights.stats, padded, of)
        parts.append(np.asarray(answer, np.float32)[: len(batch)])
    return np.concatenate(parts)
