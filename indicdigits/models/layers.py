"""Layers that several backbones share."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

# XLA's CPU convolution reaches 50-80 GFLOP/s; on maps this small (pixels) gathering the patches and
# multiplying one matrix reaches 100-120, gradients included. On larger maps the copy costs more.
PATCHES_UP_TO = 64


class Convolution(nnx.Module):
    """A square convolution without bias, "same" padding, NHWC.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        size: Side of the kernel, odd.
        stride: Step in both directions.
        rngs: Source of the initial kernel (He et al. 2015, fan-out).

    Attributes:
        lowering: "auto" picks by the device and the size of the map; "convolution" always uses
            the convolution primitive, as exporters want it. The result is the same.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1, rngs: nnx.Rngs
    ) -> None:
        initial = nnx.initializers.variance_scaling(2.0, "fan_out", "truncated_normal")
        self.kernel = nnx.Param(initial(rngs.params(), (size, size, inputs, outputs), jnp.float32))
        self.stride = stride
        self.lowering: Literal["auto", "convolution"] = "auto"

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H / stride), ceil(W / stride), outputs)."""
        kernel = self.kernel[...]
        few_pixels = x.shape[1] * x.shape[2] <= PATCHES_UP_TO * self.stride**2
        narrow = x.shape[3] <= 4  # a few channels: the convolution is slow on any map
        on_cpu = jax.default_backend() == "cpu"
        if self.lowering == "auto" and on_cpu and (few_pixels or narrow):
            return _by_patches(x, kernel, self.stride)
        pad = kernel.shape[0] // 2
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(self.stride, self.stride),
            padding=((pad, pad), (pad, pad)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


def _by_patches(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    size, _, inputs, outputs = kernel.shape
    _, height, width, _ = x.shape
    pad = size // 2
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    shifted = [
        padded[:, row : row + height : stride, column : column + width : stride]
        for row in range(size)
        for column in range(size)
    ]
    patches = jnp.concatenate(shifted, axis=-1)
    return patches @ kernel.reshape(size * size * inputs, outputs)


def space_to_depth(x: jax.Array, block: int = 2) -> jax.Array:
    """Folds (N, H, W, C) into (N, H/block, W/block, block²·C), so that no pixel is lost."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height // block, block, width // block, block, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height // block, width // block, block * block * channels)
