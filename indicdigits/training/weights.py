"""Weights on disk: saving them, finding them by name or path, loading them as a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.parts import Split
from indicdigits.errors import CheckpointError, did_you_mean
from indicdigits.models import create, freeze, surgery
from indicdigits.recipe import Recipe
from indicdigits.recipe.heads import heads_of
from indicdigits.registry import BACKBONES
from indicdigits.registry.shipped import shipped_weights
from indicdigits.training import checkpoint
from indicdigits.training.heads import Heads, told_head
from indicdigits.training.prediction import make_predict, predict_all

FINAL = "final"  # the checkpoint of a run's final weights


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A trained network: module in evaluation mode, its recipe, and the checkpoint's manifest."""

    model: nnx.Module
    recipe: Recipe
    info: dict[str, Any]


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


def load_model(name: str | Path, *, root: Path = Path()) -> LoadedModel:
    """Builds the trained network of a run folder, a checkpoint folder or a shipped backbone.

    Raises:
        CheckpointError: Nothing there, or it is damaged.
    """
    loaded = load_weights(name, root=root)
    recipe = _recipe_of(find_weights(name, root=root), loaded.info)
    model = create(recipe, seed=0)
    _, fresh = surgery.split(model)
    weights = surgery.transfer(fresh, loaded.weights, head="keep", where=name)
    surgery.assign(model, weights)
    freeze.set_modes(model, None)
    return LoadedModel(model=model, recipe=recipe, info=loaded.info)


def predict(
    model: nnx.Module, images: np.ndarray, batch_size: int = 512, *, heads: Heads = None
) -> np.ndarray:
    """Probabilities (N, C) float32 of images (N, S, S) uint8, light ink on black.

    With several heads, those of each sum to one.
    """
    return predictor(model, batch_size, heads=heads)(images)


def predictor(
    model: nnx.Module, batch_size: int = 512, *, heads: Heads = None
) -> Callable[[np.ndarray], np.ndarray]:
    """`predict` for a model that is asked more than once: compiled once."""
    freeze.set_modes(model, None)
    graph, weights = surgery.split(model)
    step = make_predict(graph, heads=heads)
    return lambda images: predict_all(step, weights, images, batch_size)


def answers(loaded: LoadedModel, pictures: Split) -> np.ndarray:
    """Probabilities (N, C) float32 of labelled pictures, to be scored.

    A network with a head for each script is told which script each picture is of.
    """
    return answerer(loaded)(pictures)


def answerer(loaded: LoadedModel) -> Callable[[Split], np.ndarray]:
    """`answers` for a network that is asked more than once: compiled once."""
    heads = heads_of(loaded.recipe)
    ask = predictor(loaded.model, heads=heads)
    return lambda pictures: told_head(ask(pictures.images), pictures.labels, heads)


def find_weights(name: str | Path, *, root: Path = Path()) -> Path:
    """The checkpoint folder that a name or path stands for.

    Raises:
        CheckpointError: There is none.
    """
    known = shipped_weights()
    if str(name) in known:
        return known[str(name)]
    for folder in (root / name, Path(name), Path("runs") / name):
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
        hint=_how_to_make(str(name)) or did_you_mean(str(name), [*known, *_runs()]),
    )


def _runs() -> list[str]:
    """The run folders that stand where runs are put."""
    return [str(folder) for folder in Path("runs").glob("*/") if (folder / "run.json").is_file()]


def _how_to_make(name: str) -> str | None:
    """The command that makes the weights of a backbone that does not ship."""
    data, _, backbone = name.partition("-")
    if backbone not in BACKBONES or f"pretrain/{name}" not in recipes.shipped():
        return None
    return f"indicdigits pretrain {data} --backbone {backbone}, which writes runs/{name}"


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
