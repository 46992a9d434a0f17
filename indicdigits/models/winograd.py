"""3x3 convolutions of stride 1 by Winograd's F(2x2, 3x3), where they are differentiated.

Blocks of 2x2 outputs are computed with 16 products instead of 36 (Lavin and Gray 2016, "Fast
Algorithms for Convolutional Neural Networks"): 16 matrix products over all blocks, and sums before
and after them. On a CPU with many channels that is faster than XLA's convolution, forward and in
both gradients (docs/performance.md). Results differ by rounding: about 1e-6 of the largest.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

FEWEST_CHANNELS = 64  # below, the sums cost more than the products save; measured
Tiles = list[jax.Array]  # 16 matrices, (blocks, channels) or (inputs, outputs)


def pays(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether this is the faster way for maps (N, H, W, C) and a kernel (3, 3, C, K)."""
    return (
        jax.default_backend() == "cpu"
        and x.dtype == jnp.float32
        and x.shape[1] % 2 == x.shape[2] % 2 == 0
        and kernel.shape[:2] == (3, 3)
        and min(kernel.shape[2:]) >= FEWEST_CHANNELS
    )


@jax.custom_vjp
def convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution of maps (N, H, W, C), H and W even, with (3, 3, C, K), padded by one.

    Where it is not differentiated, and in exports, it is XLA's own.
    """
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[Tiles, jax.Array]]:
    inputs = _input_tiles(x)
    return _outputs(_products(inputs, _kernel_tiles(kernel)), x.shape), (inputs, kernel)


def _backward(kept: tuple[Tiles, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    inputs, kernel = kept
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    to_x = _outputs(_products(_input_tiles(gradient), _kernel_tiles(turned)), gradient.shape)
    outputs = _output_tiles(gradient)
    return to_x, _kernel([a.T @ b for a, b in zip(inputs, outputs, strict=True)])


convolution.defvjp(_forward, _backward)


# The paper's B^T, G and A^T, and the transposes of the last two, along one axis.


def _b(d: Sequence[jax.Array]) -> Tiles:
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _g(k: Sequence[jax.Array]) -> Tiles:
    return [k[0], 0.5 * (k[0] + k[1] + k[2]), 0.5 * (k[0] - k[1] + k[2]), k[2]]


def _g_transposed(u: Sequence[jax.Array]) -> Tiles:
    total, difference = 0.5 * (u[1] + u[2]), 0.5 * (u[1] - u[2])
    return [u[0] + total, difference, total + u[3]]


def _a(m: Sequence[jax.Array]) -> Tiles:
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def _a_transposed(y: Sequence[jax.Array]) -> Tiles:
    return [y[0], y[0] + y[1], y[0] - y[1], -y[1]]


def _products(tiles: Tiles, kernels: Tiles) -> Tiles:
    return [tile @ kernel for tile, kernel in zip(tiles, kernels, strict=True)]


def _input_tiles(x: jax.Array) -> Tiles:
    """Overlapping blocks of 4x4, transformed, as 16 matrices (N·H/2·W/2, C)."""
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = _b([padded[:, i : i + height - 1 : 2] for i in range(4)])
    tiles = [t for row in rows for t in _b([row[:, :, j : j + width - 1 : 2] for j in range(4)])]
    return [tile.reshape(-1, x.shape[-1]) for tile in tiles]


def _output_tiles(gradient: jax.Array) -> Tiles:
    """Blocks of 2x2, transformed, as 16 matrices (N·H/2·W/2, K)."""
    rows = _a_transposed([gradient[:, i::2] for i in range(2)])
    tiles = [t for row in rows for t in _a_transposed([row[:, :, j::2] for j in range(2)])]
    return [tile.reshape(-1, gradient.shape[-1]) for tile in tiles]


def _outputs(products: Tiles, shape: Sequence[int]) -> jax.Array:
    """Maps (N, H, W, K) of 16 matrices (N·H/2·W/2, K)."""
    count, height, width = shape[:3]
    channels = products[0].shape[-1]
    maps = [m.reshape(count, height // 2, width // 2, channels) for m in products]
    across = [_a(maps[4 * i : 4 * i + 4]) for i in range(4)]  # of every row of the block
    columns = [_a([row[j] for row in across]) for j in range(2)]
    rows = [jnp.stack([columns[0][i], columns[1][i]], axis=3) for i in range(2)]
    return jnp.stack(rows, axis=2).reshape(count, height, width, channels)


def _kernel_tiles(kernel: jax.Array) -> Tiles:
    """A kernel (3, 3, C, K), transformed, as 16 matrices (C, K)."""
    return [t for row in _g(list(kernel)) for t in _g([row[j] for j in range(3)])]


def _kernel(tiles: Tiles) -> jax.Array:
    """The gradient to the kernel, (3, 3, C, K), of 16 matrices (C, K)."""
    across = [_g_transposed(tiles[4 * i : 4 * i + 4]) for i in range(4)]
    columns = [_g_transposed([row[j] for row in across]) for j in range(3)]
    return jnp.stack([jnp.stack([column[i] for column in columns]) for i in range(3)])
