"""Layers that several backbones share."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


class Convolution(nnx.Module):
    """A square convolution without bias, "same" padding, NHWC.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        size: Side of the kernel, odd.
        stride: Step in both directions.
        rngs: Source of the initial kernel (He et al. 2015, fan-out).
    """

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1, rngs: nnx.Rngs
    ) -> None:
        initial = nnx.initializers.variance_scaling(2.0, "fan_out", "uniform")
        self.kernel = nnx.Param(initial(rngs.params(), (size, size, inputs, outputs), jnp.float32))
        self.stride = stride

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H / stride), ceil(W / stride), outputs)."""
        kernel = self.kernel[...]
        # Said in numbers: "SAME" would pad even maps on one side only where the stride is 2.
        pad = kernel.shape[0] // 2
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(self.stride, self.stride),
            padding=((pad, pad), (pad, pad)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


def space_to_depth(x: jax.Array, block: int = 2) -> jax.Array:
    """Folds (N, H, W, C) into (N, H/block, W/block, block²·C), so that no pixel is lost."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height // block, block, width // block, block, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height // block, width // block, block * block * channels)
