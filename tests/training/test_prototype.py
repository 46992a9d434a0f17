"""A head of class means: what it answers, how sure it is, and what a run makes of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.data.source import Data, Split
from indicdigits.models import create, freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe, Start
from indicdigits.registry import BACKBONES
from indicdigits.training import prototype
from indicdigits.training import run as runs
from indicdigits.training.draws import few
from indicdigits.training.loop import Runtime

QUIET = Reporter(quiet=True)
DENSE = [name for name in BACKBONES if BACKBONES.get(name).ends_dense]
HEAD = ("head/dense/kernel", "head/dense/bias")


def squared_distances(
    features: np.ndarray, labels: np.ndarray, questions: np.ndarray
) -> np.ndarray:
    """The reference: (N, C) squared distances of `questions` (N, F) to the mean of each class."""
    result = np.zeros((len(questions), labels.max() + 1))
    for row, question in enumerate(questions):
        for label in range(result.shape[1]):
            mean = features[labels == label].mean(axis=0)
            result[row, label] = ((question - mean) ** 2).sum()
    return result


def shares(labels: np.ndarray) -> np.ndarray:
    counts = np.eye(labels.max() + 1)[labels]
    return counts / counts.sum(0)


def loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean negative log-likelihood."""
    shifted = logits - logits.max(1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(1))
    return float((log_sum - shifted[np.arange(len(labels)), labels]).mean())


def blobs(
    count: int, seed: int, *, classes: int = 5, features: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, F), within a class as unalike as those of networks, and labels (N,)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    middles = np.random.default_rng(0).normal(3, 1, (classes, features))
    widths = np.geomspace(2, 0.05, features)
    return middles[labels] + widths * rng.normal(0, 1, (count, features)), labels


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("shots", [1, 2, 7])
def test_logits_order_classes_by_distance(shots: int, trained: bool) -> None:
    """Logits are -s/2 times the squared distances to the means, but for the same for all."""
    features, labels = blobs(5 * shots, 1)
    kernel, bias = prototype.nearest_mean(features, shares(labels), trained=trained)
    questions, _ = blobs(50, 2)
    logits = questions @ kernel + bias
    distances = squared_distances(features, labels, questions)
    np.testing.assert_array_equal(np.argsort(-logits), np.argsort(distances))
    ratio = -np.diff(logits, axis=1) / np.diff(distances, axis=1)
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
    assert ratio[0, 0] > 0


def test_without_training_it_is_about_as_sure_as_it_may_be() -> None:
    """Neither a quarter nor four times the scale fits pictures it has not seen any better."""
    questions, truth = blobs(500, 3)
    for shots in (1, 2, 5, 50):
        features, labels = blobs(5 * shots, 4)
        kernel, bias = prototype.nearest_mean(features, shares(labels), trained=False)
        logits = questions @ kernel + bias
        assert loss(logits, truth) < min(loss(logits / 4, truth), loss(4 * logits, truth)), shots


def test_where_training_goes_on_there_is_something_to_learn() -> None:
    """The logit of a class mean is 1 above the others on average, however near its pictures are."""
    features, labels = blobs(5, 1)
    kernel, bias = prototype.nearest_mean(features, shares(labels), trained=True)
    logits = features @ kernel + bias
    gaps = np.diagonal(logits)[:, None] - logits
    assert gaps[~np.eye(5, dtype=bool)].mean() == pytest.approx(1)


def test_pictures_that_look_alike_give_a_head_that_cannot_tell() -> None:
    """Without any spread there is nothing to scale by: equal logits, and no NaN."""
    labels = np.arange(6) % 3
    for value in (0.0, 0.1):
        for trained in (False, True):
            features = np.full((6, 4), value)
            kernel, bias = prototype.nearest_mean(features, shares(labels), trained=trained)
            logits = features @ kernel + bias
            np.testing.assert_allclose(logits, logits[:, :1].repeat(3, 1))


