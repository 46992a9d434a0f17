"""Multiply-adds against counts made by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from indicdigits.models.cost import multiply_adds
from indicdigits.models.layers import Convolution, Dense

SIZE = 8


class Flat(nnx.Module):
    """A dense layer on the pixels."""

    def __init__(self) -> None:
        self.dense = Dense(SIZE * SIZE, 10, rngs=nnx.Rngs(0))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.dense(x.reshape(len(x), -1))


class Convolved(nnx.Module):
    """A convolution on the picture, repeated to so many channels."""

    def __init__(self, inputs: int, outputs: int, size: int, **options: Any) -> None:
        self.inputs = inputs
        self.conv = Convolution(inputs, outputs, size, rngs=nnx.Rngs(0), **options)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.conv(jnp.repeat(x, self.inputs, axis=-1))


class Gram(nnx.Module):
    """A product of two batched matrices: in each of `heads`, (8, 5) by (5, 8)."""

    def __init__(self, heads: int) -> None:
        self.heads = heads

    def __call__(self, x: jax.Array) -> jax.Array:
        matrices = jnp.broadcast_to(x[..., :5, 0], (len(x), self.heads, SIZE, 5))
        return jnp.einsum("nhij,nhkj->nhik", matrices, matrices)


class Nested(nnx.Module):
    """A product of (8, 8) by (8, 8) inside jit, scan, cond and a custom derivative."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x[0, :, :, 0]
        if self.kind == "jit":
            return jax.jit(lambda a: a @ a)(x)
        if self.kind == "scan":
            return jax.lax.scan(lambda a, _: (a @ a, None), x, length=7)[0]
        if self.kind == "cond":
            return jax.lax.cond(x.sum() > 0, lambda a: a @ a @ a, lambda a: a @ a, x)
        if self.kind == "checkpoint":
            return jax.checkpoint(lambda a: a @ a)(x)
        product = jax.custom_jvp(lambda a: a @ a)
        product.defjvp(lambda primals, tangents: (product(*primals), tangents[0]))
        return product(x)


def test_dense() -> None:
    """A dense layer costs inputs times outputs."""
    assert multiply_adds(Flat(), SIZE) == 64 * 10


def test_strided_convolution() -> None:
    """A convolution costs its window times its inputs, for every output that the stride leaves."""
    assert multiply_adds(Convolved(3, 16, 3, stride=2), SIZE) == 4 * 4 * 16 * (3 * 3 * 3)


def test_valid_convolution() -> None:
    """Without padding there are fewer outputs."""
    assert multiply_adds(Convolved(1, 6, 5, padding="valid"), SIZE) == 4 * 4 * 6 * 25


def test_depthwise_convolution() -> None:
    """A depthwise convolution costs its window for every output, whatever the channels."""
    assert multiply_adds(Convolved(12, 12, 3, groups=12), SIZE) == 8 * 8 * 12 * 9


def test_grouped_convolution() -> None:
    """An output of a grouped convolution sees the inputs of its own group only."""
    assert multiply_adds(Convolved(12, 24, 3, groups=3), SIZE) == 8 * 8 * 24 * 9 * 4


def test_batched_product() -> None:
    """A batched product costs one product for each of the batch."""
    assert multiply_adds(Gram(3), SIZE) == 3 * 8 * 8 * 5


@pytest.mark.parametrize(
    ("kind", "times"), [("jit", 1), ("scan", 7), ("cond", 2), ("checkpoint", 1), ("custom", 1)]
)
def test_nested(kind: str, times: int) -> None:
    """What stands inside jit, a loop or a branch counts, a loop's body once for every turn."""
    assert multiply_adds(Nested(kind), SIZE) == times * 8**3


def test_leaves_the_model_alone() -> None:
    """Counting traces in evaluation mode, and leaves the model in the mode it was in."""
    dropout = nnx.Sequential(nnx.Dropout(0.5), lambda x: x.reshape(len(x), -1))
    assert multiply_adds(dropout, SIZE) == 0
    assert not dropout.layers[0].deterministic
