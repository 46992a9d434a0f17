"""Backbones: one file each, staged from `stem` to `head`; made by name through the registry."""

from __future__ import annotations

import jax
from flax import nnx

from indicdigits.recipe import Recipe
from indicdigits.registry import BACKBONES

# Threefry, JAX's default, takes XLA's CPU compiler half a second for every array drawn.
GENERATOR = "rbg"


def create(recipe: Recipe, *, seed: int) -> nnx.Module:
    """Builds the recipe's backbone with fresh weights.

    Args:
        recipe: Names the backbone, its options, the input size and the classes.
        seed: Of the initial weights.

    Returns:
        A module that maps images (N, S, S, 1), float32 in [0, 1], to logits (N, classes).
    """

    def build(seed: jax.Array) -> nnx.Module:
        entry = BACKBONES.get(recipe.model.backbone)
        options = {name: option.default for name, option in entry.options.items()}
        return entry.build()(
            classes=len(recipe.labels),
            input_size=recipe.data.input_size,
            rngs=nnx.Rngs(params=jax.random.key(seed, impl=GENERATOR)),
            **(options | dict(recipe.model.options)),
        )

    # Compiled as one: initialising array by array takes seconds.
    structure, _ = nnx.split(nnx.eval_shape(lambda: build(jax.numpy.uint32(0))))
    state = jax.jit(lambda seed: nnx.state(build(seed)))(jax.numpy.uint32(seed))
    return nnx.merge(structure, state)
