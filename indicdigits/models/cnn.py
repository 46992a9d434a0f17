"""The default backbone: a small residual CNN that is narrow where the map is large."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Convolution, Dense
from indicdigits.models.norm import BatchNorm


class Plain(nnx.Module):
    """One convolution with batch normalisation and ReLU."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1, rngs: nnx.Rngs
    ) -> None:
        self.conv = Convolution(inputs, outputs, size, stride=stride, rngs=rngs)
        self.norm = BatchNorm(outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H / stride), ceil(W / stride), outputs)."""
        return self.norm(self.conv(x), relu=True)


class Down(nnx.Module):
    """Halves the map, then refines it with a residual convolution (He et al. 2016)."""

    def __init__(
        self, inputs: int, outputs: int, *, stride: int | tuple[int, int] = 2, rngs: nnx.Rngs
    ) -> None:
        self.conv1 = Convolution(inputs, outputs, stride=stride, rngs=rngs)
        self.norm1 = BatchNorm(outputs, rngs=rngs)
        self.conv2 = Convolution(outputs, outputs, rngs=rngs)
        self.norm2 = BatchNorm(outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H/2), ceil(W/2), outputs)."""
        x = self.norm1(self.conv1(x), relu=True)
        return jax.nn.relu(x + self.norm2(self.conv2(x)))


class Head(nnx.Module):
    """Mean over the map, dropout, one dense layer."""

    def __init__(self, inputs: int, classes: int, dropout: float, *, rngs: nnx.Rngs) -> None:
        self.dropout = nnx.Dropout(dropout)
        self.dense = Dense(inputs, classes, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to logits (N, classes)."""
        return self.dense(self.features(x, rngs))

    def features(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps (N, H, W, inputs) to what the dense layer sees, (N, inputs)."""
        return self.dropout(jnp.mean(x, axis=(1, 2)), rngs=rngs)


class CNN(Backbone):
    """Five stages: stem (full resolution), stage1 (1/2), stage2 (1/4), stage3 (1/8), head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels; any does.
        dropout: Probability of dropping a feature before the dense layer, in [0, 1).
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stem", "stage1", "stage2", "stage3", "head")
    WIDTHS = (16, 32, 48, 96)

    def __init__(self, *, classes: int, input_size: int, dropout: float, rngs: nnx.Rngs) -> None:
        del input_size  # the head takes the mean over whatever map there is
        stem, first, second, third = self.WIDTHS
        self.stem = self.make_stem(stem, rngs)
        self.stage1 = Plain(stem, first, stride=2, rngs=rngs)
        self.stage2 = Down(first, second, rngs=rngs)
        self.stage3 = Down(second, third, rngs=rngs)
        self.head = Head(third, classes, dropout, rngs=rngs)

    @staticmethod
    def make_stem(outputs: int, rngs: nnx.Rngs) -> Plain:
        """The first stage."""
        return Plain(1, outputs, rngs=rngs)
