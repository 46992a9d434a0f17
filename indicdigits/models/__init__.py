"""Backbones: one file each, staged from `stem` to `head`; made by name through the registry."""

from __future__ import annotations

from flax import nnx

from indicdigits.recipe import Recipe
from indicdigits.registry import BACKBONES


def create(recipe: Recipe, *, seed: int) -> nnx.Module:
    """Builds the recipe's backbone with fresh weights.

    Args:
        recipe: Names the backbone, its options, the input size and the classes.
        seed: Of the initial weights.

    Returns:
        A module that maps images (N, S, S, 1), float32 in [0, 1], to logits (N, classes).
    """
    entry = BACKBONES.get(recipe.model.backbone)
    options = {name: option.default for name, option in entry.options.items()}
    return entry.build()(
        classes=len(recipe.labels),
        input_size=recipe.data.input_size,
        rngs=nnx.Rngs(params=seed),
        **(options | dict(recipe.model.options)),
    )
