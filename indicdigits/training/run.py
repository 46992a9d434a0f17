"""A run from recipe to final weights, and loading what a run left behind."""

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
from indicdigits.errors import CheckpointError, RecipeError, UsageError, did_you_mean
from indicdigits.models import create, freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.training import checkpoint
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.step import make_predict, predict_all

FINAL = "final"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A trained network: module in evaluation mode, its recipe, and the checkpoint's manifest."""

    model: nnx.Module
    recipe: Recipe
    info: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything a run starts from, before its first step."""

    recipe: Recipe
    data: Data
    model: nnx.Module
    reset: frozenset[str]


def prepare(recipe: Recipe, root: Path, reporter: Reporter) -> Prepared:
    """Loads the data and the weights to start from, and checks that they fit the recipe.

    Args:
        recipe: The checked recipe.
        root: The recipe's folder, to which its paths are relative.
        reporter: Where progress goes.
    """
    model = create(recipe, seed=recipe.seed)
    reset: set[str] = set()
    if recipe.start.weights != "scratch":
        source = load_weights(recipe.start.weights, root=root)
        if source.info["backbone"] != recipe.model.backbone:
            raise CheckpointError(
                f"holds a {source.info['backbone']!r}",
                where=recipe.start.weights,
                allowed=f"a checkpoint of {recipe.model.backbone!r}, as the recipe says",
            )
        _, fresh = surgery.split(model)
        weights, reset = surgery.transfer(
            fresh, source.weights, head=recipe.start.head, where=recipe.start.weights
        )
        surgery.assign(model, weights)
    data = load_data(recipe, root, reporter)
    return Prepared(recipe=recipe, data=data, model=model, reset=frozenset(reset))


def train(prepared: Prepared, root: Path, runtime: Runtime) -> surgery.Weights:
    """Trains, and leaves the final weights in the run folder.

    Args:
        prepared: From `prepare`.
        root: The recipe's folder, kept for resuming.
        runtime: The run folder and how to go about it.
    """
    recipe, started = prepared.recipe, time.monotonic()
    _open_run(recipe, root, runtime.run)
    weights = fit(recipe, prepared.data, prepared.model, runtime)
    seconds = round(time.monotonic() - started, 1)
    _update_json(runtime.run / "run.json", finished=True, seconds=seconds)
    save_weights(runtime.run / "checkpoints" / FINAL, weights, recipe, seconds=seconds)
    return weights


def save_weights(folder: Path, weights: surgery.Weights, recipe: Recipe, **info: Any) -> Path:
    """Writes weights as a checkpoint that other runs can start from."""
    return checkpoint.save(
        folder,
        {"params": weights.params, "stats": weights.stats},
        {
            "kind": "weights",
            "backbone": recipe.model.backbone,
            "recipe_digest": recipe.digest(),
            "recipe": recipes.resolved_toml(recipe),
            "version": indicdigits.__version__,
            **info,
        },
    )


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """Weights by path, with the manifest of the checkpoint they came from."""

    weights: surgery.Weights
    info: dict[str, Any]


def load_weights(name: str | Path, *, root: Path = Path()) -> LoadedWeights:
    """Reads final weights of a run folder, a checkpoint folder or a shipped backbone.

    Raises:
        CheckpointError: Nothing there, or it is damaged.
    """
    folder = find_weights(name, root=root)
    arrays, info = checkpoint.load(folder)
    if info.get("kind") != "weights":
        arrays = _averages(arrays)
    params = {p.split("|", 1)[1]: a for p, a in arrays.items() if p.startswith("params|")}
    stats = {p.split("|", 1)[1]: a for p, a in arrays.items() if p.startswith("stats|")}
    return LoadedWeights(
        weights=surgery.Weights(params=_on_device(params), stats=_on_device(stats)), info=info
    )


def load_model(name: str | Path) -> LoadedModel:
    """Builds the trained network of a run folder, a checkpoint folder or a shipped backbone.

    Raises:
        CheckpointError: Nothing there, or it is damaged.
    """
    loaded = load_weights(name)
    recipe = _recipe_of(find_weights(name), loaded.info)
    model = create(recipe, seed=0)
    _, fresh = surgery.split(model)
    weights, _ = surgery.transfer(fresh, loaded.weights, head="keep", where=name)
    surgery.assign(model, weights)
    freeze.set_modes(model, None)
    return LoadedModel(model=model, recipe=recipe, info=loaded.info)


def predict(model: nnx.Module, images: np.ndarray, batch_size: int = 512) -> np.ndarray:
    """Probabilities (N, C) float32 of images (N, S, S) uint8, light ink on black."""
    freeze.set_modes(model, None)
    graph, weights = surgery.split(model)
    return predict_all(make_predict(graph), weights, images, batch_size)


def shipped_weights() -> dict[str, Path]:
    """Name -> folder of the backbones that ship with the package."""
    from importlib.resources import files

    folder = Path(str(files("indicdigits.checkpoints")))
    return {p.parent.name: p.parent for p in sorted(folder.glob(f"*/{checkpoint.MANIFEST}"))}


def find_weights(name: str | Path, *, root: Path = Path()) -> Path:
    """The checkpoint folder that a name or path stands for.

    Raises:
        CheckpointError: There is none.
    """
    known = shipped_weights()
    if str(name) in known:
        return known[str(name)]
    for folder in (root / name, Path(name)):
        if (folder / checkpoint.MANIFEST).is_file():
            return folder
        final = folder / "checkpoints" / FINAL
        if final.is_dir():
            return final
        newest = checkpoint.newest(folder)
        if newest:
            return newest
        if folder.is_dir():
            raise CheckpointError(
                "holds no checkpoint that can be read",
                where=folder,
                allowed="a run folder, a checkpoint folder, or a shipped name: " + ", ".join(known),
            )
    raise CheckpointError(
        f"no checkpoint called {str(name)!r}",
        allowed="a run folder, a checkpoint folder, or a shipped name: " + ", ".join(known),
        hint=did_you_mean(str(name), known),
    )


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
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1]) if lines else {}
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
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.toml").write_text(recipes.resolved_toml(recipe), encoding="utf-8")
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


def _update_json(path: Path, **values: Any) -> None:
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(old | values, indent=1), encoding="utf-8")
    temporary.replace(path)


def _averages(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The averaged weights inside a training checkpoint, frozen leaves included."""
    result = {
        f"params|{path.removeprefix('frozen|')}": array
        for path, array in arrays.items()
        if path.startswith("frozen|")
    }
    result |= {
        path.removeprefix("average|"): array
        for path, array in arrays.items()
        if path.startswith("average|")
    }
    return result


def _recipe_of(folder: Path, info: dict[str, Any]) -> Recipe:
    if "recipe" in info:
        return recipes.loads(info["recipe"], source=str(folder / checkpoint.MANIFEST))
    return recipes.load(folder.parent.parent / "recipe.toml", resolved=True)


def _on_device(arrays: dict[str, np.ndarray]) -> surgery.Arrays:
    return {path: jax.numpy.array(array) for path, array in arrays.items()}
