"""A run from recipe to final weights, and what its folder says about it."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.source import Data, load_data
from indicdigits.data.storage import storage_errors, write_whole
from indicdigits.errors import CheckpointError, RecipeError, UsageError
from indicdigits.models import create, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.training import checkpoint
from indicdigits.training.loop import Runtime, fit, read_history
from indicdigits.training.weights import FINAL, load_weights, save_weights


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything a run starts from, before its first step."""

    recipe: Recipe
    data: Data
    model: nnx.Module


def prepare(recipe: Recipe, root: Path, reporter: Reporter) -> Prepared:
    """Loads the data and the weights to start from, and checks that they fit the recipe.

    Args:
        recipe: The checked recipe.
        root: The recipe's folder, to which its paths are relative.
        reporter: Where progress goes.
    """
    model = create(recipe, seed=recipe.seed)
    if recipe.start.weights != "scratch":
        source = load_weights(recipe.start.weights, root=root)
        if source.info["backbone"] != recipe.model.backbone:
            raise CheckpointError(
                f"holds a {source.info['backbone']!r}",
                where=recipe.start.weights,
                allowed=f"a checkpoint of {recipe.model.backbone!r}, as the recipe says",
            )
        _, fresh = surgery.split(model)
        weights = surgery.transfer(
            fresh, source.weights, head=recipe.start.head, where=recipe.start.weights
        )
        surgery.assign(model, weights)
    data = load_data(recipe, root, reporter)
    return Prepared(recipe=recipe, data=data, model=model)


def train(prepared: Prepared, root: Path, runtime: Runtime) -> surgery.Weights:
    """Trains, and leaves the final weights in the run folder.

    Args:
        prepared: From `prepare`.
        root: The recipe's folder, kept for resuming.
        runtime: The run folder and how to go about it.
    """
    recipe, started = prepared.recipe, time.monotonic()
    _open_run(recipe, root, runtime.run)
    before = sum(record["seconds"] for record in read_history(runtime.run))
    weights = fit(recipe, prepared.data, prepared.model, runtime)
    seconds = round(before + time.monotonic() - started, 1)
    _update_json(runtime.run / "run.json", finished=True, seconds=seconds)
    save_weights(runtime.run / "checkpoints" / FINAL, weights, recipe, seconds=seconds)
    return weights


def resume_recipe(run: Path, changes: tuple[str, ...] = ()) -> tuple[Recipe, Path]:
    """The recipe of a run folder and the folder its paths are relative to.

    Args:
        run: The run folder.
        changes: `--set` texts; they must leave the recipe as it is.

    Raises:
        UsageError: No run is there.
        RecipeError: The changes make it another recipe; the differing keys are named.
    """
    path = run / "recipe.toml"
    if not path.is_file():
        raise UsageError("no run to resume here", where=run, hint="ls runs/")
    recipe = recipes.load(path, resolved=True)
    changed = recipes.load(path, changes, resolved=True)
    if changed.digest() != recipe.digest():
        keys = "; ".join(recipes.differences(changed, recipe))
        raise RecipeError(
            f"a run is resumed with its own recipe, but this differs in {keys}",
            where=run,
            hint="leave these out, or start a new run without --resume",
        )
    root = json.loads((run / "run.json").read_text(encoding="utf-8")).get("root", ".")
    return recipe, Path(root)


def is_finished(run: Path) -> bool:
    """Whether a run has its final weights."""
    return (run / "checkpoints" / FINAL / checkpoint.MANIFEST).is_file()


def summary(run: Path) -> dict[str, Any]:
    """What a finished run has to say: seconds, seed, digest, and its last record."""
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    history = read_history(run)
    last = history[-1] if history else {}
    return (
        {key: about.get(key) for key in ("seed", "digest")} | last | {"seconds": about["seconds"]}
    )


def memory_estimate(prepared: Prepared) -> int:
    """Bytes that weights, optimizer, average and one batch's activations take, roughly."""
    _, weights = surgery.split(prepared.model)
    size = sum(array.nbytes for array in weights.params.values())
    batch = prepared.recipe.training.batch_size
    graph_input = np.zeros((batch, *prepared.data.train.images.shape[1:], 1), np.float32)
    analysis = jax.jit(lambda x: prepared.model(x)).lower(graph_input).compile().memory_analysis()
    activations = getattr(analysis, "temp_size_in_bytes", 0)
    return 4 * size + 3 * activations


def _open_run(recipe: Recipe, root: Path, run: Path) -> None:
    """Makes the folder; `recipe.toml`, by which a run is known, comes last."""
    with storage_errors(run):
        run.mkdir(parents=True, exist_ok=True)
    if not (run / "run.json").exists():
        _update_json(
            run / "run.json",
            root=str(root.resolve()),
            command=" ".join(sys.argv),
            digest=recipe.digest(),
            seed=recipe.seed,
            versions={
                "indicdigits": indicdigits.__version__,
                "python": platform.python_version(),
                "jax": jax.__version__,
            },
            machine=f"{platform.machine()}, {os.cpu_count()} cores, {jax.default_backend()}",
            finished=False,
        )
    if not (run / "recipe.toml").exists():
        write_whole(run / "recipe.toml", recipes.resolved_toml(recipe))


def _update_json(path: Path, **values: Any) -> None:
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_whole(path, json.dumps(old | values, indent=1))
