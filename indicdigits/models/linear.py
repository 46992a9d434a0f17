"""The floor: one dense layer on the pixels, that is multinomial logistic regression."""

from __future__ import annotations

import jax
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Dense


class Head(nnx.Module):
    """Flatten, one dense layer."""

    def __init__(self, inputs: int, classes: int, *, rngs: nnx.Rngs) -> None:
        self.dense = Dense(inputs, classes, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, …), `inputs` numbers a picture, to logits (N, classes)."""
        return self.dense(self.features(x))

    def features(self, x: jax.Array) -> jax.Array:
        """Maps (N, …) to what the dense layer sees, (N, inputs)."""
        return x.reshape(x.shape[0], -1)


class Linear(Backbone):
    """A head and nothing else.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels.
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("head",)

    def __init__(self, *, classes: int, input_size: int, rngs: nnx.Rngs) -> None:
        self.head = Head(input_size**2, classes, rngs=rngs)
