"""The default backbone with random weights, and a test split of bars."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits import recipe as recipes
from indicdigits.data.source import Split
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import parse
from indicdigits.evaluation.measure import measure
from indicdigits.evaluation.picture_set import Pictures
from indicdigits.evaluation.subject import Subject
from indicdigits.export import verify
from indicdigits.export.contents import Contents
from indicdigits.export.onnx import to_onnx
from indicdigits.export.source import Source
from indicdigits.imaging.normalise import normalise
from indicdigits.models import create, freeze
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.container import sha256
from indicdigits.runtime.shipped import find
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


@pytest.fixture(scope="session")
def ready(source: Contents, graph: bytes) -> Source:
    """The backbone with its graph, as every format is made from it."""
    parity = verify.compare(
        verify.onnx_run(graph), source.predict, source.test.images, digest=sha256(graph)
    )
    return Source(
        bundle=source.bundle(graph, parity),
        recipe=source.recipe,
        root=source.root,
        test=source.test,
        held_out=source.held_out,
        predict=source.predict,
        network=source.model,
        folder=source.folder,
    )


@pytest.fixture(scope="session")
def small() -> bundles.Bundle:
    """A trained reader of 93 kB."""
    return bundles.read(find("tamil-nano"))


@pytest.fixture(scope="session")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Tamil digits, and which they are: 20 of each."""
    recipe = recipes.load(recipes.find("scripts/tamil"))
    texts = [entry.text for entry in recipe.labels if entry.value is not None]
    drawer = Drawer(parse(recipe.strokes, texts))
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    writer = drawer.writer(rng)
    pictures = [normalise(drawer.draw(texts[label], writer, rng), 28) for label in labels]
    return np.stack(pictures), labels


@pytest.fixture(scope="session")
def trained(small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray]) -> Source:
    """That reader as a source: a bundle without its network."""
    images, labels = drawn
    keys = np.zeros(len(labels), "S32")
    test = Split(images=images, labels=labels, keys=keys, name="drawn")
    return Source(
        bundle=small,
        recipe=recipes.load(recipes.find("scripts/tamil")),
        root=Path(),
        test=test,
        held_out=test,
        predict=verify.onnx_run(small.graph),
        network=None,
        folder=Path(),
    )
