"""A CNN of less than 25,000 parameters whose graph is short, for readers that must be tiny.

On one picture a runtime spends as long on starting an operation as on a hundred thousand
multiply-adds, so there are five plain convolutions, and neither sums nor rearranged pixels.
"""

from __future__ import annotations

import jax
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.cnn import Head, Plain
from indicdigits.models.layers import Convolution
from indicdigits.models.norm import BatchNorm


class Down(nnx.Module):
    """A convolution that halves the map, then one that widens it."""

    def __init__(self, inputs: int, middle: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Convolution(inputs, middle, stride=2, rngs=rngs)
        self.norm1 = BatchNorm(middle, rngs=rngs)
        self.conv2 = Convolution(middle, outputs, rngs=rngs)
        self.norm2 = BatchNorm(outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H/2), ceil(W/2), outputs)."""
        x = self.norm1(self.conv1(x), relu=True)
        return self.norm2(self.conv2(x), relu=True)


class CNNNano(Backbone):
    """Five stages: stem (1/2), stage1 (1/2), stage2 (1/4), stage3 (1/8), head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels; any, and the weights fit every one.
        dropout: Probability of dropping a feature before the dense layer, in [0, 1).
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stem", "stage1", "stage2", "stage3", "head")

    def __init__(self, *, classes: int, input_size: int, dropout: float, rngs: nnx.Rngs) -> None:
        self.stem = Plain(1, 16, 5, stride=2, rngs=rngs)
        self.stage1 = Plain(16, 16, rngs=rngs)
        self.stage2 = Down(16, 24, 32, rngs=rngs)
        self.stage3 = Plain(32, 32, stride=2, rngs=rngs)
        self.head = Head(32, classes, dropout, rngs=rngs)
