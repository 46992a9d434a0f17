"""A trained network as the plain function that every converter starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx


def probabilities_of(model: nnx.Module) -> Callable[[jax.Array], jax.Array]:
    """The network in evaluation mode, without dropout, softmax included.

    Args:
        model: Maps images (N,S,S,1), float32 in [0,1], to logits (N,C). Not changed.

    Returns:
        Maps the same images to probabilities float32 (N,C).
    """
    network: Any = nnx.clone(model)
    network.eval()
    for _, module in nnx.iter_modules(network):
        for name, child in list(vars(module).items()):
            if isinstance(child, nnx.Dropout):  # converters do not take their random streams
                setattr(module, name, _Identity())
    return lambda image: jax.nn.softmax(network(image), axis=-1)


class _Identity(nnx.Module):
    def __call__(self, x: jax.Array, **_: Any) -> jax.Array:
        return x
