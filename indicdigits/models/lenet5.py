"""LeNet-5 (LeCun et al. 1998), with ReLU for tanh and every map of the second layer connected."""

from __future__ import annotations

from typing import Literal

import jax
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Convolution, Dense
from indicdigits.models.linear import Head


class Pooled(nnx.Module):
    """A 5x5 convolution, ReLU, means of 2x2."""

    def __init__(
        self, inputs: int, outputs: int, padding: Literal["same", "valid"], *, rngs: nnx.Rngs
    ) -> None:
        self.conv = Convolution(inputs, outputs, 5, padding=padding, bias=True, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, H'/2, W'/2, outputs), H' as the padding has it."""
        x = jax.nn.relu(self.conv(x))
        return nnx.avg_pool(x, window_shape=(2, 2), strides=(2, 2))


class Hidden(nnx.Module):
    """Flatten, two dense layers with ReLU, dropout."""

    def __init__(
        self, inputs: int, middle: int, outputs: int, dropout: float, *, rngs: nnx.Rngs
    ) -> None:
        self.dense1 = Dense(inputs, middle, rngs=rngs)
        self.dense2 = Dense(middle, outputs, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, C), `inputs` numbers a picture, to (N, outputs)."""
        x = jax.nn.relu(self.dense1(x.reshape(x.shape[0], -1)))
        return self.dropout(jax.nn.relu(self.dense2(x)), rngs=rngs)


class LeNet5(Backbone):
    """Four stages: stage1 (1/2), stage2 (1/4, less the border), stage3 (dense), head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels; where a map is odd, pooling leaves
            out its last row and column.
        dropout: Probability of dropping a feature before the last layer, in [0, 1).
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stage1", "stage2", "stage3", "head")

    def __init__(self, *, classes: int, input_size: int, dropout: float, rngs: nnx.Rngs) -> None:
        self.stage1 = Pooled(1, 6, "same", rngs=rngs)
        self.stage2 = Pooled(6, 16, "valid", rngs=rngs)
        side = (input_size // 2 - 4) // 2
        self.stage3 = Hidden(side * side * 16, 120, 84, dropout, rngs=rngs)
        self.head = Head(84, classes, rngs=rngs)
