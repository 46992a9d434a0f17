"""A run from recipe to final weights, and what its folder says about it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.source import Data, Split, load_data
from indicdigits.data.storage import RUN_HINT, storage_errors, write_whole
from indicdigits.errors import CheckpointError, DataError, RecipeError, UsageError
from indicdigits.models import create, freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.recipe.heads import count_heads
from indicdigits.training import checkpoint, processes, prototype
from indicdigits.training.distill import Teachers, load_teachers
from indicdigits.training.history import read_history
from indicdigits.training.lock import locked
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.weights import FINAL, load_weights, save_weights


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything a run starts from, before its first step."""

    recipe: Recipe
    data: Data
    model: nnx.Module
    teachers: Teachers = field(default_factory=Teachers)


def prepare(recipe: Recipe, root: Path, reporter: Reporter, data: Data | None = None) -> Prepared:
    """Loads the data and the weights to start from, and checks that they fit the recipe.

    Args:
        recipe: The checked recipe.
        root: The recipe's folder, to which its paths are relative.
        reporter: Where progress goes.
        data: What to train on; the recipe's data by default.
    """
    model = create(recipe, seed=recipe.seed)
    if recipe.start.weights != "scratch":
        source = load_weights(recipe.start.weights, root=root)
        if source.info["backbone"] != recipe.model.backbone:
            raise CheckpointError(
                f"holds a {source.info['backbone']!r}",
                where=recipe.start.weights,
                allowed=f"a checkpoint of {recipe.model.backbone!r}, as the recipe says",
                hint=f"--set model.backbone={source.info['backbone']} and a strategy for it",
            )
        _, fresh = surgery.split(model)
        weights = surgery.transfer(
            fresh, source.weights, head=recipe.start.head, where=recipe.start.weights
        )
        surgery.assign(model, weights)
    teachers = load_teachers(recipe, root)
    data = load_data(recipe, root, reporter) if data is None else data
    if not len(data.validation):
        _refuse_blind_phases(recipe)
    if recipe.start.head == "prototype":
        prototype.set_head(model, data.train, len(recipe.labels), trained=bool(recipe.phases))
    return Prepared(recipe=recipe, data=data, model=model, teachers=teachers)


def _refuse_blind_phases(recipe: Recipe) -> None:
    for phase in recipe.phases:
        if phase.needs_validation:
            raise DataError(
                f"phase {phase.name!r} looks at the validation part, and no picture is in it",
                hint="take more pictures, or a larger data.validation_fraction",
            )


def train(prepared: Prepared, root: Path, runtime: Runtime) -> surgery.Weights:
    """Trains, and leaves the final weights in the run folder.

    Args:
        prepared: From `prepare`.
        root: The recipe's folder, kept for resuming.
        runtime: The run folder and how to go about it.

    Raises:
        RecipeError: The run in that folder was begun with another recipe.
        DataError: It was begun with other pictures.
        UsageError: Another process trains in it; or the devices do not divide the batch.
    """
    if processes.is_first():
        with locked(runtime.run):
            return _train(prepared, root, runtime)
    processes.barrier("the run folder is open")
    about = _read_json(processes.seen(runtime.run / "run.json"))
    _check_unchanged(about, prepared.recipe, pictures_digest(prepared.data.train), runtime.run)
    return fit(prepared.recipe, prepared.data, prepared.model, runtime, prepared.teachers)


def _train(prepared: Prepared, root: Path, runtime: Runtime) -> surgery.Weights:
    recipe, started = prepared.recipe, time.monotonic()
    _open_run(prepared, root, runtime.run)
    processes.barrier("the run folder is open")
    # A report about weights on the way says nothing about the final ones.
    shutil.rmtree(runtime.run / "report", ignore_errors=True)
    before = sum(record["seconds"] for record in read_history(runtime.run))
    weights = fit(recipe, prepared.data, prepared.model, runtime, prepared.teachers)
    seconds = round(before + time.monotonic() - started, 1)
    about = _read_json(runtime.run / "run.json") | {"finished": True, "seconds": seconds}
    write_whole(runtime.run / "run.json", json.dumps(about, indent=1))
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
    about = _read_json(run / "run.json")
    if (run / "draws.json").is_file():
        raise UsageError(
            "holds several draws", where=run, hint="the command that began them goes on with them"
        )
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
    return recipe, Path(about.get("root", "."))


