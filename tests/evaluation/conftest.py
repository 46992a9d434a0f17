"""Ten digits, two hundred test pictures, and a handful of mistakes that are known by heart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from indicdigits.evaluation.metrics import evaluate_predictions, score
from indicdigits.evaluation.report import Evaluation, describe
from indicdigits.recipe import Data, Phase, Recipe, Rule, Source, Start

# index of the picture -> the wrong answer it gets, and with which probability
MISTAKES = {1: (9, 0.9), 11: (9, 0.99999), 30: (8, 0.6)}
LEAKED = (1, 5, 6)

Make = Callable[..., Evaluation]


def recipe_of(script: str = "devanagari", dataset: str = "cmaterdb/devanagari") -> Recipe:
    """A fine-tuning recipe that was never run."""
    rules = (Rule(prefix="stem", frozen=True), Rule(prefix=""))
    return Recipe(
        name=script,
        task="finetune",
        script=script,
        seed=3,
        data=Data(sources=(Source(dataset=dataset),)),
        start=Start(weights="mnist-cnn"),
        phases=(Phase(name="finetune", epochs=30, learning_rate=1e-3, rules=rules),),
    )


@pytest.fixture
def make() -> Make:
    """Makes an evaluation of `n` pictures, by default with three mistakes and three leaks."""

    def evaluation(
        recipe: Recipe | None = None,
        n: int = 200,
        mistakes: dict[int, tuple[int, float]] = MISTAKES,
        leaked: tuple[int, ...] = LEAKED,
        history: tuple[dict[str, Any], ...] = (),
    ) -> Evaluation:
        recipe = recipe or recipe_of()
        count = len(recipe.labels)
        labels = np.arange(n) % count
        probabilities = np.eye(count)[labels]
        for index, (answer, probability) in mistakes.items():
            probabilities[index] = 0
            probabilities[index, labels[index]] = 1 - probability
            probabilities[index, answer] = probability
        figures = evaluate_predictions(
            probabilities, labels, recipe.labels, np.isin(np.arange(n), leaked)
        )
        validation = score(np.arange(50) > 0) | {"trained_on": False}
        info = {"kind": "weights", "seconds": 41.0, "version": "0.1.0"}
        images = np.random.default_rng(0).integers(0, 256, (n, 28, 28)).astype(np.uint8)
        return Evaluation(
            metrics=describe(recipe, info) | figures | {"validation": validation},
            images=images,
            history=history,
            about=info,
        )

    return evaluation
