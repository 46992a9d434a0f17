"""Layers that several backbones share.

Kernels decide the precision of a product: inputs are cast to the kernel's dtype, so that a step
computes in bfloat16 by casting nothing but kernels. Biases, norms and logits stay float32.
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx


class Convolution(nnx.Module):
    """A square convolution, NHWC.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        size: Side of the kernel; odd where the padding is "same".
        stride: Step in both directions.
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
        stride: int = 1,
        padding: Literal["same", "valid"] = "same",
        groups: int = 1,
        bias: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        initial = nnx.initializers.variance_scaling(2.0, "fan_out", "uniform")
        shape = (size, size, inputs // groups, outputs)
        self.kernel = nnx.Param(initial(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None
        self.stride, self.groups = stride, groups
        # Said in numbers: "SAME" would pad even maps on one side only where the stride is 2.
        self.pad = size // 2 if padding == "same" else 0

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, H', W', outputs); H' = ceil(H / stride) when "same"."""
        kernel = self.kernel[...]
        x = jax.lax.conv_general_dilated(
            x.astype(kernel.dtype),
            kernel,
            window_strides=(self.stride, self.stride),
            padding=((self.pad, self.pad), (self.pad, self.pad)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=self.groups,
        )
        return x if self.bias is None else x + self.bias[...]


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
