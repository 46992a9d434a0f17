"""Layers that several backbones share.

Kernels decide the precision of a product: inputs are cast to the kernel's dtype, so that a step
computes in bfloat16 by casting nothing but kernels. Biases, norms and logits stay float32.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models import winograd


class Convolution(nnx.Module):
    """A square convolution, NHWC.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        size: Side of the kernel; odd where the padding is "same".
        stride: Step in both directions, or down and to the right.
        padding: "same" keeps the map's size at stride 1, "valid" pads nothing.
        groups: Of channels that do not see each other; `inputs` of them are depthwise.
        bias: Whether a bias is added.
        rngs: Source of the initial kernel (He et al. 2015, fan-out).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int = 3,
        *,
        stride: int | tuple[int, int] = 1,
        padding: Literal["same", "valid"] = "same",
        groups: int = 1,
        bias: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        initial = nnx.initializers.variance_scaling(2.0, "fan_out", "uniform")
        shape = (size, size, inputs // groups, outputs)
        self.kernel = nnx.Param(initial(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None
        self.strides = (stride, stride) if isinstance(stride, int) else stride
        self.groups = groups
        # Said in numbers: "SAME" would pad even maps on one side only where the stride is 2.
        self.pad = size // 2 if padding == "same" else 0

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, H', W', outputs); H' = ceil(H / step) when "same"."""
        kernel = self.kernel[...]
        x = x.astype(kernel.dtype)
        if x.shape[-1] == 1 and self.strides == (1, 1):
            x = _one_channel(x, kernel, self.pad)
        elif (*self.strides, self.pad, self.groups) == (1, 1, 1, 1) and winograd.pays(x, kernel):
            x = winograd.convolution(x, kernel)
        else:
            x = convolved(x, kernel, self.strides, self.pad, self.groups)
        return x if self.bias is None else x + self.bias[...]


def convolved(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int] = (1, 1),
    pad: int | tuple[int, int] = 0,
    groups: int = 1,
) -> jax.Array:
    """The convolution of maps (N, H, W, C) with a kernel (h, w, C / groups, outputs).

    Args:
        x: The maps.
        kernel: The kernel; it decides the precision.
        strides: Steps down and to the right.
        pad: Zeros on each side; two numbers are those of rows and of columns.
        groups: Of channels that do not see each other.
    """
    rows, columns = (pad, pad) if isinstance(pad, int) else pad
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=strides,
        padding=((rows, rows), (columns, columns)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _one_channel(x: jax.Array, kernel: jax.Array, pad: int) -> jax.Array:
    """The convolution of maps with one channel, stride 1.

    Where it is differentiated it is a sum of shifted pictures, each times its tap: XLA's own takes
    ten times as long on a CPU (docs/performance.md). Elsewhere, and in exports, it stays itself.
    """
    return convolved(x, kernel, pad=pad)


def _one_channel_forward(
    x: jax.Array, kernel: jax.Array, pad: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    if jax.default_backend() != "cpu":
        return _one_channel(x, kernel, pad), (x, kernel)
    size = len(kernel)
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height, width = (side - size + 1 for side in padded.shape[1:3])
    taps = (
        padded[:, row : row + height, column : column + width] * kernel[row, column, 0]
        for row in range(size)
        for column in range(size)
    )
    return sum(taps, jnp.zeros((), x.dtype)), (x, kernel)


def _one_channel_backward(
    pad: int, kept: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    towards = jax.vjp(partial(convolved, pad=pad), *kept)[1](gradient)
    return towards[0], towards[1]


_one_channel.defvjp(_one_channel_forward, _one_channel_backward)


class Dense(nnx.Module):
    """A fully connected layer.

    Args:
        inputs: Input features.
        outputs: Output features.
        bias: Whether a bias is added.
        rngs: Source of the initial kernel (LeCun et al. 1998, fan-in).
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        initial = nnx.initializers.lecun_normal()
        self.kernel = nnx.Param(initial(rngs.params(), (inputs, outputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (…, inputs) to (…, outputs), float32."""
        kernel = self.kernel[...]
        x = (x.astype(kernel.dtype) @ kernel).astype(jnp.float32)
        return x if self.bias is None else x + self.bias[...]


def space_to_depth(x: jax.Array, block: int = 2) -> jax.Array:
    """Folds (N, H, W, C) into (N, H/block, W/block, block²·C), so that no pixel is lost."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height // block, block, width // block, block, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height // block, width // block, block * block * channels)
