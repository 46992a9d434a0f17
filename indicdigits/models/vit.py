"""A Vision Transformer (Dosovitskiy et al. 2021) small enough for digits.

Its tokens come from a few convolutions (Xiao et al. 2021), without which a transformer would need
far more pictures than there are; they are averaged at the end (Beyer et al. 2022).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Convolution, Dense, space_to_depth
from indicdigits.models.norm import BatchNorm


class Stem(nnx.Module):
    """Pictures -> tokens: space to depth, three convolutions, a learned position embedding.

    A token stands for 8x8 pixels and has seen 18x18. Tokens of 4x4 pixels would be 49 of
    them at 28 pixels, not 16, and the same blocks would take 2.8 times as long to train on a CPU.

    Args:
        input_size: Height and width of the pictures, even.
        widths: Channels after each convolution; the last are the features of a token.
        rngs: Source of the initial weights.
    """

    def __init__(self, input_size: int, widths: tuple[int, int, int], *, rngs: nnx.Rngs) -> None:
        first, second, features = widths
        self.conv1 = Convolution(4, first, rngs=rngs)
        self.norm1 = BatchNorm(first, rngs=rngs)
        self.conv2 = Convolution(first, second, stride=2, rngs=rngs)
        self.norm2 = BatchNorm(second, rngs=rngs)
        self.conv3 = Convolution(second, features, stride=2, rngs=rngs)
        self.norm3 = BatchNorm(features, rngs=rngs)
        tokens = math.ceil(input_size / 8) ** 2
        initial = nnx.initializers.normal(0.02)
        self.position = nnx.Param(initial(rngs.params(), (tokens, features), jnp.float32))

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, S, S, 1) to tokens (N, ceil(S/8)², features), row by row."""
        x = self.norm1(self.conv1(space_to_depth(x)), relu=True)
        x = self.norm2(self.conv2(x), relu=True)
        x = self.norm3(self.conv3(x))
        return x.reshape(x.shape[0], -1, x.shape[-1]) + self.position[...]


class Attention(nnx.Module):
    """Multi-head self-attention (Vaswani et al. 2017).

    Args:
        features: Of a token.
        heads: Their number; it divides `features`.
        rngs: Source of the initial weights.
    """

    def __init__(self, features: int, heads: int, *, rngs: nnx.Rngs) -> None:
        self.query = Dense(features, features, rngs=rngs)
        # A bias would add the same to all scores of a row, and softmax would not see it.
        self.key = Dense(features, features, bias=False, rngs=rngs)
        self.value = Dense(features, features, rngs=rngs)
        self.output = Dense(features, features, rngs=rngs)
        self.heads = heads

    def weights(self, x: jax.Array) -> jax.Array:
        """How much each token (row) takes from each (column): tokens (N, T, F) to (N, H, T, T).

        Rows are non-negative and sum to 1.
        """
        query, key = self._split(self.query(x)), self._split(self.key(x))
        agreement = jnp.einsum("nhtd,nhsd->nhts", query, key).astype(jnp.float32)
        return jax.nn.softmax(agreement / query.shape[-1] ** 0.5, axis=-1)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps tokens (N, T, F) to (N, T, F)."""
        value = self._split(self.value(x))
        weights = self.weights(x).astype(value.dtype)
        taken = jnp.einsum("nhts,nhsd->nhtd", weights, value)
        return self.output(taken.transpose(0, 2, 1, 3).reshape(x.shape))

    def _split(self, x: jax.Array) -> jax.Array:
        """Features (N, T, F) of each head, (N, H, T, F/H), in the precision of the kernels."""
        x = x.astype(self.output.kernel.dtype)
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(0, 2, 1, 3)


class Block(nnx.Module):
    """Attention, then two dense layers, each normalised before and added to what came in.

    Args:
        features: Of a token.
        heads: Of the attention.
        hidden: Features between the two dense layers.
        drop: Probability that a branch is left out for a picture (stochastic depth, Huang et al.
            2016).
        rngs: Source of the initial weights.
    """

    def __init__(
        self, features: int, heads: int, hidden: int, drop: float, *, rngs: nnx.Rngs
    ) -> None:
        self.norm1 = nnx.LayerNorm(features, rngs=rngs)
        self.attention = Attention(features, heads, rngs=rngs)
        self.norm2 = nnx.LayerNorm(features, rngs=rngs)
        self.dense1 = Dense(features, hidden, rngs=rngs)
        self.dense2 = Dense(hidden, features, rngs=rngs)
        # One draw a picture, shared by its tokens and features.
        self.drop = nnx.Dropout(drop, broadcast_dims=(1, 2))

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps tokens (N, T, features) to (N, T, features)."""
        x = x + self.drop(self.attention(self.norm1(x)), rngs=rngs)
        hidden = jax.nn.gelu(self.dense1(self.norm2(x)), approximate=True)
        return x + self.drop(self.dense2(hidden), rngs=rngs)


class Head(nnx.Module):
    """Normalisation, mean over the tokens, one dense layer."""

    def __init__(self, features: int, classes: int, *, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(features, rngs=rngs)
        self.dense = Dense(features, classes, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps tokens (N, T, features) to logits (N, classes)."""
        return self.dense(self.features(x))

    def features(self, x: jax.Array) -> jax.Array:
        """Maps tokens (N, T, features) to what the dense layer sees, (N, features)."""
        return jnp.mean(self.norm(x), axis=1)


class VisionTransformer(Backbone):
    """Six stages: stem (tokens of 8x8 pixels), stage1 to stage4 (one block each), head.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels, even.
        stochastic_depth: Probability that a branch of the last block is left out, in [0, 1); for
            the blocks before it, it falls linearly.
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stem", "stage1", "stage2", "stage3", "stage4", "head")
    WIDTHS = (32, 48, 80)
    HEADS = 4
    HIDDEN = 160

    def __init__(
        self, *, classes: int, input_size: int, stochastic_depth: float, rngs: nnx.Rngs
    ) -> None:
        if input_size % 2:
            raise ValueError(f"input size {input_size} is odd")
        features = self.WIDTHS[-1]
        self.stem = Stem(input_size, self.WIDTHS, rngs=rngs)
        blocks = self.STAGES[1:-1]
        for number, name in enumerate(blocks, start=1):
            drop = stochastic_depth * number / len(blocks)
            setattr(self, name, Block(features, self.HEADS, self.HIDDEN, drop, rngs=rngs))
        self.head = Head(features, classes, rngs=rngs)
