"""Recipes: strict TOML -> frozen dataclasses, `--set`, inheritance, digest.

A recipe holds everything that decides a result: data, augmentation, backbone, phases, seed. What
only decides how fast it comes (device, workers, folders) is never in it. A recipe is checked
whole, without importing JAX, before anything is computed.
"""

from indicdigits.recipe.load import (
    differences,
    find,
    load,
    loads,
    resolved_toml,
    shipped,
)
from indicdigits.recipe.schema import (
    Augment,
    ClassEntry,
    Data,
    Distill,
    Model,
    Phase,
    Recipe,
    Rule,
    Source,
    Start,
    Training,
)
from indicdigits.recipe.strategies import STRATEGIES

__all__ = [
    "STRATEGIES",
    "Augment",
    "ClassEntry",
    "Data",
    "Distill",
    "Model",
    "Phase",
    "Recipe",
    "Rule",
    "Source",
    "Start",
    "Training",
    "differences",
    "find",
    "load",
    "loads",
    "resolved_toml",
    "shipped",
]
