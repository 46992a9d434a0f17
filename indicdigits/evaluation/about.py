"""What metrics.json says of a network, of the pictures it read and of its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from indicdigits.evaluation import words
from indicdigits.evaluation.energy import estimate
from indicdigits.evaluation.metrics_file import SCHEMA
from indicdigits.evaluation.picture_set import Pictures
from indicdigits.recipe import Recipe
from indicdigits.recipe.heads import heads_of
from indicdigits.recipe.sources import OWN
from indicdigits.registry import DATASETS
from indicdigits.runtime.reading import NO_INK


def describe(recipe: Recipe, weights: str) -> dict[str, Any]:
    """What metrics.json says of the network.

    Args:
        recipe: What it was trained by.
        weights: Which weights were measured, in words.
    """
    heads = heads_of(recipe)
    return {
        "schema": SCHEMA,
        "name": recipe.name,
        "script": recipe.script,
        # Of each class, where pictures were read by the head of their script.
        "heads": None if heads is None else list(heads),
        "seed": recipe.seed,
        "recipe_digest": recipe.digest(),
        "weights": weights,
    }


def about_pictures(recipe: Recipe, pictures: Pictures) -> dict[str, Any]:
    """What metrics.json says of the pictures: which, how many of each class, whose."""
    sources = []
    for name in pictures.sources:
        known = name.partition("/")[0]
        entry = DATASETS.get(known) if known in DATASETS and known != OWN else None
        summary, licence = "pictures of one's own", None
        if entry:
            summary, licence = entry.summary, entry.licence
        sources.append({"dataset": name, "summary": summary, "licence": licence})
    blank = np.count_nonzero(~pictures.split.images.any(axis=(1, 2)))  # of no digit
    blank += sum(one.reason == NO_INK for one in pictures.apart)
    texts = [entry.text for entry in recipe.labels]
    apart = [
        {
            "id": one.id,
            "truth": texts[one.label],
            "reason": one.reason,
            "broken": one.error is not None,
        }
        for one in pictures.apart
    ]
    return {
        "dataset": " + ".join(pictures.sources),
        "part": pictures.part,
        "of_recipe": pictures.of_recipe,
        "pictures": words.kind_of_pictures(pictures.sources),
        "data": {
            "sources": sources,
            "counts": {part: list(counts) for part, counts in pictures.counts.items()},
            "without_ink": int(blank),
            "apart": apart,
            "script_of_labels": pictures.script,
        },
    }


def about_training(known: Mapping[str, Any]) -> dict[str, Any]:
    """What metrics.json says of the training: time, machine, energy, version, contact."""
    seconds, machine = known.get("seconds"), known.get("machine")
    return {
        "seconds": seconds,
        "machine": machine,
        "energy": estimate(seconds, machine),
        "version": known.get("version"),
        "contact": known.get("contact"),
    }
