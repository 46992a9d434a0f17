"""The textbook network: 32-32-pool-64-64-pool-128-dropout-10, 467,818 parameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Convolution
from indicdigits.models.linear import Head
from indicdigits.models.mlp import Hidden


def max_pool(x: jax.Array) -> jax.Array:
    """Maps (N, H, W, C) to the maxima of its 2x2 blocks, (N, H//2, W//2, C).

    Four slices, because XLA's gradient of a window's maximum is slow on a CPU.
    """
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    rows = jnp.maximum(x[:, 0:height:2], x[:, 1:height:2])
    return jnp.maximum(rows[:, :, 0:width:2], rows[:, :, 1:width:2])


class Pooled(nnx.Module):
    """Two 3x3 convolutions with ReLU, then the maxima of 2x2."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Convolution(inputs, outputs, bias=True, rngs=rngs)
        self.conv2 = Convolution(outputs, outputs, bias=True, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, H//2, W//2, outputs)."""
        x = self.conv2(jax.nn.relu(self.conv1(x)))
        return jax.nn.relu(max_pool(x))  # the same as pooling last, on a quarter of the numbers


class CNNClassic(Backbone):
    """Four stages: stage1 (1/2), stage2 (1/4), stage3 (dense), head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels; where a map is odd, pooling leaves
            out its last row and column.
        dropout: Probability of dropping a feature before the last layer, in [0, 1).
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stage1", "stage2", "stage3", "head")

    def __init__(self, *, classes: int, input_size: int, dropout: float, rngs: nnx.Rngs) -> None:
        self.stage1 = Pooled(1, 32, rngs=rngs)
        self.stage2 = Pooled(32, 64, rngs=rngs)
        self.stage3 = Hidden((input_size // 4) ** 2 * 64, 128, dropout, rngs=rngs)
        self.head = Head(128, classes, rngs=rngs)
