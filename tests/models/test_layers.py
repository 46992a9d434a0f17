"""Layers compute the same whichever way they compute it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits.models import winograd
from indicdigits.models.layers import Convolution
from indicdigits.models.norm import BatchNorm


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


def test_winograd_is_the_convolution() -> None:
    """A layer that trains by Winograd's products has the outputs and gradients of a plain one."""
    layer = Convolution(64, 80, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    maps = jnp.asarray(rng.normal(size=(3, 6, 8, 64)), jnp.float32)
    kernel = layer.kernel[...]
    assert winograd.pays(maps, kernel)
    outputs, gradients = jax.vjp(winograd.convolution, maps, kernel)
    expected, plain = jax.vjp(lambda x, k: winograd.convolution.fun(x, k), maps, kernel)
    np.testing.assert_allclose(outputs, expected, atol=2e-5)
    np.testing.assert_allclose(outputs, layer(maps), atol=2e-5)
    towards = jnp.asarray(rng.normal(size=outputs.shape), jnp.float32)
    for found, right in zip(gradients(towards), plain(towards), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-5 * float(jnp.abs(right).max()))


@pytest.mark.parametrize("relu", [True, False])
def test_batch_norm_is_flax_own(relu: bool) -> None:
    """Normalising, its running statistics and all its gradients are those of Flax."""
    rng = np.random.default_rng(0)
    maps = jnp.asarray(rng.normal(0.7, 2, (5, 4, 3, 6)), jnp.float32)
    towards = jnp.asarray(rng.normal(size=maps.shape), jnp.float32)

    def run(layer: nnx.BatchNorm, apply: Any) -> tuple[Any, ...]:
        layer.scale[...] = jnp.asarray(np.linspace(0.5, 2, 6), jnp.float32)
        layer.bias[...] = jnp.asarray(np.linspace(-1, 1, 6), jnp.float32)
        graph, params, rest = nnx.split(layer, nnx.Param, ...)

        def outputs(params: Any, maps: jax.Array) -> Any:
            module = nnx.merge(graph, params, rest, copy=True)
            return apply(module, maps), (module.mean[...], module.var[...])

        found, pull, stats = jax.vjp(outputs, params, maps, has_aux=True)
        return found, stats, pull(towards)

    rectify = jax.nn.relu if relu else lambda x: x
    ours = run(BatchNorm(6, rngs=nnx.Rngs(0)), lambda layer, x: layer(x, relu=relu))
    flax = nnx.BatchNorm(6, momentum=0.9, rngs=nnx.Rngs(0))
    theirs = run(flax, lambda layer, x: rectify(layer(x)))
    for found, right in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(found, right, atol=2e-5)
