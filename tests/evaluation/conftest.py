"""Ten digits, two hundred test pictures, and a handful of mistakes that are known by heart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from indicdigits.data.parts import Split
from indicdigits.evaluation.about import about_pictures, about_training, describe
from indicdigits.evaluation.groups import groups
from indicdigits.evaluation.measure import Evaluation
from indicdigits.evaluation.metrics import evaluate_predictions, score
from indicdigits.evaluation.picture_set import Pictures
from indicdigits.recipe import Data, Phase, Recipe, Rule, Source, Start

# index of the picture -> the wrong answer it gets, and with which probability
MISTAKES = {1: (9, 0.9), 11: (9, 0.99999), 30: (8, 0.6)}
LEAKED = (1, 5, 6)

INFO = {"seconds": 41.0, "machine": "x86_64, 2 cores, cpu", "version": "0.1.0"}

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
        leaked: tuple[int, ...] | None = LEAKED,
        history: tuple[dict[str, Any], ...] = (),
        info: dict[str, Any] = INFO,
        **further: Any,
    ) -> Evaluation:
        recipe = recipe or recipe_of()
        count = len(recipe.labels)
        labels = np.arange(n) % count
        probabilities = np.eye(count)[labels]
        for index, (answer, probability) in mistakes.items():
            probabilities[index] = 0
            probabilities[index, labels[index]] = 1 - probability
            probabilities[index, answer] = probability
        seen = None if leaked is None else np.isin(np.arange(n), leaked)
        figures = evaluate_predictions(probabilities, labels, recipe.labels, seen)
        ids = [f"test/{index:05d}" for index in range(n)]
        for mistake in figures["mistakes"]:
            mistake["id"] = ids[mistake["index"]]
        images = np.random.default_rng(0).integers(0, 256, (n, 28, 28)).astype(np.uint8)
        split = Split(images=images, labels=labels, keys=np.array(ids, "S32"))
        pictures = Pictures(
            split=split,
            part="test",
            sources=tuple(source.dataset for source in recipe.data.sources),
            of_recipe=True,
            seen=None,
            counts={"train": [50] * count, "test": np.bincount(labels, minlength=count).tolist()},
        )
        return Evaluation(
            metrics={
                **describe(recipe, "averaged, final"),
                **figures,
                **about_pictures(recipe, pictures),
                "training": about_training(info),
                "validation": score(np.arange(50) > 0) | {"trained_on": False},
                "sets": [],
                **dict.fromkeys(("calibration", "reject", "robustness", "groups")),
                **further,
            },
            recipe=recipe,
            images=images,
            ids=ids,
            labels=labels,
            probabilities=probabilities,
            history=history,
        )

    return evaluation


def bins(lift: float) -> list[dict[str, float]]:
    """Three bins of a reliability diagram, as far above the diagonal as `lift`."""
    return [
        {"low": low, "high": low + 0.2, "n": n, "confidence": low + 0.1, "accuracy": accuracy}
        for low, n, accuracy in (
            (0.4, 4, 0.5 + lift),
            (0.6, 16, 0.6875 + lift),
            (0.8, 180, 0.9 + lift / 2),
        )
    ]


@pytest.fixture
def everything() -> dict[str, Any]:
    """The sections that other modules measure, as they write them."""
    writers = np.array(["anil", "bina", "chitra", ""])[np.arange(200) % 4]
    strengths = [
        {"strength": s / 4, "n": 200, "errors": 4 * s, "accuracy": 1 - s / 50} for s in (1, 3)
    ]
    return {
        "calibration": {
            "temperature": 1.31,
            "fitted_on": "out-of-fold predictions of the training part",
            "ece": 0.0041,
            "ece_interval": [0.002, 0.0093],
            "ece_if_perfect": {"mean": 0.0038, "high": 0.0071},
            "nll": 0.0312,
            "uncalibrated": {"ece": 0.0083, "nll": 0.0388},
            "reliability": {"before": bins(-0.1), "after": bins(0.0)},
        },
        "reject": {
            "threshold": 0.912,
            "coverage": 0.984,
            "errors": 1,
            "risk": 1 / 197,
            "points": [
                {"error_rate": 0.01, "threshold": 0.61, "coverage": 0.995, "errors": 2}
                | {"risk": 2 / 199},
                {"error_rate": 0.0, "threshold": 0.912, "coverage": 0.985, "errors": 1}
                | {"risk": 1 / 197},
            ],
            "curve": {"coverage": [0.9, 0.95, 0.99, 1.0], "risk": [0.0, 0.003, 0.008, 0.015]},
        },
        "groups": groups({"writer": writers}, np.arange(200) % 40 > 0),
        "robustness": {
            "n": 200,
            "seed": 0,
            "clean": {"n": 200, "errors": 3, "accuracy": 0.985, "interval": [0.957, 0.995]},
            "rows": [
                {
                    "effect": effect,
                    "of": family,
                    "trained_with": effect == "shear",
                    "strengths": strengths,
                    "prepared": None,
                }
                for effect, family in {"shear": "MNIST-C", "stamp": "paper and scanner"}.items()
            ],
            "mean_mnist_c": 0.98,
            "mean_never_trained": 0.975,
        },
    }
