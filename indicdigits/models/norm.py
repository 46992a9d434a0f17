"""Batch normalisation with the ReLU that follows it, differentiated in as few passes as it needs.

What automatic differentiation makes of it reads every map again and again, and on a CPU that is a
tenth of a training step. The gradient written out reads a map twice (docs/performance.md).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

MEAN_OF = (0, 1, 2)  # samples, rows, columns: a channel is normalised by itself


class BatchNorm(nnx.BatchNorm):
    """Normalises each channel of a batch (Ioffe and Szegedy 2015).

    A tenth of a batch's statistics goes into the running ones, which are used in evaluation mode.

    Args:
        channels: Of the maps.
        rngs: Flax asks for it; nothing is random.
    """

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(channels, momentum=0.9, rngs=rngs)

    def __call__(  # type: ignore[override]
        self, x: jax.Array, *, relu: bool = False
    ) -> jax.Array:
        """Maps (N, H, W, channels) to the same, float32; `relu` sets what is negative to zero."""
        x = x.astype(jnp.float32)
        if self.use_running_average:
            x = super().__call__(x)
            return jax.nn.relu(x) if relu else x
        assert self.scale is not None
        assert self.bias is not None
        y, mean, variance = _normalised(x, self.scale[...], self.bias[...], relu, self.epsilon)
        keep = self.momentum
        self.mean[...] = keep * self.mean[...] + (1 - keep) * mean
        self.var[...] = keep * self.var[...] + (1 - keep) * variance
        return y


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _normalised(
    x: jax.Array, scale: jax.Array, bias: jax.Array, relu: bool, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The normalised maps, and the batch's mean and variance, which carry no gradient."""
    return _forward(x, scale, bias, relu, epsilon)[0]


def _forward(
    x: jax.Array, scale: jax.Array, bias: jax.Array, relu: bool, epsilon: float
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    mean = jnp.mean(x, MEAN_OF)
    variance = jnp.maximum(jnp.mean(x * x, MEAN_OF) - mean * mean, 0.0)
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = (x - mean) * (inverse * scale) + bias
    return (jax.nn.relu(y) if relu else y, mean, variance), (x, mean, inverse, scale, bias)


def _backward(
    relu: bool,
    epsilon: float,
    kept: tuple[jax.Array, ...],
    towards: tuple[jax.Array, jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    del epsilon
    x, mean, inverse, scale, bias = kept
    gradient, centred, gain = towards[0], x - mean, inverse * scale
    if relu:  # computed again: cheaper than keeping another map
        gradient = jnp.where(centred * gain + bias > 0, gradient, 0.0)
    to_bias = jnp.sum(gradient, MEAN_OF)
    to_scale = jnp.sum(gradient * centred, MEAN_OF) * inverse
    count = x.size // x.shape[-1]
    to_x = gain * (gradient - to_bias / count) - (gain * inverse * to_scale / count) * centred
    return to_x, to_scale, to_bias


_normalised.defvjp(_forward, _backward)