@pytest.fixture
def recipe(tiny_recipe: Recipe, bars_data: Data, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe on bars that trains nothing."""
    monkeypatch.setattr(runs, "load_data", lambda recipe, root, reporter: bars_data)
    return dataclasses.replace(
        tiny_recipe,
        model=recipes.Model(backbone="lenet5"),
        start=Start(head="prototype"),
        phases=(),
    )


def logits_of(model: Any, split: Split) -> np.ndarray:
    freeze.set_modes(model, None)
    return np.asarray(jax.jit(lambda x: model(x))(split.images[..., None] / np.float32(255)))


@pytest.mark.parametrize("backbone", DENSE)
def test_every_backbone(backbone: str, recipe: Recipe, bars_data: Data) -> None:
    """The network reads by the nearest mean of what its dense layer sees, with one label too."""
    recipe = dataclasses.replace(recipe, model=recipes.Model(backbone=backbone))
    model, test = create(recipe, seed=recipe.seed), bars_data.test
    before = surgery.split(model)[1].params
    pictures = prototype.features_of(model, bars_data.train.images)
    questions = prototype.features_of(model, test.images)
    for shots in (1, 12):
        train = bars_data.train.take(np.arange(10 * shots))
        prototype.set_head(model, train, 10, trained=False)
        distances = squared_distances(pictures[: len(train)], train.labels, questions)
        logits = logits_of(model, test)
        ratio = -np.diff(logits, axis=1) / np.diff(distances, axis=1)
        np.testing.assert_allclose(ratio, np.median(ratio), rtol=0.05)
        sure = np.diff(np.sort(distances)[:, :2])[:, 0] > 1e-4 * distances.max()
        np.testing.assert_array_equal(logits.argmax(1)[sure], distances.argmin(1)[sure])
    after = surgery.split(model)[1].params
    for path in before.keys() - set(HEAD):
        np.testing.assert_array_equal(before[path], after[path])


def test_pictures_count_as_often_as_they_stand(recipe: Recipe, bars_data: Data) -> None:
    """Repeated by a source's weight, they pull the mean; all repeated alike change nothing."""
    model = create(recipe, seed=0)

    def head(rows: np.ndarray) -> np.ndarray:
        prototype.set_head(model, bars_data.train.take(rows), 10, trained=False)
        return np.array(surgery.split(model)[1].params["head/dense/kernel"])

    rows = np.arange(20)
    np.testing.assert_allclose(head(np.tile(rows, 3)), head(rows), rtol=1e-4, atol=1e-5)
    seen = prototype.features_of(model, bars_data.train.images[rows]).reshape(2, 10, -1)
    pulled = head(np.concatenate([rows, rows[:10], rows[:10]]))
    means = (0.75 * seen[0] + 0.25 * seen[1]).T
    scale = (pulled * means).sum() / np.square(means).sum()
    np.testing.assert_allclose(pulled, scale * means, rtol=1e-3, atol=1e-3 * scale)


def trained(recipe: Recipe, run: Path) -> surgery.Weights:
    prepared = runs.prepare(recipe, run.parent, QUIET)
    return runs.train(prepared, run.parent, Runtime(run=run, reporter=QUIET))


def test_a_run_that_trains_nothing_is_a_run(recipe: Recipe, tmp_path: Path) -> None:
    """Its final weights are the prepared ones; resumed, damaged or whole, it gives them again."""
    prepared = surgery.split(runs.prepare(recipe, tmp_path, QUIET).model)[1]
    trained(recipe, run := tmp_path / "run")
    manifest = run / "checkpoints" / "final" / "manifest.json"
    for _ in range(2):
        assert runs.is_finished(run)
        kept = runs.load_weights(run).weights
        for ours, theirs in ((prepared.params, kept.params), (prepared.stats, kept.stats)):
            assert ours.keys() == theirs.keys()
            for path, array in ours.items():
                np.testing.assert_array_equal(array, theirs[path])
        again, _ = runs.resume_recipe(run)
        assert again == recipe
        manifest.unlink()
        trained(again, run)
    assert (run / "metrics.jsonl").read_text() == ""
    assert not runs.summary(run)["at_chance"]


def test_training_goes_on_from_the_class_means(recipe: Recipe, tmp_path: Path) -> None:
    """The means are of the loaded network's features; small steps lead away from them."""
    trained(recipe, tmp_path / "before")
    phase = recipes.Phase(name="p", epochs=1, learning_rate=1e-4, warmup_fraction=0.0)
    start = Start(weights=str(tmp_path / "before"), head="prototype")
    whole = dataclasses.replace(recipe, start=start, phases=(phase,))
    prepared = runs.prepare(whole, tmp_path, QUIET)
    before = {path: np.array(a) for path, a in surgery.split(prepared.model)[1].params.items()}
    after = trained(whole, tmp_path / "after").params
    for path in HEAD:
        np.testing.assert_allclose(after[path], before[path], atol=2e-3)
        assert np.any(np.asarray(after[path]) != before[path])


def test_only_the_dense_layer_of_a_head_is_new() -> None:
    """A head's norm comes from the checkpoint: the means are of features that were trained."""
    paths = BACKBONES.get("vit").parameters
    fresh, loaded = (
        surgery.Weights(params={path: jnp.full(2, value) for path in paths}, stats={})
        for value in (0.0, 1.0)
    )
    assert "head/norm/scale" in paths
    filled = surgery.transfer(fresh, loaded, head="prototype", where="here")
    assert {path for path in paths if not filled.params[path].any()} == set(HEAD)


def test_few_labels_stretch_no_phases_where_there_are_none() -> None:
    """`--shots` asks for more epochs until there are steps enough; prototypes alone take none."""
    recipe = recipes.load(recipes.find("scripts/telugu"), ["strategy=prototype"])
    assert few(recipe, 1) == [
        "data.shots=1",
        "data.validation_fraction=0.0",
        "data.train_on=train",
    ]
