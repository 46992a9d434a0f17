"""A head for each script: what is learned from a picture, and what is asked of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from indicdigits.data.source import Data, Split
from indicdigits.models import create, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Augment, ClassEntry, Model, Phase, Recipe, Training
from indicdigits.recipe.heads import count_heads, heads_of
from indicdigits.training.heads import head_softmax, label_targets, told_head, within_head
from indicdigits.training.history import read_history
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.losses import label_loss
from indicdigits.training.weights import LoadedModel, answers

HEADS = (0,) * 10 + (1,) * 10 + (2,) * 3
LABELS = np.array([3, 17, 22, 10])


def logits() -> np.ndarray:
    """Four pictures' logits, in which other heads are often the surer ones."""
    return np.random.default_rng(0).normal(0, 3, (4, len(HEADS))).astype(np.float32)


def masked_loss(given: jax.Array, training: Training) -> jax.Array:
    labels = jnp.array(LABELS)
    targets = label_targets(labels, len(HEADS), HEADS, training.label_smoothing)
    return label_loss(within_head(given, labels, HEADS), targets, training)


@pytest.mark.parametrize(
    "training", [Training(), Training(label_smoothing=0.1), Training(temperature=4.0)]
)
def test_the_loss_is_that_of_the_pictures_own_softmax(training: Training) -> None:
    """As if the other scripts' outputs were not there, with smoothing and temperature as well."""
    losses = []
    for row, label in zip(logits().astype(np.float64), LABELS, strict=True):
        mine = np.flatnonzero(np.array(HEADS) == HEADS[label])
        scaled = row[mine] / training.temperature
        log_softmax = scaled - np.log(np.exp(scaled).sum())
        targets = np.full(len(mine), training.label_smoothing / len(mine))
        targets[mine == label] += 1 - training.label_smoothing
        losses.append(-(targets * log_softmax).sum())
    ours = masked_loss(jnp.array(logits()), training)
    assert float(ours) == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
def test_no_gradient_reaches_another_head(loss: str) -> None:
    """Zero to the bit, with the capsules' loss too; the head of the picture does get one."""
    training = Training(loss=loss, label_smoothing=0.1)  # type: ignore[arg-type]
    gradient = np.asarray(jax.grad(masked_loss)(jnp.array(logits()), training))
    own = np.array(HEADS)[LABELS][:, None] == np.array(HEADS)
    assert not gradient[~own].any()
    assert all(row[mine].any() for row, mine in zip(gradient, own, strict=True))


def test_a_heads_probabilities_do_not_depend_on_the_others() -> None:
    """Each head sums to one, even where another's logits are larger by thousands."""
    given = logits()
    given[:, 10:20] += 5000
    found = np.asarray(head_softmax(jnp.array(given), HEADS))
    for head in range(3):
        mine = np.array(HEADS) == head
        expected = jax.nn.softmax(given[:, mine])
        np.testing.assert_allclose(found[:, mine], expected, rtol=1e-4, atol=1e-7)
    told = told_head(found, LABELS, HEADS)
    np.testing.assert_allclose(told.sum(axis=1), 1, rtol=1e-5)
    assert [HEADS[answer] for answer in told.argmax(axis=1)] == [HEADS[n] for n in LABELS]


def test_unicode_tells_the_heads(tiny_recipe: Recipe) -> None:
    """Digits go by their script, also one that only Unicode knows; all other classes share one."""
    texts = ["1", "२", "௰", "𑄶", "2", "𑄷", "not a digit", "१"]
    recipe = dataclasses.replace(
        tiny_recipe,
        classes=tuple(ClassEntry(text=text) for text in texts),
        training=Training(heads="script"),
    )
    assert heads_of(recipe) == (0, 1, 2, 3, 0, 3, 2, 1)
    assert count_heads(recipe) == 4
    assert heads_of(dataclasses.replace(recipe, training=Training())) is None
    assert heads_of(dataclasses.replace(recipe, classes=())) is None  # Latin alone: one head


@pytest.fixture
def two_scripts(tiny_recipe: Recipe) -> Recipe:
    """Ten Latin classes and ten Tamil ones, a head for each."""
    return dataclasses.replace(
        tiny_recipe,
        script="both",
        scripts=("latin", "tamil"),
        augment=Augment(jitter=0),
        model=Model(backbone="mlp"),
        training=Training(batch_size=24, average_decay=0.9, heads="script", accumulate=2),
        phases=(Phase(name="only", epochs=20, learning_rate=3e-3),),
    )


def trained(recipe: Recipe, data: Data, run: Path) -> LoadedModel:
    run.mkdir()
    model = create(recipe, seed=0)
    fit(recipe, data, model, Runtime(run=run, reporter=Reporter(quiet=True)))
    return LoadedModel(model=model, recipe=recipe, info={})


def test_the_same_picture_may_be_a_digit_of_either_script(
    two_scripts: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """What looks alike in two scripts is learned in both, and scored within the script it is of."""

    def in_both(split: Split) -> Split:
        tamil = 10 * (np.arange(len(split)) // 10 % 2)
        return dataclasses.replace(split, labels=split.labels + tamil)

    data = Data(
        train=in_both(bars_data.train),
        validation=in_both(bars_data.validation),
        test=in_both(bars_data.test),
    )
    loaded = trained(two_scripts, data, tmp_path / "run")
    last = read_history(tmp_path / "run")[-1]
    assert last["train_accuracy"] > 0.8
    assert last["validation_accuracy"] > 0.8
    assert last["validation_loss"] < 1
    found = answers(loaded, data.test)
    assert (found.argmax(axis=1) == data.test.labels).mean() > 0.8
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_pictures_of_one_script_leave_the_other_head_alone(
    two_scripts: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """Trained on Latin bars only, the Tamil outputs keep their first weights to the bit."""
    phase = Phase(name="only", epochs=1, learning_rate=3e-3)
    recipe = dataclasses.replace(two_scripts, phases=(phase,))
    before = surgery.split(create(recipe, seed=0))[1].params
    after = surgery.split(trained(recipe, bars_data, tmp_path / "run").model)[1].params
    outputs = [path for path, array in before.items() if array.shape[-1] == 20]
    assert outputs
    for path in outputs:
        np.testing.assert_array_equal(after[path][..., 10:], before[path][..., 10:])
        assert (after[path][..., :10] != before[path][..., :10]).any()
