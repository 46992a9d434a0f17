"""The multilayer perceptron 784-300-100-10 (LeCun et al. 1998), with ReLU and dropout."""

from __future__ import annotations

import jax
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Dense
from indicdigits.models.linear import Head


class Hidden(nnx.Module):
    """Flatten, one dense layer, ReLU, dropout."""

    def __init__(self, inputs: int, outputs: int, dropout: float, *, rngs: nnx.Rngs) -> None:
        self.dense = Dense(inputs, outputs, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, …), `inputs` numbers a picture, to (N, outputs)."""
        return self.dropout(jax.nn.relu(self.dense(x.reshape(x.shape[0], -1))), rngs=rngs)


class MLP(Backbone):
    """Two hidden layers and the head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels.
        dropout: Probability of dropping a hidden unit, in [0, 1).
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stage1", "stage2", "head")
    WIDTHS = (300, 100)

    def __init__(self, *, classes: int, input_size: int, dropout: float, rngs: nnx.Rngs) -> None:
        first, second = self.WIDTHS
        self.stage1 = Hidden(input_size**2, first, dropout, rngs=rngs)
        self.stage2 = Hidden(first, second, dropout, rngs=rngs)
        self.head = Head(second, classes, rngs=rngs)
