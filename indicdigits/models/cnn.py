"""The default backbone: a small residual CNN that starts at half the resolution."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models.layers import Convolution, space_to_depth


class Stem(nnx.Module):
    """Space to depth, then a convolution: a 6x6 convolution of stride 2 in cheap form."""

    def __init__(self, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv = Convolution(4, outputs, rngs=rngs)
        self.norm = nnx.BatchNorm(outputs, momentum=0.9, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, S, S, 1) to (N, S/2, S/2, outputs)."""
        return jax.nn.relu(self.norm(self.conv(space_to_depth(x))))


class Plain(nnx.Module):
    """One convolution with batch normalisation."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv = Convolution(inputs, outputs, rngs=rngs)
        self.norm = nnx.BatchNorm(outputs, momentum=0.9, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, H, W, outputs)."""
        return jax.nn.relu(self.norm(self.conv(x)))


class Down(nnx.Module):
    """Halves the map, then refines it with a residual convolution (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Convolution(inputs, outputs, stride=2, rngs=rngs)
        self.norm1 = nnx.BatchNorm(outputs, momentum=0.9, rngs=rngs)
        self.conv2 = Convolution(outputs, outputs, rngs=rngs)
        self.norm2 = nnx.BatchNorm(outputs, momentum=0.9, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H/2), ceil(W/2), outputs)."""
        x = jax.nn.relu(self.norm1(self.conv1(x)))
        return jax.nn.relu(x + self.norm2(self.conv2(x)))


class Head(nnx.Module):
    """Mean over the map, dropout, one dense layer."""

    def __init__(self, inputs: int, classes: int, dropout: float, *, rngs: nnx.Rngs) -> None:
        self.dropout = nnx.Dropout(dropout)
        self.dense = nnx.Linear(inputs, classes, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to logits (N, classes)."""
        return self.dense(self.dropout(jnp.mean(x, axis=(1, 2)), rngs=rngs))


class CNN(nnx.Module):
    """Five stages: stem (1/2), stage1 (1/2), stage2 (1/4), stage3 (1/8), head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels, even.
        dropout: Probability of dropping a feature before the dense layer, in [0, 1).
        rngs: Source of the initial weights (stream "params").
    """

    WIDTHS = (16, 32, 48, 96)

    def __init__(self, *, classes: int, input_size: int, dropout: float, rngs: nnx.Rngs) -> None:
        if input_size % 2:
            raise ValueError(f"input size {input_size} is odd")
        stem, first, second, third = self.WIDTHS
        self.stem = Stem(stem, rngs=rngs)
        self.stage1 = Plain(stem, first, rngs=rngs)
        self.stage2 = Down(first, second, rngs=rngs)
        self.stage3 = Down(second, third, rngs=rngs)
        self.head = Head(third, classes, dropout, rngs=rngs)

    def __call__(self, images: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps images (N, S, S, 1), float32 in [0, 1], to logits (N, classes), float32.

        Args:
            images: Light ink on black.
            rngs: Stream "dropout"; needed only in training mode.
        """
        x = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.head(x, rngs)
