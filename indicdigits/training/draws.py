"""The same training on other labels again and again: what so few labels are worth, and how surely.

Every draw is a run of its own in a folder of its own, with another seed: it decides which pictures
of each class are the shots, the fresh weights, the order and the augmentation. Finished draws are
not repeated, an interrupted one goes on.
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indicdigits.data.storage import write_whole
from indicdigits.errors import UsageError
from indicdigits.recipe import Recipe
from indicdigits.registry import DATASETS
from indicdigits.training import run as runs
from indicdigits.training import weights
from indicdigits.training.loop import Runtime

RECORD = "draws.json"
FEWEST_STEPS = 240  # chosen on validation parts with ten labels a class (docs/transfer.md)


def few(recipe: Recipe, shots: int) -> list[str]:
    """What else a recipe needs to train on so few labels and nothing beside, as `--set` texts.

    An epoch of few pictures has few steps: there are more epochs, and nothing is held out.
    """
    drawn = [DATASETS.get(s.dataset.partition("/")[0]).drawn for s in recipe.data.sources]
    changes = [f"data.shots={shots}"]
    if any(drawn) or not shots:
        return changes
    pictures = shots * len(recipe.labels)
    steps = max(1, round(pictures / min(recipe.training.batch_size, pictures)))
    done = steps * sum(phase.epochs for phase in recipe.phases)
    factor = math.ceil(FEWEST_STEPS / done) if done else 1
    if factor > 1:
        changes += [
            f"phases.{phase.name}.epochs={factor * phase.epochs}" for phase in recipe.phases
        ]
    if not any(phase.needs_validation for phase in recipe.phases):
        changes += ["data.validation_fraction=0.0", "data.train_on=train"]
    return changes


def draw_all(recipe: Recipe, root: Path, folder: Path, draws: int, runtime: Runtime) -> Any:
    """Trains and tests every draw.

    Args:
        recipe: With its shots; its seeds are those of draw 0, counted up.
        root: The folder that the recipe's relative paths start from.
        folder: Where the runs and their record are kept.
        draws: How many.
        runtime: How to train; its run folder is replaced.

    Returns:
        The record: the draws, and their mean, spread and range.

    Raises:
        UsageError: Draws of another recipe are kept in that folder.
    """
    path = folder / RECORD
    record: dict[str, Any] = {"digest": recipe.digest(), "shots": recipe.data.shots, "draws": []}
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["digest"] != record["digest"]:
            raise UsageError(
                "holds draws of another recipe", where=folder, hint="name another folder: --out"
            )
        record = kept
    for number in range(len(record["draws"]), draws):
        seeds = dataclasses.replace(recipe.data, seed=recipe.data.seed + number)
        drawn = dataclasses.replace(recipe, seed=recipe.seed + number, data=seeds)
        run = folder / f"draw-{number:02d}"
        runtime.reporter.say(f"draw {number + 1} of {draws}, seed {drawn.seed}: {run}")
        record["draws"].append(_one(drawn, root, dataclasses.replace(runtime, run=run)))
        write_whole(path, json.dumps(record, indent=1))
    record["draws"] = record["draws"][:draws]
    return record | summarise([draw["accuracy"] for draw in record["draws"]])


def _one(recipe: Recipe, root: Path, runtime: Runtime) -> dict[str, Any]:
    prepared = runs.prepare(recipe, root, runtime.reporter)
    if not runs.is_finished(runtime.run):
        runs.train(prepared, root, runtime)
    test = prepared.data.test
    wrong = weights.answers(weights.load_model(runtime.run), test).argmax(1) != test.labels
    return {
        "seed": recipe.seed,
        "run": str(runtime.run),
        "n": len(test),
        "errors": int(wrong.sum()),
        "accuracy": float(1 - wrong.mean()),
        "sets": {
            str(name): float(1 - wrong[test.groups["dataset"] == name].mean())
            for name in np.unique(test.groups["dataset"])
        },
    }


def summarise(accuracies: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation (of the sample), lowest and highest."""
    return {
        "mean": statistics.mean(accuracies),
        "deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        "lowest": min(accuracies),
        "highest": max(accuracies),
    }
