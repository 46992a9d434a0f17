"""The network of `reading/kinds.py`: what a run of pieces of a line is."""

from __future__ import annotations

import jax
from flax import nnx

from indicdigits.models.layers import Convolution


class KindNet(nnx.Module):
    """Three convolutions that halve the map, then two dense layers.

    Args:
        kinds: Number of logits.
        rngs: Source of the initial weights (stream "params").
    """

    def __init__(self, *, kinds: int, rows: int, columns: int, rngs: nnx.Rngs) -> None:
        self.conv1 = Convolution(2, 16, stride=2, bias=True, rngs=rngs)
        self.conv2 = Convolution(16, 32, stride=2, bias=True, rngs=rngs)
        self.conv3 = Convolution(32, 32, stride=2, bias=True, rngs=rngs)
        left = -(-rows // 8) * -(-columns // 8)
        self.dense1 = nnx.Linear(32 * left, 48, rngs=rngs)
        self.dense2 = nnx.Linear(48, kinds, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps windows float32 (N,ROWS,COLUMNS,2) in [0,1] to logits (N,K)."""
        for layer in (self.conv1, self.conv2, self.conv3):
            x = nnx.relu(layer(x))
        return self.dense2(nnx.relu(self.dense1(x.reshape(x.shape[0], -1))))