def check_data(run: Path, recipe: Recipe, data: Data) -> None:
    """Refuses data that are not what the run in that folder was trained on.

    Raises:
        RecipeError: The run is of another recipe.
        DataError: It was begun with other pictures.
    """
    _check_unchanged(_read_json(run / "run.json"), recipe, pictures_digest(data.train), run)


def is_finished(run: Path) -> bool:
    """Whether a run has its final weights; damaged ones are none, and resuming makes them anew."""
    try:
        checkpoint.verify(run / "checkpoints" / FINAL)
    except CheckpointError:
        return False
    return True


def summary(run: Path) -> dict[str, Any]:
    """What a finished run says: seconds, those spent waiting for pictures, seed, last record."""
    about, history = _read_json(run / "run.json"), read_history(run)
    last = history[-1] if history else {}
    recipe = recipes.load(run / "recipe.toml", resolved=True)
    chance = count_heads(recipe) / len(recipe.labels)
    return (
        {key: about.get(key) for key in ("seed", "digest")}
        | last
        | {
            "trained_on_validation": recipe.data.train_on != "train",
            "shots": recipe.data.shots,
            "seconds": about.get("seconds", 0.0),
            # Hardly better than guessing: the weights went astray.
            "at_chance": last.get("train_accuracy", 1.0) < 0.05 + 0.95 * chance,
            "waited": round(sum(record.get("waited", 0.0) for record in history), 3),
        }
    )


def memory_estimate(prepared: Prepared) -> int:
    """Bytes that weights, optimizer, average and one batch's activations take, roughly."""
    _, weights = surgery.split(prepared.model)
    size = sum(array.nbytes for array in weights.params.values())
    batch = prepared.recipe.training.batch_size
    graph_input = np.zeros((batch, *prepared.data.train.images.shape[1:], 1), np.float32)
    freeze.set_modes(prepared.model, None)  # in training mode it would change while it is traced
    analysis = jax.jit(lambda x: prepared.model(x)).lower(graph_input).compile().memory_analysis()
    activations = getattr(analysis, "temp_size_in_bytes", 0)
    return 4 * size + 3 * activations


def _open_run(prepared: Prepared, root: Path, run: Path) -> None:
    """Makes the folder; `recipe.toml`, by which a run is known, comes last."""
    recipe, pictures = prepared.recipe, pictures_digest(prepared.data.train)
    with storage_errors(run, RUN_HINT):
        run.mkdir(parents=True, exist_ok=True)
    for leftover in run.glob(".*.partial"):  # of a killed process
        leftover.unlink(missing_ok=True)
    if (run / "recipe.toml").exists():
        return _check_unchanged(_read_json(run / "run.json"), recipe, pictures, run)
    about = {
        "root": str(root.resolve()),
        "command": " ".join(sys.argv),
        "digest": recipe.digest(),
        "pictures": pictures,
        "seed": recipe.seed,
        "versions": {
            "indicdigits": indicdigits.__version__,
            "python": platform.python_version(),
            "jax": jax.__version__,
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {jax.default_backend()}",
        "finished": False,
    }
    write_whole(run / "run.json", json.dumps(about, indent=1))
    write_whole(run / "recipe.toml", recipes.resolved_toml(recipe))
    return None


def _check_unchanged(about: dict[str, Any], recipe: Recipe, pictures: str, run: Path) -> None:
    hint = "put it back as it was, or start a new run"
    if about.get("digest", recipe.digest()) != recipe.digest():
        raise RecipeError("is not the recipe the run began with", where=run, hint=hint)
    if about.get("pictures", pictures) != pictures:
        names = ", ".join(source.dataset for source in recipe.data.sources)
        raise DataError(f"{names} is not what it was when the run began", where=run, hint=hint)


def pictures_digest(pictures: Split) -> str:
    """Changes with the training pictures, their labels and their order."""
    digest = hashlib.sha256(pictures.keys.tobytes())
    digest.update(np.asarray(pictures.labels, np.int64).tobytes())
    return digest.hexdigest()[:32]


def _read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none, or no readable one."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}
