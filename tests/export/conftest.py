"""The default backbone with random weights, and a test split of bars."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits import recipe as recipes
from indicdigits.data.source import Split
from indicdigits.evaluation.measure import measure
from indicdigits.evaluation.pictures import Pictures
from indicdigits.evaluation.subject import Subject
from indicdigits.export.contents import Contents
from indicdigits.export.onnx import to_onnx
from indicdigits.models import create, freeze
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.training.weights import predict

RECIPE = """
name = "bars"
task = "finetune"
script = "devanagari"

[data]
sources = [{ dataset = "cmaterdb/devanagari" }]

[[phases]]
name = "only"
epochs = 1
learning_rate = 1e-3
"""


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A small recipe for Devanagari."""
    path = tmp_path_factory.mktemp("recipe") / "bars.toml"
    path.write_text(RECIPE)
    return recipes.load(path)


@pytest.fixture(scope="session")
def model(recipe: Recipe) -> nnx.Module:
    """The backbone with batch statistics that are not the initial ones."""
    model = create(recipe, seed=1)
    rng = np.random.default_rng(1)
    for _, module in nnx.iter_modules(model):
        if isinstance(module, nnx.BatchNorm):
            shape = module.mean.shape
            module.mean[...] = jnp.asarray(rng.normal(0, 0.1, shape), jnp.float32)
            module.var[...] = jnp.asarray(rng.uniform(0.5, 2, shape), jnp.float32)
    freeze.set_modes(model, None)
    return model


@pytest.fixture(scope="session")
def graph(model: nnx.Module, recipe: Recipe) -> bytes:
    """The backbone as an ONNX graph."""
    return to_onnx(model, 28, recipe.labels, script=recipe.script)


@pytest.fixture(scope="session")
def test_split() -> Split:
    """Forty bars at ten angles."""
    images = np.zeros((40, 28, 28), np.uint8)
    rows, columns = np.mgrid[-14:14, -14:14]
    for index in range(40):
        angle = np.pi * (index % 10) / 10
        distance = np.abs(rows * np.cos(angle) - columns * np.sin(angle))
        images[index] = 255 * ((distance < 2) & (rows**2 + columns**2 < (90 + index)))
    labels = np.arange(40) % 10
    keys = np.array([f"{index:032x}" for index in range(40)], "S32")
    return Split(images=images, labels=labels, keys=keys, groups={}, name="bars")


@pytest.fixture(scope="session")
def source(
    model: nnx.Module, recipe: Recipe, test_split: Split, tmp_path_factory: pytest.TempPathFactory
) -> Contents:
    """What `gather` would collect from a run of the backbone."""
    subject = Subject(
        name=recipe.name,
        source=Path(),
        recipe=recipe,
        root=Path(),
        weights="averaged, final",
        answers=lambda split: predict(model, split.images),
        training={"version": "0.1.0", "seconds": 1.0},
    )
    counts = {"test": [4] * 10}
    pictures = Pictures(
        split=test_split,
        part="test",
        sources=("cmaterdb/devanagari",),
        of_recipe=True,
        seen=np.zeros(0, "S32"),
        counts=counts,
        validation=test_split.take(np.zeros(0, int)),
    )
    folder: Path = tmp_path_factory.mktemp("run")
    return Contents(
        model=model,
        recipe=recipe,
        metrics=measure(subject, pictures, Reporter(quiet=True)).metrics,
        root=folder,
        test=test_split,
        held_out=test_split.take(np.arange(20)),
        folder=folder,
    )
