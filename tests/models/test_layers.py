"""Layers compute the same whichever way they compute it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits.models.layers import Convolution


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size", [3, 5])
def test_differentiated_stem_is_the_convolution(padding: str, size: int) -> None:
    """What training computes of one channel is what evaluation and exports compute."""
    layer = Convolution(1, 4, size, padding=padding, rngs=nnx.Rngs(0))  # type: ignore[arg-type]
    images = jnp.asarray(np.random.default_rng(0).random((2, 9, 8, 1)), jnp.float32)
    graph, state = nnx.split(layer)
    apply = lambda images: nnx.merge(graph, state)(images)  # noqa: E731
    trained, _ = jax.vjp(apply, images)
    np.testing.assert_allclose(trained, apply(images), atol=1e-6)
    assert trained.shape == apply(images).shape
